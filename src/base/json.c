#include "base/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- Memory for jansson, which continues after a failed allocation: a value then lacks a member, and its reader,
 * whose buffer for a text could not grow, skips a byte, aborts at an assertion or runs past the text (2.14, 2.15). So a
 * failure is remembered. It is the only one, since reading ends there: the buffer gets a reserve set aside for it, and
 * the text ends at that byte. ---- */

static _Thread_local bool starved;
static _Thread_local struct {
    void *block; /* NULL = nobody reads, or it is given away */
    size_t bytes;
} reserve;

static void *take(size_t bytes) {
    void *block = starved ? NULL : malloc(bytes);
    if (block || starved) return block;
    starved = true;
    if (bytes > reserve.bytes) return NULL;
    block = reserve.block;
    reserve.block = NULL;
    reserve.bytes = 0;
    return block;
}

/* A program that set its own allocator for jansson keeps it. */
__attribute__((constructor)) static void watch_memory(void) {
    json_malloc_t has_malloc;
    json_free_t has_free;
    json_get_alloc_funcs(&has_malloc, &has_free);
    if (has_malloc == malloc && has_free == free) json_set_alloc_funcs(take, free);
}

ltm_status json_fail_memory(const char *what, struct ltm_error *error) {
    starved = false;
    return fail_memory(error, 0, what);
}

ltm_status json_memory(const char *what, struct ltm_error *error) {
    return starved ? json_fail_memory(what, error) : LTM_OK;
}

/* ---- Reading ---- */

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

struct source {
    const char *at;
    size_t left;
};

/* A byte at a time, so that it can end at once. */
static size_t next_byte(void *to, size_t room, void *user) {
    struct source *source = user;
    (void)room;
    if (starved || source->left == 0) return 0;
    *(char *)to = *source->at++;
    source->left--;
    return 1;
}

/* NULL with `starved`, or *bad. The buffer for a text grows to twice the longest at most. */
static json_t *load(const char *text, size_t bytes, size_t flags, json_error_t *bad) {
    struct source source = {text, bytes};
    json_t *value = NULL;
    reserve.bytes = 2 * (bytes + 16);
    reserve.block = starved ? NULL : malloc(reserve.bytes);
    starved = !reserve.block;
    if (!starved) value = json_load_callback(next_byte, &source, flags, bad);
    free(reserve.block);
    reserve.block = NULL;
    reserve.bytes = 0;
    if (!starved) return value;
    json_decref(value);
    return NULL;
}

ltm_status json_read(json_t **value, const char *text, size_t bytes, size_t flags, struct ltm_error *error) {
    json_error_t bad;
    *value = NULL;
    if (has_too_many_values(text, bytes))
        return fail(error, LTM_CORRUPT, "it contains more than %d values", JSON_VALUES_MOST);
    *value = load(text, bytes, flags, &bad);
    const ltm_status status = json_memory("what is read as JSON", error);
    if (status != LTM_OK || *value) return status;
    return memchr(text, '\n', bytes) ? fail(error, LTM_CORRUPT, "line %d: %s", bad.line, bad.text)
                                     : fail(error, LTM_CORRUPT, "%s", bad.text);
}

ltm_status json_ids(int32_t **ids, size_t *count, const json_t *list, const char *where, int most,
                    struct ltm_error *error) {
    *count = json_array_size(list);
    PASS_UP(NEW_ARRAY(*ids, *count + 1, "token ids", error));
    for (size_t i = 0; i < *count; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= most)
            return fail(error, LTM_INVALID, "\"%s\": entry %zu is not a token id from 0 to %d", where, i, most - 1);
        (*ids)[i] = (int32_t)json_integer_value(id);
    }
    return LTM_OK;
}

/* ---- Writing ---- */

char *json_text(const json_t *value, size_t flags) {
    char *text = json_dumps(value, flags);
    starved = false;
    return text;
}
