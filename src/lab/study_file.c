#include "lab/study_file.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/numbers.h"
#include "config/ini_file.h"
#include "lab/study_scores.h"
#include "lab/study_variants.h"
#include "ltm/names.h"

/* ---- [study] and [budget]: each key once, for reading, writing and naming ---- */

enum key_kind { KEY_PATH, KEY_INTEGERS, KEY_FLOPS, KEY_COUNT, KEY_COUNT_OR_AUTO, KEY_WORD };

struct study_key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    int64_t least;        /* of integers */
    const char *words[2]; /* for false and true */
};

#define AT(member) offsetof(struct ltm_study, member)

static const struct study_key study_keys[] = {
    {.name = "study.base", KEY_PATH, AT(base_path)},
    {.name = "study.dir", KEY_PATH, AT(dir)},
    {.name = "study.seeds", KEY_INTEGERS, AT(seeds)},
    {.name = "study.corner_seeds", KEY_INTEGERS, AT(corner_seeds)},
    {.name = "study.keep", KEY_WORD, AT(keep_last), .words = {"best", "last"}},
    {.name = "study.twin", KEY_WORD, AT(twin_attention), .words = {"none", "attention"}},
    {.name = "study.threads", KEY_COUNT, AT(threads)},
    {.name = "study.jobs", KEY_COUNT_OR_AUTO, AT(jobs)},
    {.name = "budget.tokens", KEY_INTEGERS, AT(tokens), 1},
    {.name = "budget.flops", KEY_FLOPS, AT(flops)},
};

enum { STUDY_KEYS = sizeof study_keys / sizeof *study_keys };

static ltm_status take_count(int *to, const char *name, const char *value, struct ltm_error *error) {
    int64_t number;
    if (!number_parse_integer(value, &number) || number < 1 || number > 4096)
        return fail(error, LTM_INVALID, "%s = \"%.100s\" is not a whole number from 1 to 4096", name, value);
    *to = (int)number;
    return LTM_OK;
}

static ltm_status take_flops(struct value_list *list, const char *name, const char *value, struct ltm_error *error) {
    struct value_list words = {0};
    ltm_status status = LTM_OK;
    value_list_free(list);
    TRY(value_list_parse(&words, name, value, error));
    for (size_t i = 0; i < words.count; i++) {
        char text[NUMBER_TEXT];
        double number;
        int64_t integer;
        const bool whole = number_parse_integer(words.values[i], &integer);
        if (whole) number = (double)integer;
        if ((!whole && !number_parse_real(words.values[i], &number)) || !(number >= 1))
            TRY(fail(error, LTM_INVALID, "%s has \"%.100s\", which is not a number of operations such as 2e13", name,
                     words.values[i]));
        number_print_real(text, number);
        if (!value_list_has(list, text)) TRY(value_list_add(list, text, error));
    }
cleanup:
    value_list_free(&words);
    return status;
}

static ltm_status take_word(bool *second, const struct study_key *key, const char *value, struct ltm_error *error) {
    *second = strcmp(value, key->words[1]) == 0;
    if (*second || strcmp(value, key->words[0]) == 0) return LTM_OK;
    return fail(error, LTM_INVALID, "%s = \"%.100s\" is not known; use %s or %s", key->name, value, key->words[0],
                key->words[1]);
}

static ltm_status take_study(struct ltm_study *s, const char *name, const char *value, struct ltm_error *error) {
    const char *names[STUDY_KEYS];
    for (int i = 0; i < STUDY_KEYS; i++) {
        const struct study_key *key = &study_keys[i];
        void *to = (char *)s + key->offset;
        names[i] = key->name;
        if (strcmp(name, key->name) != 0) continue;
        switch (key->kind) {
        case KEY_PATH:
            return study_take_path(to, name, value, error);
        case KEY_INTEGERS:
            return value_list_integers(to, name, value, key->least, error);
        case KEY_FLOPS:
            return take_flops(to, name, value, error);
        case KEY_WORD:
            return take_word(to, key, value, error);
        case KEY_COUNT_OR_AUTO:
            *(int *)to = LTM_AUTO;
            return strcmp(value, "auto") == 0 ? LTM_OK : take_count(to, name, value, error);
        case KEY_COUNT:
            return take_count(to, name, value, error);
        }
    }
    const char *nearest = ltm_nearest_name(name, names, STUDY_KEYS);
    return fail(error, LTM_INVALID, "there is no key %.100s%s%s; ltm sweep --help lists them", name,
                nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static void print_list(FILE *f, const char *key, const struct value_list *list) {
    if (list->count == 0) return;
    fprintf(f, "%s =", key);
    for (size_t i = 0; i < list->count; i++) fprintf(f, " %s", list->values[i]);
    fputc('\n', f);
}

static void print_key(FILE *f, const struct ltm_study *s, const struct study_key *key) {
    const void *from = (const char *)s + key->offset;
    const char *name = strchr(key->name, '.') + 1;
    switch (key->kind) {
    case KEY_PATH:
        fprintf(f, "%s = %s\n", name, from == s->base_path ? STUDY_BASE : (const char *)from);
        break;
    case KEY_INTEGERS:
    case KEY_FLOPS:
        print_list(f, name, from);
        break;
    case KEY_WORD:
        fprintf(f, "%s = %s\n", name, key->words[*(const bool *)from]);
        break;
    case KEY_COUNT_OR_AUTO:
    case KEY_COUNT:
        if (*(const int *)from != LTM_AUTO) fprintf(f, "%s = %d\n", name, *(const int *)from);
        break;
    }
}

void study_print(FILE *f, const struct ltm_study *s) {
    fprintf(f, "# Written by ltm sweep from %s\n", s->path);
    for (int i = 0; i < STUDY_KEYS; i++) {
        const char *name = study_keys[i].name;
        const int section = (int)strcspn(name, ".");
        if (i == 0 || strncmp(name, study_keys[i - 1].name, (size_t)section) != 0)
            fprintf(f, "%s[%.*s]\n", i ? "\n" : "", section, name);
        print_key(f, s, &study_keys[i]);
    }
    study_print_variants(f, s);
    fprintf(f, "\n[axes]\n");
    for (int a = 0; a < s->axis_count; a++)
        if (!study_is_variant(&s->axes[a])) print_list(f, s->axes[a].name, &s->axes[a].values);
    fprintf(f, "\n[scores]\n");
    study_print_scores(f, s, "\n");
}

/* ---- [axes] ---- */

/* The parts of "64/2" or "model.dim/model.heads", into `parts`; 0 when there are too many or one is too long. */
static int split_linked(char parts[STUDY_LINKED][STUDY_NAME], const char *text) {
    int count = 0;
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, "/");
        if (count == STUDY_LINKED || length == 0 || length >= STUDY_NAME) return 0;
        snprintf(parts[count++], STUDY_NAME, "%.*s", (int)length, at);
        at += length;
        if (!*at) return count;
    }
}

/* Set the keys of `axis` to one of its values, in `config`. */
static ltm_status set_value(struct ltm_config *config, const struct study_axis *axis, const char *value,
                            struct ltm_error *error) {
    char parts[STUDY_LINKED][STUDY_NAME];
    if (axis->linked == 1) return ltm_config_set(config, axis->keys[0], value, error);
    if (split_linked(parts, value) != axis->linked)
        return fail(error, LTM_INVALID, "axes.%.100s has \"%.100s\", which is not %d values with / between them",
                    axis->name, value, axis->linked);
    for (int k = 0; k < axis->linked; k++) PASS_UP(ltm_config_set(config, axis->keys[k], parts[k], error));
    return LTM_OK;
}

/* Values as the configuration writes them, so that 1k and 1000 are the same. */
static ltm_status take_values(struct study_axis *axis, const char *text, struct ltm_error *error) {
    struct value_list words = {0};
    struct ltm_config scratch;
    size_t length = 0;
    ltm_status status = LTM_OK;
    ltm_config_defaults(&scratch);
    TRY(value_list_parse(&words, axis->name, text, error));
    for (size_t i = 0; i < words.count; i++) {
        char value[LTM_PATH_MAX];
        char all[STUDY_LINKED * LTM_PATH_MAX] = "";
        size_t used = 0;
        TRY(set_value(&scratch, axis, words.values[i], error));
        for (int k = 0; k < axis->linked; k++) {
            TRY(ltm_config_get(&scratch, axis->keys[k], value, sizeof value, error));
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", k ? "/" : "", value);
        }
        length += strlen(all) + 1;
        if (length > 1900) { /* they must fit in a line of a file */
            TRY(fail(error, LTM_INVALID, "the values of axes.%.100s are too many for one line; shorten the list",
                     axis->name));
        }
        if (!value_list_has(&axis->values, all)) TRY(value_list_add(&axis->values, all, error));
    }
cleanup:
    value_list_free(&words);
    return status;
}

/* A later setting of the same axis replaces its values. */
static ltm_status take_axis(struct ltm_study *s, const char *name, const char *value, struct ltm_error *error) {
    struct study_axis *axis = NULL;
    if (strcmp(name, VARIANT_KEY) == 0) return study_choose_variants(s, value, error);
    for (int a = 0; a < s->axis_count; a++)
        if (strcmp(s->axes[a].name, name) == 0) axis = &s->axes[a];
    if (!axis) {
        if (s->axis_count == STUDY_AXES)
            return fail(error, LTM_INVALID, "a study has at most %d axes; link keys, or make two studies", STUDY_AXES);
        axis = &s->axes[s->axis_count];
        *axis = (struct study_axis){0};
        snprintf(axis->name, sizeof axis->name, "%s", name);
        axis->linked = split_linked(axis->keys, name);
        if (axis->linked == 0)
            return fail(error, LTM_INVALID, "axes.%.100s is neither a key nor up to %d keys with / between them", name,
                        STUDY_LINKED);
        for (int k = 0; k < axis->linked; k++) PASS_UP(study_check_axis_key(s, axis, axis->keys[k], error));
        s->axis_count++;
    }
    value_list_free(&axis->values);
    return take_values(axis, value, error);
}

/* The twins' cells differ from the others in these keys, which must then be columns. */
static ltm_status add_twin_axes(struct ltm_study *s, struct ltm_error *error) {
    static const char *const keys[] = {"latent.count", "model.window"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char value[LTM_PATH_MAX];
        bool there = false;
        const char *variant = study_variant_with(s, keys[i]);
        if (variant)
            return fail(error, LTM_INVALID,
                        "study.twin = attention sets %s by itself; take it out of variants.%s, and give its values as "
                        "the axis %s",
                        keys[i], variant, keys[i]);
        for (int a = 0; a < s->axis_count; a++) {
            for (int k = 0; s->axes[a].linked > 1 && k < s->axes[a].linked; k++)
                if (strcmp(s->axes[a].keys[k], keys[i]) == 0)
                    return fail(error, LTM_INVALID,
                                "study.twin = attention sets %s by itself; take it out of the axis %.200s", keys[i],
                                s->axes[a].name);
            there = there || strcmp(s->axes[a].name, keys[i]) == 0;
        }
        if (there) continue;
        PASS_UP(ltm_config_get(&s->base, keys[i], value, sizeof value, error));
        PASS_UP(take_axis(s, keys[i], value, error));
    }
    return LTM_OK;
}

/* ---- The file and the settings ---- */

static ltm_status take(void *user, const char *section, const char *key, const char *value, struct ltm_error *error) {
    static const char *const sections[] = {"study", "budget", "variants", "axes", "scores"};
    struct ltm_study *s = user;
    char name[160];
    snprintf(name, sizeof name, "%s%s%s", section, *section ? "." : "", key);
    if (strcmp(section, "variants") == 0) return study_take_variant(s, key, value, error);
    if (strcmp(section, "axes") == 0) return take_axis(s, key, value, error);
    if (strcmp(section, "scores") == 0) return study_take_score(s, key, value, error);
    if (strcmp(section, "study") == 0 || strcmp(section, "budget") == 0) return take_study(s, name, value, error);
    const char *nearest = ltm_nearest_name(section, sections, 5);
    return fail(
        error, LTM_INVALID,
        "a study has no section [%.60s]%s%s%s; it has study, budget, variants, axes and scores, and the keys of "
        "runs belong in its base",
        section, nearest ? "; did you mean [" : "", nearest ? nearest : "", nearest ? "]" : "");
}

/* Whether a setting is the study's own, and then its section and key. */
static bool of_study(const char *setting, char section[16], char key[STUDY_NAME * STUDY_LINKED]) {
    const size_t first = strcspn(setting, ".");
    const size_t name = strcspn(setting, "=");
    if (first >= 16 || name <= first || name - first >= STUDY_NAME * STUDY_LINKED) return false;
    snprintf(section, 16, "%.*s", (int)first, setting);
    snprintf(key, STUDY_NAME * STUDY_LINKED, "%.*s", (int)(name - first - 1), setting + first + 1);
    return strcmp(section, "study") == 0 || strcmp(section, "budget") == 0 || strcmp(section, "axes") == 0 ||
           strcmp(section, "variants") == 0 || strcmp(section, "scores") == 0;
}

static ltm_status take_settings(struct ltm_study *s, const char *const *settings, size_t count, bool of_base,
                                struct ltm_error *error) {
    for (size_t i = 0; i < count; i++) {
        char section[16];
        char key[STUDY_NAME * STUDY_LINKED];
        const bool own = of_study(settings[i], section, key);
        ltm_status status = LTM_OK;
        if (own && !of_base) status = take(s, section, key, strchr(settings[i], '=') + 1, error);
        if (!own && of_base) status = ltm_config_override(&s->base, settings[i], error);
        if (status != LTM_OK) return status;
    }
    return LTM_OK;
}

/* A path that is relative to the study's file. */
static ltm_status beside(char out[LTM_PATH_MAX], const char *study, const char *path, struct ltm_error *error) {
    const char *slash = strrchr(study, '/');
    char folder[LTM_PATH_MAX];
    if (*path == '/' || !slash) {
        snprintf(out, LTM_PATH_MAX, "%s", path);
        return LTM_OK;
    }
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - study) + 1, study);
    return path_join(out, LTM_PATH_MAX, folder, path, error);
}

/* runs/NAME for …/NAME.ini */
static void default_dir(char dir[LTM_PATH_MAX], const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    snprintf(dir, LTM_PATH_MAX, "runs/%.*s", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
}

ltm_status study_read(struct ltm_study *s, const char *path, const char *const *settings, size_t count,
                      struct ltm_error *error) {
    char base[LTM_PATH_MAX];
    char seed[NUMBER_TEXT];
    *s = (struct ltm_study){.threads = 1, .jobs = LTM_AUTO, .limit = LTM_AUTO, .draws = LTM_AUTO, .samples = LTM_AUTO};
    if (strlen(path) >= LTM_PATH_MAX - 300) return fail(error, LTM_INVALID, "the path %.60s… is too long", path);
    strcpy(s->path, path);
    PASS_UP(ini_file_read(path, ";#", take, s, error));
    PASS_UP(take_settings(s, settings, count, false, error));
    if (!s->base_path[0]) return fail(error, LTM_INVALID, "%.300s has no base; add base = CONFIG.ini to [study]", path);
    PASS_UP(beside(base, path, s->base_path, error));
    strcpy(s->base_path, base);
    if (!s->dir[0]) default_dir(s->dir, path);
    ltm_config_defaults(&s->base);
    if (!file_exists(base))
        return fail(error, LTM_IO, "there is no file %.300s, which study.base of %.300s names (relative to that file)",
                    base, path);
    PASS_UP(ltm_config_load(&s->base, base, error));
    PASS_UP(take_settings(s, settings, count, true, error));
    PASS_UP(study_check_variants(s, error));
    if (s->twin_attention) PASS_UP(add_twin_axes(s, error));
    if (s->seeds.count == 0) {
        snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->base.run.seed);
        PASS_UP(value_list_add(&s->seeds, seed, error));
    }
    return LTM_OK;
}
