#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "ltm/printable.h"

const char *ltm_status_text(ltm_status code) {
    switch (code) {
#define STATUS_TEXT(name, text) \
    case name:                  \
        return text;
        LTM_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

__attribute__((format(printf, 3, 0))) static void write_message(struct ltm_error *error, ltm_status code,
                                                                const char *format, va_list arguments) {
    /* Messages contain names and values from files and go to a terminal. Arguments may point into the record's own
     * message. */
    char text[sizeof error->message];
    vsnprintf(text, sizeof text, format, arguments);
    error->code = code;
    ltm_printable(error->message, sizeof error->message, text);
}

ltm_status fail(struct ltm_error *error, ltm_status code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (error) write_message(error, code, format, arguments);
    va_end(arguments);
    return code;
}

ltm_status fail_within(struct ltm_error *error, ltm_status code, const char *format, ...) {
    if (!error) return code;
    const struct ltm_error cause = *error;
    va_list arguments;
    va_start(arguments, format);
    write_message(error, code, format, arguments);
    va_end(arguments);
    return fail(error, code, "%s: %s", error->message, cause.message);
}

ltm_status fail_with(struct ltm_error *error, const struct ltm_error *cause) {
    return fail(error, cause->code, "%s", cause->message);
}

ltm_status fail_memory(struct ltm_error *error, size_t bytes, const char *what) {
    if (bytes < 50000)
        return fail(error, LTM_MEMORY, "out of memory for %s; use a smaller model, batch or fewer threads", what);
    return fail(error, LTM_MEMORY, "out of memory: %.1f MB for %s; use a smaller model, batch or fewer threads",
                (double)bytes / 1e6, what);
}
