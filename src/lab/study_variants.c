#include "lab/study_variants.h"

#include <stdlib.h>
#include <string.h>

static int find(const struct ltm_study *s, const char *name) {
    const struct value_list *names = &s->axes[0].values;
    for (size_t i = 0; i < s->variants.count; i++)
        if (strcmp(names->values[i], name) == 0) return (int)i;
    return -1;
}

ltm_status study_take_variant(struct ltm_study *s, const char *name, const char *settings, struct ltm_error *error) {
    if (!*name || strlen(name) >= STUDY_NAME / 2 ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
        return fail(error, LTM_INVALID,
                    "variants.%.100s is not a name for cells; use up to %d letters, digits, _ and -", name,
                    STUDY_NAME / 2 - 1);
    if (s->variants.count == 0) { /* the axis goes before the others */
        if (s->axis_count == STUDY_AXES)
            return fail(error, LTM_INVALID, "a study has at most %d axes, [variants] included", STUDY_AXES);
        memmove(s->axes + 1, s->axes, (size_t)s->axis_count++ * sizeof *s->axes);
        s->axes[0] = (struct study_axis){.name = VARIANT_KEY, .keys = {VARIANT_KEY}, .linked = 1};
    }
    const int known = find(s, name);
    if (known < 0) PASS_UP(value_list_add(&s->axes[0].values, name, error));
    PASS_UP(value_list_add(&s->variants, settings, error));
    if (known < 0) return LTM_OK;
    free(s->variants.values[known]);
    s->variants.values[known] = s->variants.values[--s->variants.count];
    return LTM_OK;
}

/* "plain, loops" */
static void list_names(char text[400], const struct ltm_study *s) {
    size_t used = 0;
    for (size_t i = 0; i < s->variants.count && used < 400; i++)
        used += (size_t)snprintf(text + used, 400 - used, "%s%s", i ? ", " : "", s->axes[0].values.values[i]);
}

ltm_status study_choose_variants(struct ltm_study *s, const char *names, struct ltm_error *error) {
    struct value_list chosen = {0};
    char known[400] = "";
    ltm_status status = LTM_OK;
    if (s->variants.count == 0)
        return fail(error, LTM_INVALID, VARIANT_KEY " chooses among [variants], of which none stand before it");
    TRY(value_list_parse(&chosen, VARIANT_KEY, names, error));
    list_names(known, s);
    for (size_t i = 0; i < chosen.count; i++)
        if (find(s, chosen.values[i]) < 0)
            TRY(fail(error, LTM_INVALID, "there is no variant %.100s; [variants] has %s", chosen.values[i], known));
    struct value_list *lists[] = {&s->axes[0].values, &s->variants};
    size_t kept = 0;
    for (size_t i = 0; i < s->variants.count; i++) {
        const bool stays = value_list_has(&chosen, s->axes[0].values.values[i]);
        for (int k = 0; k < 2; k++) {
            char **values = lists[k]->values;
            if (stays && kept < i) {
                char *moved = values[i];
                values[i] = values[kept];
                values[kept] = moved;
            }
        }
        kept += stays;
    }
    for (int k = 0; k < 2; k++)
        while (lists[k]->count > kept) free(lists[k]->values[--lists[k]->count]);
cleanup:
    value_list_free(&chosen);
    return status;
}

void study_print_variants(FILE *f, const struct ltm_study *s) {
    if (s->variants.count) fprintf(f, "\n[variants]\n");
    for (size_t i = 0; i < s->variants.count; i++)
        fprintf(f, "%s = %s\n", s->axes[0].values.values[i], s->variants.values[i]);
}

/* Calls `take` for each of a variant's settings, "section.key=value". */
static ltm_status each_setting(const char *settings,
                               ltm_status (*take)(void *user, const char *setting, struct ltm_error *), void *user,
                               struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char *text = strdup(settings);
    char *rest = text;
    if (!text) return fail_memory(error, strlen(settings), "variants");
    for (char *word; status == LTM_OK && (word = strsep(&rest, " \t"));)
        if (*word) status = take(user, word, error);
    free(text);
    return status;
}

static ltm_status set(void *user, const char *setting, struct ltm_error *error) {
    return ltm_config_override(user, setting, error);
}

ltm_status study_set_variant(struct ltm_config *config, const struct ltm_study *s, int value, struct ltm_error *error) {
    return each_setting(s->variants.values[value], set, config, error);
}

/* LTM_INVALID where the setting is of the key that the user names. */
static ltm_status differs(void *user, const char *setting, struct ltm_error *error) {
    const char *key = user;
    const size_t length = strcspn(setting, "=");
    (void)error;
    return strlen(key) == length && strncmp(key, setting, length) == 0 ? LTM_INVALID : LTM_OK;
}

const char *study_variant_with(const struct ltm_study *s, const char *key) {
    for (size_t i = 0; i < s->variants.count; i++)
        if (each_setting(s->variants.values[i], differs, (void *)key, NULL) == LTM_INVALID)
            return s->axes[0].values.values[i];
    return NULL;
}

static ltm_status check(void *user, const char *setting, struct ltm_error *error) {
    const struct ltm_study *s = user;
    char key[STUDY_NAME];
    struct ltm_config scratch = s->base;
    PASS_UP(ltm_config_override(&scratch, setting, error));
    snprintf(key, sizeof key, "%.*s", (int)strcspn(setting, "="), setting);
    return study_check_axis_key(s, &s->axes[0], key, error);
}

ltm_status study_check_variants(const struct ltm_study *s, struct ltm_error *error) {
    for (size_t i = 0; i < s->variants.count; i++) {
        struct ltm_error inner = {0};
        if (each_setting(s->variants.values[i], check, (void *)s, &inner) != LTM_OK)
            return fail(error, inner.code, "variants.%s: %.400s", s->axes[0].values.values[i], inner.message);
    }
    return LTM_OK;
}

ltm_status study_same_variants(const struct ltm_study *was, const struct ltm_study *is, struct ltm_error *error) {
    for (size_t i = 0; i < was->variants.count; i++) {
        const char *name = was->axes[0].values.values[i];
        const int now = find(is, name);
        if (now < 0 || strcmp(was->variants.values[i], is->variants.values[now]) == 0) continue;
        return fail(error, LTM_MISMATCH,
                    "the study in %.300s began with the variant %s = %.200s; restore it to resume, or name the new one "
                    "otherwise",
                    is->dir, name, was->variants.values[i]);
    }
    return LTM_OK;
}
