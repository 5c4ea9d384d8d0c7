/* Memory bandwidth. */
#pragma once

#include <stddef.h>

/* Bytes per second that `threads` threads move together in a[i] = b[i] + s · c[i] (McCalpin's STREAM triad: two arrays
 * read, one written; write-allocate reads are not counted), each on arrays of its own that together take
 * about `bytes`; takes about `seconds`. 0 if memory is short. */
double bandwidth_triad(int threads, size_t bytes, double seconds);
