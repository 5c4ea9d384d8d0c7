/* How fast memory is read and written. */
#pragma once

#include <stddef.h>

/* Bytes a second that `threads` threads move together in a[i] = b[i] + s · c[i] (McCalpin's STREAM triad: two arrays read, one
 * written; what the processor reads before it overwrites is not counted), each on arrays of its own that together take
 * about `bytes`; takes about `seconds`. 0 when memory is short. */
double bandwidth_triad(int threads, size_t bytes, double seconds);
