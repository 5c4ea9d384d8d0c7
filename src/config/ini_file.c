#include "config/ini_file.h"

#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

enum { INI_LARGEST = 1 << 20, INI_LINE = 2048 };

/* An INI file on its way through inih, line by line. */
struct ini_reading {
    ini_take take;
    void *user;
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
    /* From version 58 on inih takes a line that fills its buffer for one that is too long. */
    ini->cut = strlen(text) + 1 >= (size_t)size;
    snprintf(line, (size_t)size - 1, "%s", text);
    return line;
}

static int take_value(void *user, const char *section, const char *key, const char *value) {
    struct ini_reading *ini = user;
    char copy[INI_LINE];
    char why[600];
    struct ltm_error inner = {0};
    if (ini->status != LTM_OK) return 0;
    const char *from = ini->cut ? ini->text + strcspn(ini->text, "=:") : value;
    snprintf(copy, sizeof copy, "%s", ini->cut && *from ? from + 1 : from);
    char *text = trimmed(copy);
    cut_comment(text);
    text = trimmed(text);
    if (ini->take(ini->user, section, key, text, &inner) == LTM_OK) return 1;
    snprintf(why, sizeof why, "%.599s", inner.message);
    fail_line(ini, why);
    return 0;
}

ltm_status ini_file_read(const char *path, ini_take take, void *user, struct ltm_error *error) {
    char *text = NULL;
    size_t bytes;
    struct ini_reading *ini = NULL;
    ltm_status status;
    TRY(file_read_text(&text, &bytes, path, INI_LARGEST, error));
    ini = calloc(1, sizeof *ini);
    if (!ini) TRY(fail_memory(error, sizeof *ini, path));
    *ini = (struct ini_reading){.take = take, .user = user, .path = path, .next = text, .error = error};
    if (strlen(text) != bytes) TRY(fail(error, LTM_INVALID, "%s is not a text file: it holds a NUL byte", path));
    int bad = ini_parse_stream(next_line, ini, take_value, ini);
    if (ini->status == LTM_OK && bad) {
        ini->line = bad;
        fail_line(ini, "neither [section] nor key = value");
    }
    status = ini->status;
cleanup:
    free(ini);
    free(text);
    return status;
}
