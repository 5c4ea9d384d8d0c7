#include "math/matmul.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cblas.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/processor.h"

void matmul_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, float alpha,
               float beta) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void matmul_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, float alpha,
               float beta) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void matmul_tn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k, float alpha,
               float beta) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* Element (i, p) of op(A) is a[i * row + p * column], and likewise for B. */
static void plain(float *c, int ldc, const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,
                  size_t b_column, int m, int n, int k, float alpha, float beta) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int p = 0; p < k; p++)
                sum +=
                    (double)a[(size_t)i * a_row + (size_t)p * a_column] * b[(size_t)p * b_row + (size_t)j * b_column];
            float *out = &c[(size_t)i * (size_t)ldc + (size_t)j];
            *out = (float)(alpha * sum + (beta == 0.0f ? 0.0 : (double)beta * *out));
        }
}

void matmul_plain_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k,
                     float alpha, float beta) {
    plain(c, ldc, a, (size_t)lda, 1, b, 1, (size_t)ldb, m, n, k, alpha, beta);
}

void matmul_plain_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k,
                     float alpha, float beta) {
    plain(c, ldc, a, (size_t)lda, 1, b, (size_t)ldb, 1, m, n, k, alpha, beta);
}

void matmul_plain_tn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int m, int n, int k,
                     float alpha, float beta) {
    plain(c, ldc, a, 1, (size_t)lda, b, (size_t)ldb, 1, m, n, k, alpha, beta);
}

/* A product with odd edges, in all three orientations, against the plain twin. Entries are below 1 in size, so rounding
 * changes a sum of k of them by at most about k · 2^-24 · k^½; a wrong kernel is off by far more than 1e-3. */
static bool products_agree(void) {
    enum { M = 67, N = 53, K = 131, LARGEST = 131 * 131 };
    static const float beta = 0.5f;
    /* Static: a kernel must not be rejected because memory was short. Called once, by start(). */
    static float a[LARGEST];
    static float b[LARGEST];
    static float fast[LARGEST];
    static float slow[LARGEST];
    bool agree = true;
    for (int orientation = 0; agree && orientation < 3; orientation++) {
        for (int i = 0; i < LARGEST; i++) {
            a[i] = (float)((i * 7919) % 1009) / 1009.0f - 0.5f;
            b[i] = (float)((i * 104729) % 997) / 997.0f - 0.5f;
            fast[i] = slow[i] = 1.0f;
        }
        if (orientation == 0)
            matmul_nt(fast, N, a, K, b, K, M, N, K, 1, beta), matmul_plain_nt(slow, N, a, K, b, K, M, N, K, 1, beta);
        if (orientation == 1)
            matmul_nn(fast, N, a, K, b, N, M, N, K, 1, beta), matmul_plain_nn(slow, N, a, K, b, N, M, N, K, 1, beta);
        if (orientation == 2)
            matmul_tn(fast, N, a, M, b, N, M, N, K, 1, beta), matmul_plain_tn(slow, N, a, M, b, N, M, N, K, 1, beta);
        for (int i = 0; i < M * N; i++) agree = agree && fabsf(fast[i] - slow[i]) < 1e-3f;
    }
    return agree;
}

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static struct openblas_state openblas;

static void start(void) {
    struct processor processor;
    processor_read(&processor);
    openblas_settle(&openblas, &processor, products_agree);
}

const struct openblas_state *matmul_openblas(void) {
    pthread_once(&start_once, start);
    return &openblas;
}

/* OpenBLAS maps this much for each thread that calls it, and retries forever if it fails; oneDNN crashes. */
enum { MAPPED_A_THREAD = 128, MAPPED_BESIDE = 64 };

/* If address space is limited (ulimit -v), whether it is enough for the libraries. */
static ltm_status check_address_space(struct ltm_error *error) {
    struct rlimit limit;
    const int threads = omp_get_max_threads();
    const size_t bytes = ((size_t)threads * MAPPED_A_THREAD + MAPPED_BESIDE) << 20;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return LTM_OK;
    void *block = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        return fail(error, LTM_MEMORY,
                    "out of memory: matrix products need %zu MB of address space for %d threads, "
                    "but the limit (ulimit -v) is %llu MB; raise it, or set OMP_NUM_THREADS lower",
                    bytes >> 20, threads, (unsigned long long)limit.rlim_cur >> 20);
    munmap(block, bytes);
    return LTM_OK;
}

ltm_status matmul_start(struct ltm_error *error) {
    static atomic_bool checked; /* later OpenBLAS has its memory */
    if (!atomic_load(&checked)) {
        PASS_UP(check_address_space(error));
        atomic_store(&checked, true);
    }
    const struct openblas_state *state = matmul_openblas();
    if (state->correct) return LTM_OK;
    if (*state->setting)
        return fail(error, LTM_EXTERNAL,
                    "OpenBLAS's kernel '%s' computes wrong products on this processor; it was chosen by the "
                    "environment variable OPENBLAS_CORETYPE=%s: unset it",
                    state->kernel, state->setting);
    return fail(error, LTM_EXTERNAL,
                "OpenBLAS's kernel '%s' computes wrong products on this processor, and so does every other "
                "kernel tried; install another version of OpenBLAS (see ltm doctor)",
                state->kernel);
}

double matmul_peak(int threads, double seconds) {
    enum { SIDE = 512 };
    double rate = 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
    {
        float *block = NULL;
        if (memory_zeroed((void **)&block, (size_t)3 * SIDE * SIDE, sizeof *block, "measuring speed", NULL) == LTM_OK) {
            float *a = block;
            float *b = block + SIDE * SIDE;
            float *c = block + 2 * SIDE * SIDE;
            for (int i = 0; i < 2 * SIDE * SIDE; i++) a[i] = 1e-3f * (float)(i % 97);
            matmul_nt(c, SIDE, a, SIDE, b, SIDE, SIDE, SIDE, SIDE, 1, 0);
#pragma omp barrier
            double began = seconds_now();
            double elapsed;
            int products = 0;
            do {
                matmul_nt(c, SIDE, a, SIDE, b, SIDE, SIDE, SIDE, SIDE, 1, 0);
                products++;
                elapsed = seconds_now() - began;
            } while (elapsed < seconds);
            rate = 2.0 * SIDE * SIDE * SIDE * products / elapsed;
        } else {
#pragma omp barrier
        }
        free(block);
    }
    return rate;
}
