#include "text_io.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"

static ltm_status print(json_t *json, size_t flags) {
    char *text = json_dumps(json, flags); /* NULL if any part of it got no memory */
    json_decref(json);
    if (!text) return LTM_MEMORY;
    puts(text);
    free(text);
    return LTM_OK;
}

ltm_status cli_print_json(json_t *json, int digits) {
    return print(json, JSON_INDENT(2) | JSON_REAL_PRECISION((size_t)digits));
}

ltm_status cli_print_json_line(json_t *json, int digits) {
    return print(json, JSON_COMPACT | JSON_REAL_PRECISION((size_t)digits));
}

static bool grow(char **line, size_t *room) {
    const size_t more = *room ? 2 * *room : 256;
    char *grown = realloc(*line, more);
    if (!grown) return false;
    *line = grown;
    *room = more;
    return true;
}

ssize_t cli_read_line(char **line, size_t *room, FILE *from) {
    size_t bytes = 0;
    int c;
    while ((c = getc(from)) != EOF) {
        if (bytes == CLI_LINE_MOST) return CLI_LINE_LONG;
        if (bytes + 2 > *room && !grow(line, room)) {
            errno = ENOMEM;
            return -1;
        }
        (*line)[bytes++] = (char)c;
        (*line)[bytes] = 0;
        if (c == '\n') return (ssize_t)bytes;
    }
    return bytes > 0 && !ferror(from) ? (ssize_t)bytes : -1;
}

/* Bytes of the control character at `at`, ASCII or Latin-1 in UTF-8; 0 = not a control character. */
static size_t control_bytes(const char *at, size_t left) {
    uint32_t code;
    const size_t bytes = utf8_character(at, left, &code);
    if (bytes == 0 || bytes > left || code == '\n' || code == '\t') return 0;
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ? bytes : 0;
}

void cli_print_text(const char *text, size_t bytes) {
    if (!isatty(STDOUT_FILENO)) {
        fwrite(text, 1, bytes, stdout);
        return;
    }
    for (size_t i = 0; i < bytes;) {
        const size_t control = control_bytes(text + i, bytes - i);
        putchar(control ? '?' : text[i]);
        i += control ? control : 1;
    }
}
