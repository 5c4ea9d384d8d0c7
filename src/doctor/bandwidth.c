#include "doctor/bandwidth.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

static void triad(float *restrict a, const float *restrict b, const float *restrict c, float s, size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) a[i] = b[i] + s * c[i];
}

double bandwidth_triad(int threads, size_t bytes, double seconds) {
    const size_t n = bytes / (3 * sizeof(float) * (size_t)threads) + 1;
    double rate = 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
    {
        float *block = NULL; /* zeroed by its own thread, so that its pages are near it */
        const ltm_status status = memory_zeroed((void **)&block, 3 * n, sizeof *block, "measuring memory", NULL);
#pragma omp barrier
        if (status == LTM_OK) {
            const double began = seconds_now();
            double elapsed;
            size_t rounds = 0;
            do {
                triad(block, block + n, block + 2 * n, 0.5f + (float)rounds, n);
                rounds++;
                elapsed = seconds_now() - began;
            } while (elapsed < seconds);
            rate = 3.0 * sizeof(float) * (double)n * (double)rounds / elapsed;
        }
        free(block);
    }
    return rate;
}
