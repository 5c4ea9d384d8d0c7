/* Memory for arrays of numbers. */
#pragma once

#include <stddef.h>

#include "base/error.h"

enum { MEMORY_ALIGN = 64 };

/* Zeroed, aligned to 64 bytes; free with free(). */
ltm_status memory_zeroed(void **block, size_t count, size_t size, const char *what, struct ltm_error *error);

#define NEW_ARRAY(pointer, count, what, error) \
    memory_zeroed((void **)&(pointer), (count), sizeof *(pointer), (what), (error))

/* Room for `need` items of `size` bytes in a block that has *room; it at least doubles, and stays the caller's if
 * memory is short. Free with free(). */
ltm_status memory_grow(void **block, size_t *room, size_t need, size_t size, const char *what, struct ltm_error *error);

#define GROW_ARRAY(pointer, room, need, what, error) \
    memory_grow((void **)&(pointer), &(room), (need), sizeof *(pointer), (what), (error))

/* An arena: one block from which a workspace's buffers are cut. Cut twice: first with base NULL to learn the
 * size, then from the block. */
struct arena {
    char *base;
    size_t used;
};

void *arena_take(struct arena *arena, size_t count, size_t size);

#define ARENA_TAKE(arena, type, count) ((type *)arena_take((arena), (count), sizeof(type)))
