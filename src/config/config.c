#include "ltm/config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/files.h"
#include "config/config_keys.h"
#include "config/ini_file.h"
#include "ltm/names.h"

enum { NAME_MAX_BYTES = 128 };

void ltm_config_defaults(struct ltm_config *config) {
    size_t count;
    const struct config_key *keys = config_key_table(&count);
    const struct ltm_config_key *texts = ltm_config_keys(&count);
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < count; i++) config_key_parse(config, &keys[i], texts[i].fallback, NULL);
}

static const char *last_part(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* The right key in the wrong section is a better guess than the smallest edit distance. */
static ltm_status fail_unknown(const char *name, struct ltm_error *error) {
    const char *names[128];
    const char *in_other_section[128];
    size_t count;
    size_t others = 0;
    const struct config_key *keys = config_key_table(&count);
    if (count > 128) count = 128;
    for (size_t i = 0; i < count; i++) {
        names[i] = keys[i].name;
        if (strcmp(last_part(keys[i].name), last_part(name)) == 0) in_other_section[others++] = keys[i].name;
    }
    const char *nearest = others == 1 ? in_other_section[0] : ltm_nearest_name(name, in_other_section, others);
    if (!nearest) nearest = ltm_nearest_name(name, names, count);
    if (!nearest) return fail(error, LTM_INVALID, "there is no key %.100s; ltm train --help lists all keys", name);
    return fail(error, LTM_INVALID, "there is no key %.100s; did you mean %s?", name, nearest);
}

static ltm_status find_key(const struct config_key **key, const char *name, struct ltm_error *error) {
    *key = config_key_find(name);
    return *key ? LTM_OK : fail_unknown(name, error);
}

ltm_status ltm_config_set(struct ltm_config *config, const char *name, const char *value, struct ltm_error *error) {
    const struct config_key *key;
    ltm_status status = find_key(&key, name, error);
    return status == LTM_OK ? config_key_parse(config, key, value, error) : status;
}

ltm_status ltm_config_override(struct ltm_config *config, const char *assignment, struct ltm_error *error) {
    char name[NAME_MAX_BYTES];
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment)
        return fail(error, LTM_INVALID, "\"%.100s\" is not of the form section.key=value", assignment);
    snprintf(name, sizeof name, "%.*s", (int)(equals - assignment), assignment);
    return ltm_config_set(config, name, equals + 1, error);
}

ltm_status ltm_config_get(const struct ltm_config *config, const char *name, char *value, size_t size,
                          struct ltm_error *error) {
    char text[LTM_PATH_MAX];
    const struct config_key *key;
    PASS_UP(find_key(&key, name, error));
    config_key_print(config, key, text);
    if (strlen(text) >= size)
        return fail(error, LTM_INVALID, "the value of %s needs %zu bytes, not %zu", name, strlen(text) + 1, size);
    strcpy(value, text);
    return LTM_OK;
}

static ltm_status take_value(void *user, const char *section, const char *key, const char *value,
                             struct ltm_error *error) {
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%s%s%s", section, *section ? "." : "", key);
    return ltm_config_set(user, name, value, error);
}

ltm_status ltm_config_load(struct ltm_config *config, const char *path, struct ltm_error *error) {
    struct ltm_config loaded = *config;
    ltm_status status = ini_file_read(path, ";#", take_value, &loaded, error);
    if (status == LTM_OK) *config = loaded;
    return status;
}

ltm_status ltm_config_write(const struct ltm_config *config, const char *path, struct ltm_error *error) {
    struct file_draft draft;
    size_t count;
    size_t length = 0;
    const struct config_key *keys = config_key_table(&count);
    const char *section = "";
    for (size_t i = 0; i < count; i++)
        PASS_UP(config_key_check(config, &keys[i], error)); /* or it could not be read back */
    PASS_UP(file_create(&draft, path, error));
    for (size_t i = 0; i < count; i++) {
        char text[LTM_PATH_MAX];
        const char *name = keys[i].name;
        const char *key = last_part(name);
        size_t this_length = (size_t)(key - name) - 1;
        if (this_length != length || strncmp(name, section, length) != 0) {
            fprintf(draft.stream, "%s[%.*s]\n", i ? "\n" : "", (int)this_length, name);
            section = name;
            length = this_length;
        }
        config_key_print(config, &keys[i], text);
        fprintf(draft.stream, "%s =%s%s\n", key, *text ? " " : "", text);
    }
    return file_commit(&draft, error); /* reports any write that failed */
}
