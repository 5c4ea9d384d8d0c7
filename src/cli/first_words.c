/* A check that must run before libraries start. OpenBLAS allocates a buffer for each of its threads then, or at its first product, and
 * retries forever if address space (ulimit -v) is too small: nothing called later could stop that. The linker's
 * .preinit_array is the only place that runs before the libraries' own initialisers. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "terminal.h"

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#endif

#ifndef SANITIZED /* a sanitizer initialises later, and needs address space without a limit */

/* Spare: what libraries take as they start, and arenas of threads. */
enum { BUFFER_MB = 128, STACK_MB = 8, SPARE_MB = 32, THREADS_MOST = 1024 };

/* As OpenBLAS counts them. The environment is passed in, since the C library does not have it yet. */
static size_t openblas_threads(char **environment) {
    static const char *const names[] = {"OPENBLAS_NUM_THREADS=", "GOTO_NUM_THREADS=", "OMP_NUM_THREADS="};
    cpu_set_t own;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (char **each = environment; *each; each++) {
            const size_t length = strlen(names[i]);
            const long threads = strncmp(*each, names[i], length) == 0 ? strtol(*each + length, NULL, 10) : 0;
            if (threads > 0) return threads < THREADS_MOST ? (size_t)threads : THREADS_MOST;
        }
    return sched_getaffinity(0, sizeof own, &own) == 0 ? (size_t)CPU_COUNT(&own) : 1;
}

static void check_address_space(int count, char **arguments, char **environment) {
    static const char line[] =
        "ltm: out of memory: a limit (ulimit -v) leaves OpenBLAS less than the 136 MB of address space that each of its "
        "threads needs; raise it, or set OPENBLAS_NUM_THREADS=1\n";
    struct rlimit limit;
    (void)count;
    (void)arguments;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
    const size_t bytes = (openblas_threads(environment) * (BUFFER_MB + STACK_MB) + SPARE_MB) << 20;
    void *tried = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (tried != MAP_FAILED) {
        munmap(tried, bytes);
        return;
    }
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written; /* nothing can be done about it here */
    _exit(CLI_FAILED);
}

__attribute__((section(".preinit_array"), used)) static void (*first)(int, char **, char **) = check_address_space;

#endif
