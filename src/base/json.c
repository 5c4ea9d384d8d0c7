#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>

/* What begins a value, in well-formed JSON: brackets, commas between values, colons before them. */
static bool has_too_many_values(const char *text, size_t bytes) {
    const char *end = text + bytes;
    size_t values = 1;
    if (bytes <= JSON_VALUES_MOST) return false;
    while (text < end) {
        if (*text == '"') {
            for (text++; text < end && *text != '"'; text++)
                if (*text == '\\') text++; /* what follows is no end */
        } else {
            values += *text == '[' || *text == '{' || *text == ',' || *text == ':';
        }
        text++;
    }
    return values > JSON_VALUES_MOST;
}

json_t *json_read(const char *text, size_t bytes, size_t flags, json_error_t *bad) {
    if (!has_too_many_values(text, bytes)) return json_loadb(text, bytes, flags, bad);
    if (bad) {
        *bad = (json_error_t){.line = 1, .column = 1};
        snprintf(bad->text, sizeof bad->text, "it holds more than %d values", JSON_VALUES_MOST);
    }
    return NULL;
}
