#include "base/json.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Memory for jansson. Its reader takes a refusal for wrong text, or asserts; its writer leaves out what it got no memory for.
 * So a refusal is remembered, and leaves the reader at once. ---- */

static _Thread_local bool starved;

/* What the reader holds, to be freed when it is left. */
static _Thread_local struct {
    jmp_buf *leave; /* NULL = nobody reads */
    void **blocks;
    size_t count, room;
} reader;

static void refuse(void) {
    starved = true;
    if (reader.leave) longjmp(*reader.leave, 1);
}

static void *take(size_t bytes) {
    if (reader.leave && reader.count == reader.room) {
        const size_t room = reader.room ? 2 * reader.room : 256;
        void **grown = realloc(reader.blocks, room * sizeof *grown);
        if (!grown) {
            refuse();
            return NULL;
        }
        reader.blocks = grown;
        reader.room = room;
    }
    void *block = starved ? NULL : malloc(bytes);
    if (!block)
        refuse();
    else if (reader.leave)
        reader.blocks[reader.count++] = block;
    return block;
}

/* What is freed while reading was mostly taken just before. */
static void give(void *block) {
    for (size_t i = reader.leave ? reader.count : 0; i-- > 0;) {
        if (reader.blocks[i] != block) continue;
        reader.blocks[i] = reader.blocks[--reader.count];
        break;
    }
    free(block);
}

/* A program that has its own memory for jansson keeps it. */
__attribute__((constructor)) static void watch_memory(void) {
    json_malloc_t has_malloc;
    json_free_t has_free;
    json_get_alloc_funcs(&has_malloc, &has_free);
    if (has_malloc == malloc && has_free == free) json_set_alloc_funcs(take, give);
}

bool json_starved(void) {
    const bool was = starved;
    starved = false;
    return was;
}

ltm_status json_memory(const char *what, struct ltm_error *error) {
    return json_starved() ? fail_memory(error, 0, what) : LTM_OK;
}

static json_t *load(const char *text, size_t bytes, size_t flags, json_error_t *bad) {
    jmp_buf leave;
    json_t *volatile value = NULL;
    reader.count = 0;
    if (setjmp(leave) == 0) {
        reader.leave = &leave;
        value = json_loadb(text, bytes, flags, bad);
    } else {
        for (size_t i = 0; i < reader.count; i++) free(reader.blocks[i]);
    }
    reader.leave = NULL;
    free(reader.blocks);
    reader.blocks = NULL;
    reader.room = 0;
    return value;
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

json_t *json_read(const char *text, size_t bytes, size_t flags, json_error_t *bad) {
    if (!has_too_many_values(text, bytes)) return load(text, bytes, flags, bad);
    if (bad) {
        *bad = (json_error_t){.line = 1, .column = 1};
        snprintf(bad->text, sizeof bad->text, "it holds more than %d values", JSON_VALUES_MOST);
    }
    return NULL;
}
