#include "tasks/task.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "config/ini_file.h"
#include "ltm/names.h"
#include "tasks/family.h"
#include "tasks/task_items.h"

const char *const task_kind_names[TASK_KINDS] = {"choices", "generate", "lastword", "pairs"};
const char *const task_format_names[TASK_FORMATS] = {"own", "gsm8k", "lambada", "blimp", "coqa"};

/* What each published format is. */
static const enum task_kind format_kinds[TASK_FORMATS] = {TASK_KINDS, TASK_GENERATE, TASK_LASTWORD, TASK_PAIRS,
                                                          TASK_GENERATE};

enum { LENGTH_MOST = 1 << 20 };

struct task_reading {
    struct task *task;
    const char *path, *data; /* the INI; the folder of its files, NULL = the INI's */
    bool has_kind, has_separator, has_delimiter;
};

static ltm_status set_word(int *value, const char *key, const char *text, const char *const *words, int count,
                           struct ltm_error *error) {
    char all[120] = "";
    for (int i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i;
            return LTM_OK;
        }
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", words[i]);
    }
    return fail(error, LTM_INVALID, "%s = \"%.60s\" is none of: %s", key, text, all);
}

/* Blanks at the ends are kept by quotes. */
static ltm_status set_text(char value[TASK_TEXT], const char *key, const char *text, struct ltm_error *error) {
    const size_t length = strlen(text);
    const bool quoted = length >= 2 && text[0] == '"' && text[length - 1] == '"';
    if (length >= TASK_TEXT) return fail(error, LTM_INVALID, "%s is longer than %d bytes", key, TASK_TEXT - 1);
    template_unescape(value, text + quoted, length - (quoted ? 2 : 0), quoted);
    return LTM_OK;
}

static ltm_status set_name(char name[TASK_NAME], const char *text, struct ltm_error *error) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t length = strlen(text);
    if (length == 0 || length >= TASK_NAME || strspn(text, letters) != length || text[0] == '.' || text[0] == '-')
        return fail(error, LTM_INVALID, "name = \"%.80s\" is not 1 to %d letters, digits, dots, dashes or underscores",
                    text, TASK_NAME - 1);
    strcpy(name, text);
    return LTM_OK;
}

/* Relative to `data` where that is given, else to the INI. The star of a group's files becomes the task's stem. */
static ltm_status set_path(char path[LTM_PATH_MAX], const struct task_reading *r, const char *text,
                           struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    char name[LTM_PATH_MAX];
    const char *slash = strrchr(r->path, '/');
    const char *star = r->task->stem[0] ? strchr(text, '*') : NULL;
    if (!*text) return fail(error, LTM_INVALID, "a file name is empty");
    const int length = star ? snprintf(name, sizeof name, "%.*s%s%s", (int)(star - text), text, r->task->stem, star + 1)
                            : snprintf(name, sizeof name, "%s", text);
    if (length >= (int)sizeof name) return fail(error, LTM_INVALID, "the path %.60s… is too long", text);
    if (name[0] == '/' || (!slash && !r->data)) return path_join(path, LTM_PATH_MAX, "", name, error);
    snprintf(folder, sizeof folder, "%.*s", r->data ? LTM_PATH_MAX - 1 : (int)(slash - r->path),
             r->data ? r->data : r->path);
    return path_join(path, LTM_PATH_MAX, *folder ? folder : "/", name, error);
}

static ltm_status set_length(int *length, const char *text, struct ltm_error *error) {
    int64_t number;
    if (!number_parse_integer(text, &number) || number < 1 || number > LENGTH_MOST)
        return fail(error, LTM_INVALID, "length = \"%.60s\" is not a number of tokens, 1 to %d", text, LENGTH_MOST);
    *length = (int)number;
    return LTM_OK;
}

/* Keys whose value is a text, and those that are lists of words, which are kept as they stand. */
static const struct {
    const char *name;
    size_t at;
    bool list;
} texts[] = {{"delimiter", offsetof(struct task, delimiter), false},
             {"separator", offsetof(struct task, separator), false},
             {"description", offsetof(struct task, description), false},
             {"extract", offsetof(struct task, extract), false},
             {"stop", offsetof(struct task, stop), false},
             {"ignore", offsetof(struct task, ignore), true},
             {"context", offsetof(struct task, context), false},
             {"contexts", offsetof(struct task, contexts), true},
             {"choices", offsetof(struct task, choices), true},
             {"labels", offsetof(struct task, labels), true},
             {"gold", offsetof(struct task, gold), false},
             {"answer", offsetof(struct task, answer), false}};

static const struct {
    const char *name;
    size_t at;
} paths[] = {{"items", offsetof(struct task, items_path)},
             {"shots", offsetof(struct task, shots_path)},
             {"items_gold", offsetof(struct task, items_gold)},
             {"shots_gold", offsetof(struct task, shots_gold)}};

static const char *const match_names[] = {"first", "last"};
static const char *const yes_names[] = {"no", "yes"};
static const char *const sampler_names[] = {"random", "first_n"};
static const char *const clean_names[] = {"nothing", "wikihow"};
static const char *const average_names[] = {"items", "tasks"};

/* Keys whose value is one of some words. */
static const struct {
    const char *name;
    size_t at; /* an int */
    const char *const *words;
    int count;
} words[] = {{"kind", offsetof(struct task, kind), task_kind_names, TASK_KINDS},
             {"format", offsetof(struct task, format), task_format_names, TASK_FORMATS},
             {"match", offsetof(struct task, match_last), match_names, 2},
             {"ignore_case", offsetof(struct task, ignore_case), yes_names, 2},
             {"sampler", offsetof(struct task, first_n), sampler_names, 2},
             {"header", offsetof(struct task, header), yes_names, 2},
             {"clean", offsetof(struct task, wikihow), clean_names, 2},
             {"average", offsetof(struct task, average_tasks), average_names, 2}};

enum {
    TEXTS = sizeof texts / sizeof *texts,
    PATHS = sizeof paths / sizeof *paths,
    WORDS = sizeof words / sizeof *words
};

static ltm_status unknown_key(const char *key, struct ltm_error *error) {
    const char *keys[TEXTS + PATHS + WORDS + 3] = {"name", "length", "family"};
    int count = 3;
    for (int i = 0; i < TEXTS; i++) keys[count++] = texts[i].name;
    for (int i = 0; i < PATHS; i++) keys[count++] = paths[i].name;
    for (int i = 0; i < WORDS; i++) keys[count++] = words[i].name;
    const char *nearest = ltm_nearest_name(key, keys, (size_t)count);
    if (nearest) return fail(error, LTM_INVALID, "a task has no key \"%.60s\"; did you mean %s?", key, nearest);
    return fail(error, LTM_INVALID, "a task has no key \"%.60s\"", key);
}

static ltm_status set_list(char value[TASK_TEXT], const char *key, const char *text, struct ltm_error *error) {
    if (snprintf(value, TASK_TEXT, "%s", text) < TASK_TEXT) return LTM_OK;
    return fail(error, LTM_INVALID, "%s is longer than %d bytes", key, TASK_TEXT - 1);
}

static ltm_status set_key(struct task_reading *r, const char *key, const char *text, struct ltm_error *error) {
    struct task *task = r->task;
    char *base = (char *)task;
    if (strcmp(key, "name") == 0) return set_name(task->name, text, error);
    if (strcmp(key, "length") == 0) return set_length(&task->length, text, error);
    r->has_kind = r->has_kind || strcmp(key, "kind") == 0;
    r->has_delimiter = r->has_delimiter || strcmp(key, "delimiter") == 0;
    r->has_separator = r->has_separator || strcmp(key, "separator") == 0;
    for (int i = 0; i < TEXTS; i++)
        if (strcmp(key, texts[i].name) == 0)
            return (texts[i].list ? set_list : set_text)(base + texts[i].at, key, text, error);
    for (int i = 0; i < PATHS; i++)
        if (strcmp(key, paths[i].name) == 0) return set_path(base + paths[i].at, r, text, error);
    for (int i = 0; i < WORDS; i++)
        if (strcmp(key, words[i].name) == 0)
            return set_word((int *)(void *)(base + words[i].at), key, text, words[i].words, words[i].count, error);
    if (strcmp(key, "family") == 0) {
        ltm_status status = family_check(text, error);
        if (status == LTM_OK) snprintf(task->family, sizeof task->family, "%s", text);
        return status;
    }
    return unknown_key(key, error);
}

static ltm_status on_key(void *user, const char *section, const char *key, const char *value, struct ltm_error *error) {
    if (strcmp(section, "task") == 0) return set_key(user, key, value, error);
    return fail(error, LTM_INVALID, "\"%.60s\" is in section [%.60s], not in [task]", key, section);
}

/* What the keys say together. */
static ltm_status settle(struct task_reading *r, struct ltm_error *error) {
    struct task *task = r->task;
    const enum task_kind kind = format_kinds[task->format];
    if (!*task->name) return fail(error, LTM_INVALID, "%s has no name = … in [task]", r->path);
    if (!*task->items_path) return fail(error, LTM_INVALID, "%s has no items = FILE.jsonl in [task]", r->path);
    if (!r->has_kind && kind == TASK_KINDS)
        return fail(error, LTM_INVALID, "%s has no kind = choices, generate, lastword or pairs in [task]", r->path);
    if (!r->has_kind) task->kind = (int)kind;
    if (kind != TASK_KINDS && (int)kind != task->kind)
        return fail(error, LTM_INVALID, "%s: format = %s needs kind = %s, not %s", r->path,
                    task_format_names[task->format], task_kind_names[kind], task_kind_names[task->kind]);
    const bool rules = *task->extract || *task->stop || *task->ignore;
    if (rules && (task->kind != TASK_GENERATE || task->format != TASK_OWN))
        return fail(error, LTM_INVALID, "%s: extract, stop and ignore need kind = generate and format = own", r->path);
    const bool choices = *task->contexts || *task->choices || *task->labels || *task->gold;
    if ((choices && task->kind != TASK_CHOICES) ||
        ((*task->context || *task->answer) && task->kind != TASK_CHOICES && task->kind != TASK_GENERATE) ||
        ((choices || *task->context || *task->answer) && task->format != TASK_OWN))
        return fail(error, LTM_INVALID,
                    "%s: context, contexts, choices, labels and gold need kind = choices, context and answer need kind "
                    "= generate, and all need format = own",
                    r->path);
    if (*task->contexts && (*task->context || *task->choices))
        return fail(error, LTM_INVALID, "%s: contexts replaces context and choices", r->path);
    if (!r->has_delimiter) strcpy(task->delimiter, " ");
    if (!r->has_separator) strcpy(task->separator, "\n\n");
    return LTM_OK;
}

/* A separator as a regular expression that matches just it. */
static void quote(char *pattern, const char *text) {
    for (; *text; text++) {
        if (strchr(".[{()\\*+?|^$", *text)) *pattern++ = '\\';
        *pattern++ = *text;
    }
    *pattern = 0;
}

static ltm_status make_rules(struct task *task, const char *path, struct ltm_error *error) {
    char separator[2 * TASK_TEXT];
    if (task->format == TASK_GSM8K) return answer_rules_gsm8k(&task->rules, error);
    if (task->format == TASK_COQA) return answer_rules_coqa(&task->rules, error);
    quote(separator, task->separator);
    struct answer_patterns patterns = {.extract = *task->extract ? task->extract : NULL,
                                       .stop = *task->stop  ? task->stop
                                               : *separator ? separator
                                                            : NULL,
                                       .last = task->match_last,
                                       .ignore_case = task->ignore_case};
    char ignored[ANSWER_IGNORED_MOST][TASK_TEXT];
    const char *at = task->ignore;
    if (*at == '"') { /* several, in quotes, one after the other */
        while (patterns.ignored < ANSWER_IGNORED_MOST && template_word(&at, ignored[patterns.ignored], TASK_TEXT)) {
            patterns.ignore[patterns.ignored] = ignored[patterns.ignored];
            patterns.ignored++;
        }
        if (at[strspn(at, " ")])
            return fail(error, LTM_INVALID, "%s: ignore has more than %d expressions", path, ANSWER_IGNORED_MOST);
    } else if (*at) {
        template_unescape(ignored[0], at, strlen(at), false);
        patterns.ignore[patterns.ignored++] = ignored[0];
    }
    ltm_status status = answer_rules_create(&task->rules, &patterns, error);
    return status == LTM_OK ? LTM_OK : fail_within(error, status, "%s", path);
}

static ltm_status read_ini(struct task *task, const char *path, const char *data, struct ltm_error *error) {
    struct task_reading reading = {.task = task, .path = path, .data = data};
    ltm_status status = LTM_OK;
    TRY(ini_file_read(path, ";", on_key, &reading, error)); /* an expression may begin with # */
    TRY(settle(&reading, error));
    TRY(make_rules(task, path, error));
cleanup:
    return status;
}

/* The stem is part of the task's name, and as words stands in its description for {*}. */
static ltm_status name_stem(struct task *task, struct ltm_error *error) {
    char text[TASK_TEXT];
    char words_of[TASK_NAME];
    char *star;
    snprintf(task->group, sizeof task->group, "%s", task->name);
    if (snprintf(text, sizeof text, "%s_%s", task->name, task->stem) >= TASK_NAME)
        return fail(error, LTM_INVALID, "the name %.60s_%.60s is longer than %d letters", task->name, task->stem,
                    TASK_NAME - 1);
    snprintf(words_of, sizeof words_of, "%s", task->stem);
    for (char *c = words_of; *c; c++) *c = *c == '_' ? ' ' : *c;
    ltm_status status = set_name(task->name, text, error);
    for (size_t begin = 0; status == LTM_OK && (star = strstr(task->description + begin, "{*}"));) {
        begin = (size_t)(star - task->description) + strlen(words_of);
        if (snprintf(text, sizeof text, "%.*s%s%s", (int)(star - task->description), task->description, words_of,
                     star + 3) >= TASK_TEXT)
            return fail(error, LTM_INVALID, "the description is longer than %d bytes", TASK_TEXT - 1);
        memcpy(task->description, text, sizeof text);
    }
    return status;
}

static ltm_status find_ini(char ini[LTM_PATH_MAX], const char *path, struct ltm_error *error) {
    if (folder_exists(path)) return path_join(ini, LTM_PATH_MAX, path, "task.ini", error);
    if (snprintf(ini, LTM_PATH_MAX, "%s", path) < LTM_PATH_MAX) return LTM_OK;
    return fail(error, LTM_INVALID, "the path %.60s… is longer than %d bytes", path, LTM_PATH_MAX - 1);
}

static ltm_status read_items(struct task *task, int which, const char *path, const char *golds,
                             struct ltm_error *error) {
    const struct task_form form = {.kind = (enum task_kind)task->kind,
                                   .format = (enum task_format)task->format,
                                   .context = task->context,
                                   .contexts = task->contexts,
                                   .choices = task->choices,
                                   .labels = task->labels,
                                   .gold = task->gold,
                                   .answer = task->answer,
                                   .header = task->header,
                                   .wikihow = task->wikihow};
    ltm_status status = task_items_read(which ? &task->shots : &task->items, &form, path, *golds ? golds : NULL, error);
    return status == LTM_OK ? checksum_file(task->digest[which], path, error) : status;
}

ltm_status task_load_from(struct task **task, const char *path, const char *data, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct task *made = NULL;
    char ini[LTM_PATH_MAX];
    *task = NULL;
    TRY(NEW_ARRAY(made, 1, "a task", error));
    made->header = 1;
    TRY(find_ini(ini, path, error));
    char *stem = file_exists(ini) ? NULL : strrchr(ini, '#');
    if (stem) {
        *stem = 0;
        snprintf(made->stem, sizeof made->stem, "%s", stem + 1);
    }
    TRY(read_ini(made, ini, data, error));
    if (*made->stem) TRY(name_stem(made, error));
    if (strchr(made->items_path, '*')) {
        status = fail(error, LTM_INVALID, "%s is a group of tasks; name one of its files: %s#STEM", path, path);
        goto cleanup;
    }
    TRY(read_items(made, 0, made->items_path, made->items_gold, error));
    if (*made->shots_path) TRY(read_items(made, 1, made->shots_path, made->shots_gold, error));
    *task = made;
    return LTM_OK;
cleanup:
    task_free(made);
    return status;
}

ltm_status task_load(struct task **task, const char *path, struct ltm_error *error) {
    return task_load_from(task, path, NULL, error);
}

/* Names of a folder that a pattern with one star fits, as "PATH#STEM". */
static ltm_status expand_star(struct text_list *list, const char *path, const char *items, struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    char **names = NULL;
    size_t count = 0;
    const char *slash = strrchr(items, '/');
    const char *name = slash ? slash + 1 : items;
    const char *star = strchr(name, '*');
    ltm_status status = LTM_OK;
    if (!star || strchr(star + 1, '*'))
        return fail(error, LTM_INVALID, "%s: use one *, in the last part of the path", items);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash ? slash - items : 1), slash ? items : ".");
    TRY(folder_list(&names, &count, folder, error));
    for (size_t i = 0; i < count; i++) {
        char one[2 * LTM_PATH_MAX];
        const size_t before = (size_t)(star - name);
        const size_t after = strlen(star + 1);
        const size_t bytes = strlen(names[i]);
        if (bytes <= before + after || strncmp(names[i], name, before) != 0 ||
            strcmp(names[i] + bytes - after, star + 1) != 0)
            continue;
        snprintf(one, sizeof one, "%s#%.*s", path, (int)(bytes - before - after), names[i] + before);
        TRY(text_list_add(list, one, error));
    }
    if (list->count == 0) status = fail(error, LTM_INVALID, "there is no file %s", items);
cleanup:
    folder_list_free(names, count);
    return status;
}

ltm_status task_expand(struct text_list *list, const char *path, const char *data, struct ltm_error *error) {
    struct task *task = NULL;
    char ini[LTM_PATH_MAX];
    ltm_status status = LTM_OK;
    *list = (struct text_list){0};
    TRY(NEW_ARRAY(task, 1, "a task", error));
    TRY(find_ini(ini, path, error));
    if (!file_exists(ini) && strrchr(ini, '#'))
        TRY(text_list_add(list, path, error));
    else {
        TRY(read_ini(task, ini, data, error));
        if (strchr(task->items_path, '*'))
            TRY(expand_star(list, ini, task->items_path, error));
        else
            TRY(text_list_add(list, path, error));
    }
cleanup:
    task_free(task);
    if (status != LTM_OK) text_list_free(list);
    return status;
}

void task_free(struct task *task) {
    if (!task) return;
    answer_rules_free(&task->rules);
    task_items_free(&task->items);
    task_items_free(&task->shots);
    free(task);
}
