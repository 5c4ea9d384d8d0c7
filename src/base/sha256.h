/* SHA-256 (FIPS 180-4), for texts whose digest others compare. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

void sha256_hex(char hex[65], const void *data, size_t bytes);

#endif
