#include "ltm/config.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_keys.h"
#include "base/error.h"
#include "base/files.h"
#include "ltm/names.h"

enum { INI_LARGEST = 1 << 20, INI_LINE = 2 * LTM_PATH_MAX, NAME_MAX_BYTES = 128 };

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

/* The right key in the wrong section is a better guess than the fewest changed letters. */
static ltm_status fail_unknown(const char *name, struct ltm_error *error) {
    const char *names[128], *in_other_section[128];
    size_t count, others = 0;
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
    ltm_status status = find_key(&key, name, error);
    if (status != LTM_OK) return status;
    config_key_print(config, key, text);
    if (strlen(text) >= size)
        return fail(error, LTM_INVALID, "the value of %s needs %zu bytes, not %zu", name, strlen(text) + 1, size);
    strcpy(value, text);
    return LTM_OK;
}

/* An INI file on its way through inih, line by line. */
struct ini_reading {
    struct ltm_config *config;
    const char *path, *next; /* next: what is not read yet */
    int line;
    char text[INI_LINE]; /* the line that inih has now, whole: its own buffer may be shorter */
    bool cut;            /* and is */
    ltm_status status;
    struct ltm_error *error;
};

/* Fail with "FILE, line N: why". */
static ltm_status fail_line(struct ini_reading *ini, const char *why) {
    return ini->status = fail(ini->error, LTM_INVALID, "%.300s, line %d: %s", ini->path, ini->line, why);
}

static char *trimmed(char *text) {
    text += strspn(text, " \t\r");
    char *end = text + strlen(text);
    while (end > text && strchr(" \t\r", end[-1])) end--;
    *end = 0;
    return text;
}

/* End a value where a comment begins: inih knows " ;", people also write " #". */
static void cut_comment(char *value) {
    for (char *c = value; *c; c++) {
        if ((*c == ';' || *c == '#') && (c == value || c[-1] == ' ' || c[-1] == '\t')) {
            *c = 0;
            return;
        }
    }
}

/* What inih would pass over in a line that begins a section. */
static const char *section_fault(const char *text) {
    if (*text != '[') return NULL;
    const char *rest = strchr(text, ']');
    if (!rest) return "the section's name does not end with ]";
    rest += 1 + strspn(rest + 1, " \t");
    if (*rest && *rest != ';' && *rest != '#')
        return "something stands behind the section's name; give it a line of its own";
    return NULL;
}

/* Hand inih its next line. Indentation goes, because inih would take an indented key for more of the value above. */
static char *next_line(char *line, int size, void *user) {
    struct ini_reading *ini = user;
    if (ini->status != LTM_OK || !*ini->next) return NULL;
    size_t length = strcspn(ini->next, "\n");
    ini->line++;
    if (length >= sizeof ini->text) {
        fail_line(ini, "the line is too long");
        return NULL;
    }
    memcpy(ini->text, ini->next, length);
    ini->text[length] = 0;
    ini->next += length + (ini->next[length] == '\n');
    const char *text = trimmed(ini->text);
    const char *fault = section_fault(text);
    if (fault) {
        fail_line(ini, fault);
        return NULL;
    }
    ini->cut = strlen(text) >= (size_t)size;
    snprintf(line, (size_t)size, "%s", text);
    return line;
}

static int take_value(void *user, const char *section, const char *key, const char *value) {
    struct ini_reading *ini = user;
    char name[NAME_MAX_BYTES], copy[INI_LINE], why[600];
    struct ltm_error inner = {0};
    if (ini->status != LTM_OK) return 0;
    const char *from = ini->cut ? ini->text + strcspn(ini->text, "=:") : value;
    snprintf(copy, sizeof copy, "%s", ini->cut && *from ? from + 1 : from);
    char *text = trimmed(copy);
    cut_comment(text);
    text = trimmed(text);
    snprintf(name, sizeof name, "%s%s%s", section, *section ? "." : "", key);
    if (ltm_config_set(ini->config, name, text, &inner) == LTM_OK) return 1;
    snprintf(why, sizeof why, "%.599s", inner.message);
    fail_line(ini, why);
    return 0;
}

ltm_status ltm_config_load(struct ltm_config *config, const char *path, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes;
    struct ini_reading *ini = NULL;
    struct ltm_config loaded = *config;
    ltm_status status;
    TRY(file_read_text(&text, &bytes, path, INI_LARGEST, error));
    ini = calloc(1, sizeof *ini);
    if (!ini) {
        status = fail_memory(error, sizeof *ini, path);
        goto cleanup;
    }
    *ini = (struct ini_reading){.config = &loaded, .path = path, .next = text, .error = error};
    if (strlen(text) != bytes) {
        status = fail(error, LTM_INVALID, "%s is not a text file: it holds a NUL byte", path);
        goto cleanup;
    }
    int bad = ini_parse_stream(next_line, ini, take_value, ini);
    if (ini->status == LTM_OK && bad) {
        ini->line = bad;
        fail_line(ini, "neither [section] nor key = value");
    }
    status = ini->status;
    if (status == LTM_OK) *config = loaded;
cleanup:
    free(ini);
    free(text);
    return status;
}

ltm_status ltm_config_write(const struct ltm_config *config, const char *path, struct ltm_error *error) {
    struct file_draft draft;
    size_t count, length = 0;
    const struct config_key *keys = config_key_table(&count);
    const char *section = "";
    for (size_t i = 0; i < count; i++) {
        ltm_status status = config_key_check(config, &keys[i], error); /* or it could not be read again */
        if (status != LTM_OK) return status;
    }
    ltm_status status = file_create(&draft, path, error);
    if (status != LTM_OK) return status;
    for (size_t i = 0; i < count; i++) {
        char text[LTM_PATH_MAX];
        const char *name = keys[i].name, *key = last_part(name);
        size_t this_length = (size_t)(key - name) - 1;
        if (this_length != length || strncmp(name, section, length) != 0) {
            fprintf(draft.stream, "%s[%.*s]\n", i ? "\n" : "", (int)this_length, name);
            section = name;
            length = this_length;
        }
        config_key_print(config, &keys[i], text);
        fprintf(draft.stream, "%s =%s%s\n", key, *text ? " " : "", text);
    }
    return file_commit(&draft, error); /* sees any write that failed */
}
