#include "config/ini_file.h"

#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

enum { INI_LARGEST = 1 << 20, INI_LINE = 2048 };

/* State of reading an INI file through inih, line by line. */
struct ini_reading {
    ini_take take;
    void *user;
    const char *path, *next; /* next: the unread rest */
    int line;
    char text[INI_LINE];  /* inih's current line, whole: its own buffer may be shorter, and it does not handle quotes */
    const char *comments; /* characters that begin one after a value */
    char **seen;          /* [seen_count] "SECTION.KEY" */
    int seen_count;
    ltm_status status;
    struct ltm_error *error;
};

/* Fail with "FILE, line N: why". */
static ltm_status fail_line(struct ini_reading *ini, ltm_status code, const char *why) {
    return ini->status = fail(ini->error, code, "%.300s, line %d: %s", ini->path, ini->line, why);
}

static char *trimmed(char *text) {
    text += strspn(text, " \t\r");
    char *end = text + strlen(text);
    while (end > text && strchr(" \t\r", end[-1])) end--;
    *end = 0;
    return text;
}

/* Cut a comment, which begins after a space or tab, off a value. A value that begins with a quote has no comment inside quotes. */
static void cut_comment(char *value, const char *comments) {
    const bool quotes = *value == '"';
    bool within = false;
    for (char *c = value; *c; c++) {
        if (quotes && *c == '"' && (c == value || c[-1] != '\\')) within = !within;
        if (!within && strchr(comments, *c) && (c == value || c[-1] == ' ' || c[-1] == '\t')) {
            *c = 0;
            return;
        }
    }
}

static ltm_status note_seen(struct ini_reading *ini, const char *section, const char *key, struct ltm_error *error) {
    char *name = NULL;
    if (asprintf(&name, "%s.%s", section, key) < 0) return fail_memory(error, strlen(key), "a key");
    for (int i = 0; i < ini->seen_count; i++)
        if (strcmp(ini->seen[i], name) == 0) {
            free(name);
            return fail(error, LTM_INVALID, "%.100s is set a second time; remove one of the two", key);
        }
    char **seen = realloc(ini->seen, ((size_t)ini->seen_count + 1) * sizeof *seen);
    if (!seen) {
        free(name);
        return fail_memory(error, sizeof *seen, "a key");
    }
    ini->seen = seen;
    seen[ini->seen_count++] = name;
    return LTM_OK;
}

/* Faults that inih would ignore in a line that begins a section. */
static const char *section_fault(const char *text) {
    if (*text != '[') return NULL;
    const char *rest = strchr(text, ']');
    if (!rest) return "the section's name does not end with ]";
    rest += 1 + strspn(rest + 1, " \t");
    if (*rest && *rest != ';' && *rest != '#')
        return "there is text after the section's name; put it on a line of its own";
    return NULL;
}

/* Hand inih its next line, without indentation: inih would take an indented key as a continuation of the value above. */
static char *next_line(char *line, int size, void *user) {
    struct ini_reading *ini = user;
    if (ini->status != LTM_OK || !*ini->next) return NULL;
    size_t length = strcspn(ini->next, "\n");
    ini->line++;
    if (length >= sizeof ini->text) {
        fail_line(ini, LTM_INVALID, "the line is too long");
        return NULL;
    }
    memcpy(ini->text, ini->next, length);
    ini->text[length] = 0;
    ini->next += length + (ini->next[length] == '\n');
    const char *text = trimmed(ini->text);
    const char *fault = section_fault(text);
    if (fault) {
        fail_line(ini, LTM_INVALID, fault);
        return NULL;
    }
    /* From version 58 on, inih treats a line that fills its buffer as too long. */
    snprintf(line, (size_t)size - 1, "%s", text);
    return line;
}

static int take_value(void *user, const char *section, const char *key, const char *value) {
    struct ini_reading *ini = user;
    char copy[INI_LINE];
    char why[600];
    struct ltm_error inner = {0};
    if (ini->status != LTM_OK) return 0;
    const char *from = ini->text + strcspn(ini->text, "=:");
    (void)value;
    snprintf(copy, sizeof copy, "%s", *from ? from + 1 : from);
    char *text = trimmed(copy);
    cut_comment(text, ini->comments);
    text = trimmed(text);
    if (note_seen(ini, section, key, &inner) == LTM_OK && ini->take(ini->user, section, key, text, &inner) == LTM_OK)
        return 1;
    snprintf(why, sizeof why, "%.599s", inner.message);
    fail_line(ini, inner.code == LTM_MEMORY ? LTM_MEMORY : LTM_INVALID, why);
    return 0;
}

ltm_status ini_file_read(const char *path, const char *comments, ini_take take, void *user, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes;
    struct ini_reading *ini = NULL;
    ltm_status status;
    TRY(file_read_text(&text, &bytes, path, INI_LARGEST, error));
    ini = calloc(1, sizeof *ini);
    if (!ini) {
        status = fail_memory(error, sizeof *ini, path);
        goto cleanup;
    }
    *ini = (struct ini_reading){
        .take = take, .user = user, .path = path, .next = text, .comments = comments, .error = error};
    if (strlen(text) != bytes) TRY(fail(error, LTM_INVALID, "%s is not a text file: it contains a NUL byte", path));
    int bad = ini_parse_stream(next_line, ini, take_value, ini);
    if (bad == -2) TRY(fail_memory(error, INI_LINE, path)); /* of inih */
    if (ini->status == LTM_OK && bad) {
        ini->line = bad;
        fail_line(ini, LTM_INVALID, "neither [section] nor key = value");
    }
    status = ini->status;
cleanup:
    for (int i = 0; ini && i < ini->seen_count; i++) free(ini->seen[i]);
    if (ini) free(ini->seen);
    free(ini);
    free(text);
    return status;
}
