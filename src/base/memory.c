#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks from this size on are laid out for huge pages, where the system has them: a third faster to read (tests/bench). */
enum { HUGE_PAGE = 2 << 20, HUGE_BLOCK = 2 * HUGE_PAGE };

static size_t round_up(size_t bytes) { return (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN; }

ltm_status memory_zeroed(void **block, size_t count, size_t size, const char *what, struct ltm_error *error) {
    *block = NULL;
    if (size && count > (SIZE_MAX - MEMORY_ALIGN) / size)
        return fail(error, LTM_MEMORY, "out of memory: %zu items of %zu bytes for %s", count, size, what);
    size_t bytes = round_up(count * size);
    if (bytes == 0) bytes = MEMORY_ALIGN;
    const bool huge = bytes >= HUGE_BLOCK;
    if (huge && bytes > SIZE_MAX - HUGE_PAGE) return fail_memory(error, bytes, what);
    /* aligned_alloc needs a multiple of the alignment. The rest after `bytes` is never touched, so it takes no
     * memory. */
    *block = huge ? aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE)
                  : aligned_alloc(MEMORY_ALIGN, bytes);
    if (!*block) return fail_memory(error, bytes, what);
#ifdef MADV_HUGEPAGE
    if (huge) madvise(*block, bytes, MADV_HUGEPAGE); /* on failure pages stay small */
#endif
    memset(*block, 0, bytes);
    return LTM_OK;
}

ltm_status memory_grow(void **block, size_t *room, size_t need, size_t size, const char *what,
                       struct ltm_error *error) {
    enum { FIRST_BYTES = 1024 };
    if (need <= *room) return LTM_OK;
    size_t more = *room ? 2 * *room : FIRST_BYTES / size + 1;
    if (more < need) more = need;
    void *grown = more <= SIZE_MAX / size ? realloc(*block, more * size) : NULL;
    if (!grown) return fail_memory(error, more * size, what);
    *block = grown;
    *room = more;
    return LTM_OK;
}

void *arena_take(struct arena *arena, size_t count, size_t size) {
    char *taken = arena->base ? arena->base + arena->used : NULL;
    arena->used += round_up(count * size);
    return taken;
}
