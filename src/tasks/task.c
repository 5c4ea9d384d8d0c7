#include "tasks/task.h"

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
const char *const task_format_names[TASK_FORMATS] = {"own", "gsm8k", "lambada", "blimp"};

/* What each published format is. */
static const enum task_kind format_kinds[TASK_FORMATS] = {TASK_KINDS, TASK_GENERATE, TASK_LASTWORD, TASK_PAIRS};

enum { LENGTH_MOST = 1 << 20 };

struct task_reading {
    struct task *task;
    const char *path;
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

/* Blanks at the ends are kept by quotes; \n and \t are a newline and a tab, \" within quotes a quote, any other \x stays as it is. */
static ltm_status set_text(char *value, size_t size, const char *key, const char *text, struct ltm_error *error) {
    size_t length = strlen(text);
    size_t used = 0;
    const bool quoted = length >= 2 && text[0] == '"' && text[length - 1] == '"';
    if (quoted) {
        text++;
        length -= 2;
    }
    if (length >= size) return fail(error, LTM_INVALID, "%s is longer than %zu bytes", key, size - 1);
    for (size_t i = 0; i < length; i++) {
        const char next = text[i] == '\\' && i + 1 < length ? text[i + 1] : 0;
        if (next == 'n' || next == 't') {
            value[used++] = next == 'n' ? '\n' : '\t';
            i++;
        } else {
            if (!(quoted && next == '"')) value[used++] = text[i];
            if (next) value[used++] = text[++i];
        }
    }
    value[used] = 0;
    return LTM_OK;
}

static ltm_status set_name(char name[TASK_NAME], const char *text, struct ltm_error *error) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t length = strlen(text);
    if (length == 0 || length >= TASK_NAME || strspn(text, letters) != length || text[0] == '.' || text[0] == '-')
        return fail(error, LTM_INVALID, "name = \"%.80s\" is not 1 to %d letters, digits, dots, dashes, underscores",
                    text, TASK_NAME - 1);
    strcpy(name, text);
    return LTM_OK;
}

static ltm_status set_path(char path[LTM_PATH_MAX], const char *ini, const char *text, struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    const char *slash = strrchr(ini, '/');
    if (!*text) return fail(error, LTM_INVALID, "a file's name is empty");
    if (text[0] == '/' || !slash) return path_join(path, LTM_PATH_MAX, "", text, error);
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - ini), ini);
    return path_join(path, LTM_PATH_MAX, *folder ? folder : "/", text, error);
}

static ltm_status set_length(int *length, const char *text, struct ltm_error *error) {
    int64_t number;
    if (!number_parse_integer(text, &number) || number < 1 || number > LENGTH_MOST)
        return fail(error, LTM_INVALID, "length = \"%.60s\" is not a number of tokens, 1 to %d", text, LENGTH_MOST);
    *length = (int)number;
    return LTM_OK;
}

static ltm_status unknown_key(const char *key, struct ltm_error *error) {
    static const char *const keys[] = {"name",      "kind",    "items", "shots", "format",      "family", "delimiter",
                                       "separator", "extract", "match", "stop",  "ignore_case", "ignore", "length"};
    const char *nearest = ltm_nearest_name(key, keys, sizeof keys / sizeof *keys);
    if (nearest) return fail(error, LTM_INVALID, "a task has no key \"%.60s\"; did you mean %s?", key, nearest);
    return fail(error, LTM_INVALID, "a task has no key \"%.60s\"", key);
}

static ltm_status set_key(struct task_reading *r, const char *key, const char *text, struct ltm_error *error) {
    static const char *const match_names[] = {"first", "last"};
    static const char *const yes_names[] = {"no", "yes"};
    struct task *task = r->task;
    int number = 0;
    ltm_status status;
    if (strcmp(key, "name") == 0) return set_name(task->name, text, error);
    if (strcmp(key, "items") == 0) return set_path(task->items_path, r->path, text, error);
    if (strcmp(key, "shots") == 0) return set_path(task->shots_path, r->path, text, error);
    if (strcmp(key, "length") == 0) return set_length(&task->length, text, error);
    if (strcmp(key, "extract") == 0) return set_text(task->extract, TASK_TEXT, key, text, error);
    if (strcmp(key, "stop") == 0) return set_text(task->stop, TASK_TEXT, key, text, error);
    if (strcmp(key, "ignore") == 0) return set_text(task->ignore, TASK_TEXT, key, text, error);
    if (strcmp(key, "kind") == 0) {
        status = set_word(&number, key, text, task_kind_names, TASK_KINDS, error);
        task->kind = (enum task_kind)number;
        r->has_kind = true;
        return status;
    }
    if (strcmp(key, "format") == 0) {
        status = set_word(&number, key, text, task_format_names, TASK_FORMATS, error);
        task->format = (enum task_format)number;
        return status;
    }
    if (strcmp(key, "match") == 0) {
        status = set_word(&number, key, text, match_names, 2, error);
        task->match_last = number == 1;
        return status;
    }
    if (strcmp(key, "ignore_case") == 0) {
        status = set_word(&number, key, text, yes_names, 2, error);
        task->ignore_case = number == 1;
        return status;
    }
    if (strcmp(key, "delimiter") == 0) {
        r->has_delimiter = true;
        return set_text(task->delimiter, TASK_TEXT, key, text, error);
    }
    if (strcmp(key, "separator") == 0) {
        r->has_separator = true;
        return set_text(task->separator, TASK_TEXT, key, text, error);
    }
    if (strcmp(key, "family") == 0) {
        status = family_check(text, error);
        if (status == LTM_OK) snprintf(task->family, sizeof task->family, "%s", text);
        return status;
    }
    return unknown_key(key, error);
}

static ltm_status on_key(void *user, const char *section, const char *key, const char *value, struct ltm_error *error) {
    if (strcmp(section, "task") == 0) return set_key(user, key, value, error);
    return fail(error, LTM_INVALID, "\"%.60s\" stands in section [%.60s], not in [task]", key, section);
}

/* What the keys say together. */
static ltm_status settle(struct task_reading *r, struct ltm_error *error) {
    struct task *task = r->task;
    const enum task_kind kind = format_kinds[task->format];
    if (!*task->name) return fail(error, LTM_INVALID, "%s has no name = … in [task]", r->path);
    if (!*task->items_path) return fail(error, LTM_INVALID, "%s has no items = FILE.jsonl in [task]", r->path);
    if (!r->has_kind && kind == TASK_KINDS)
        return fail(error, LTM_INVALID, "%s has no kind = choices, generate, lastword or pairs in [task]", r->path);
    if (!r->has_kind) task->kind = kind;
    if (kind != TASK_KINDS && kind != task->kind)
        return fail(error, LTM_INVALID, "%s: format = %s goes with kind = %s, not %s", r->path,
                    task_format_names[task->format], task_kind_names[kind], task_kind_names[task->kind]);
    const bool rules = *task->extract || *task->stop || *task->ignore;
    if (rules && (task->kind != TASK_GENERATE || task->format == TASK_GSM8K))
        return fail(error, LTM_INVALID, "%s: extract, stop and ignore go with kind = generate of format = own only",
                    r->path);
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
    quote(separator, task->separator);
    const struct answer_patterns patterns = {.extract = *task->extract ? task->extract : NULL,
                                             .stop = *task->stop  ? task->stop
                                                     : *separator ? separator
                                                                  : NULL,
                                             .ignore = *task->ignore ? task->ignore : NULL,
                                             .last = task->match_last,
                                             .ignore_case = task->ignore_case};
    ltm_status status = answer_rules_create(&task->rules, &patterns, error);
    return status == LTM_OK ? LTM_OK : fail_within(error, status, "%s", path);
}

static ltm_status read_ini(struct task *task, const char *path, struct ltm_error *error) {
    struct task_reading reading = {.task = task, .path = path};
    ltm_status status = LTM_OK;
    TRY(ini_file_read(path, ";", on_key, &reading, error)); /* an expression may begin with # */
    TRY(settle(&reading, error));
    TRY(make_rules(task, path, error));
cleanup:
    return status;
}

ltm_status task_load(struct task **task, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct task *made = NULL;
    char ini[LTM_PATH_MAX];
    *task = NULL;
    if (folder_exists(path))
        TRY(path_join(ini, sizeof ini, path, "task.ini", error));
    else if (snprintf(ini, sizeof ini, "%s", path) >= (int)sizeof ini)
        return fail(error, LTM_INVALID, "the path %.60s… is longer than %zu bytes", path, sizeof ini - 1);
    TRY(NEW_ARRAY(made, 1, "a task", error));
    TRY(read_ini(made, ini, error));
    TRY(task_items_read(&made->items, made->kind, made->format, made->items_path, error));
    TRY(checksum_file(made->digest[0], made->items_path, error));
    if (*made->shots_path) {
        TRY(task_items_read(&made->shots, made->kind, made->format, made->shots_path, error));
        TRY(checksum_file(made->digest[1], made->shots_path, error));
    }
    *task = made;
    return LTM_OK;
cleanup:
    task_free(made);
    return status;
}

void task_free(struct task *task) {
    if (!task) return;
    answer_rules_free(&task->rules);
    task_items_free(&task->items);
    task_items_free(&task->shots);
    free(task);
}
