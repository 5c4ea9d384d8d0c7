/* FNV-1a, 64 bits: a hash that takes its bytes in pieces of any size. Not secure against deliberate collisions. */
#pragma once

#include <stddef.h>
#include <stdint.h>

static const uint64_t HASH_BEGIN = 0xcbf29ce484222325u;

static inline uint64_t hash_more(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}
