#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
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

ltm_status fail(struct ltm_error *error, ltm_status code, const char *format, ...) {
    if (!error)
        return code; /* to whom it says nothing it may be no failure: that memory was short remains to be told */
    const bool starved = json_starved();
    if (starved) code = LTM_MEMORY;
    error->code = code;
    if (starved) {
        snprintf(error->message, sizeof error->message,
                 "out of memory for what is read or written as JSON; end other programs or use fewer threads");
        return code;
    }
    /* Names and values out of files stand in messages, which end on a terminal. Parts may be of the record's own message. */
    char text[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ltm_printable(error->message, sizeof error->message, text);
    return code;
}

ltm_status fail_memory(struct ltm_error *error, size_t bytes, const char *what) {
    if (bytes < 50000)
        return fail(error, LTM_MEMORY, "out of memory for %s; use a smaller model, batch or fewer threads", what);
    return fail(error, LTM_MEMORY, "out of memory: %.1f MB for %s; use a smaller model, batch or fewer threads",
                (double)bytes / 1e6, what);
}
