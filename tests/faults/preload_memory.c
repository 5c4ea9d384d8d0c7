/* A library to preload into ltm under which the n-th allocation fails, counted from 1 after main has begun.
 *
 *     FAULT_CALL=n      which; 0 = none
 *     FAULT_PLACES=1    counts of each place (the call, and how many bits its size has) its 1st, 2nd, 4th, 8th … allocation alone: loops that
 *                       do the same a million times are then tried some twenty times
 *     FAULT_LASTING=1   all later ones too: there is no more memory; but SentencePiece then has its reserve (tokenizer/memory_reserve.h)
 *     FAULT_COUNT=path  gets the number of counted allocations, at a proper end
 *
 * Counted are those of ltm itself and of what works on its behalf and can be told to answer for itself: jansson, inih, zlib,
 * SentencePiece, the C and C++ libraries. Not counted, since they end the process themselves or go on without a word when they
 * get no memory, and we cannot make them do otherwise: the OpenMP runtime ("libgomp: Out of memory"), OpenBLAS, oneDNN (whose
 * std::bad_alloc meets its own noexcept), MPI and what it brings along.
 *
 * Under the sanitizer of addresses, which has operator new itself and asks the C library for what it cannot do without, only
 * what C code other than the C library's asks for is counted. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&(name)))real.name)
#define CALLER ((uintptr_t)__builtin_return_address(0))

static struct { void *malloc, *calloc, *realloc, *free, *aligned_alloc, *posix_memalign, *memalign, *mmap; } real;

void *memalign(size_t alignment, size_t bytes);

static long fault_call;
static bool lasting, places, begun, sanitized;
static pid_t owner;
static const char *count_path;
static atomic_long calls;

/* ---- Who asks ---- */

enum { RANGES = 256 };
static struct range { uintptr_t begin, end; } counted[RANGES], cxx;
static int ranges;

static int note_object(struct dl_phdr_info *info, size_t size, void *user) {
    static const char *const names[] = {"libjansson",  "libinih",   "libz.", "libsentencepiece",
                                        "libprotobuf", "libstdc++", "libc."};
    const size_t count = sizeof names / sizeof *names - (sanitized ? 1 : 0); /* without the last */
    bool ours = info->dlpi_name[0] == 0;                                     /* the program itself */
    (void)size, (void)user;
    for (size_t i = 0; i < count; i++) ours = ours || strstr(info->dlpi_name, names[i]);
    for (int i = 0; ours && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X) || ranges == RANGES) continue;
        if (strstr(info->dlpi_name, "libstdc++"))
            cxx = (struct range){info->dlpi_addr + part->p_vaddr, info->dlpi_addr + part->p_vaddr + part->p_memsz};
        counted[ranges++] =
            (struct range){info->dlpi_addr + part->p_vaddr, info->dlpi_addr + part->p_vaddr + part->p_memsz};
    }
    return 0;
}

/* Whether the place where this allocation is made has now made 1, 2, 4, 8 … */
static bool power_of_two_here(uintptr_t place) {
    enum { PLACES = 1 << 16 };
    static struct {
        uintptr_t place;
        long times;
    } table[PLACES];
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    size_t at = place % PLACES;
    while (table[at].times && table[at].place != place) at = (at + 1) % PLACES;
    table[at].place = place;
    const long times = ++table[at].times;
    pthread_mutex_unlock(&mutex);
    return (times & (times - 1)) == 0;
}

static bool lies_in(uintptr_t address, struct range range) { return address >= range.begin && address < range.end; }

static __thread bool for_another;      /* it is asked on behalf of who is not counted */
static __thread uintptr_t news_caller; /* of operator new */

static bool is_counted(uintptr_t caller) {
    for (int i = 0; i < ranges; i++)
        if (lies_in(caller, counted[i])) return true;
    return false;
}

static bool fails(uintptr_t caller, size_t bytes) {
    if (!begun || getpid() != owner || for_another) return false;
    if (!is_counted(caller) || (places && !power_of_two_here((news_caller ? news_caller : caller) * 64 +
                                                             (bytes ? 64 - (unsigned)__builtin_clzl(bytes) : 0))))
        return false;
    const long now = atomic_fetch_add(&calls, 1) + 1;
    if (fault_call == 0 || now < fault_call || (now > fault_call && (!lasting || news_caller))) return false;
    errno = ENOMEM;
    return true;
}

/* What the linker holds counts as lost where it is not the sanitizer that the linker asked. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

const char *__lsan_default_suppressions(void) { return "leak:dl_open\nleak:_dl_"; }

const char *__lsan_default_options(void) { return "print_suppressions=0"; }

/* ---- From main on ---- */

static int (*real_main)(int, char **, char **);

static int main_begins(int argc, char **argv, char **environment) {
    if (!getenv("FAULT_TAKEN")) {
        const char *call = getenv("FAULT_CALL");
        fault_call = call ? atol(call) : 0;
        lasting = getenv("FAULT_LASTING") != NULL;
        places = getenv("FAULT_PLACES") != NULL;
        count_path = getenv("FAULT_COUNT");
        owner = getpid();
        setenv("FAULT_TAKEN", "1", 1); /* programs that this one starts find it */
        sanitized = dlsym(RTLD_DEFAULT, "__asan_init") != NULL;
        dl_iterate_phdr(note_object, NULL);
        begun = true;
    }
    const int code = real_main(argc, argv, environment);
    begun = false;
    if (count_path && owner == getpid()) {
        const int descriptor = open(count_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dprintf(descriptor, "%ld\n", (long)calls);
        close(descriptor);
    }
    return code;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end) {
    __typeof__(&__libc_start_main) start = (__typeof__(start))dlsym(RTLD_NEXT, "__libc_start_main");
    real_main = main;
    return start(main_begins, argc, argv, init, fini, rtld_fini, stack_end);
}

/* ---- C++: a request is its own caller's, not libstdc++'s, through which all go. ---- */

/* Strings grow within libstdc++, whoever holds them. */
static uintptr_t beyond_cxx(uintptr_t caller) {
    static __thread bool within; /* backtrace may ask for memory */
    void *frames[12];
    if (!begun || within || !lies_in(caller, cxx)) return caller;
    within = true;
    const int depth = backtrace(frames, 12);
    within = false;
    for (int i = 2; i < depth; i++)
        if (!lies_in((uintptr_t)frames[i], cxx)) return (uintptr_t)frames[i];
    return caller;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): these are lists in parentheses */
#define NEW(symbol, parameters, arguments)                                            \
    void *symbol parameters;                                                          \
    void *symbol parameters {                                                         \
        void *(*original)parameters = (void *(*)parameters)dlsym(RTLD_NEXT, #symbol); \
        const bool before = for_another;                                              \
        for_another = before || !is_counted(beyond_cxx(CALLER));                      \
        news_caller = CALLER;                                                         \
        void *block = original arguments;                                             \
        for_another = before;                                                         \
        news_caller = 0;                                                              \
        return block;                                                                 \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
NEW(_Znwm, (size_t bytes), (bytes))
NEW(_Znam, (size_t bytes), (bytes))
NEW(_ZnwmSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))
NEW(_ZnamSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))
NEW(_ZnwmRKSt9nothrow_t, (size_t bytes, const void *nothrow), (bytes, nothrow))
NEW(_ZnamRKSt9nothrow_t, (size_t bytes, const void *nothrow), (bytes, nothrow))

/* ---- What is interposed. dlsym may itself ask for memory: it gets some of this, which is never given back. ---- */

static char early[1 << 16];
static size_t early_used;
static bool looking_up;

static void *take_early(size_t bytes) {
    const size_t at = (early_used + 63) / 64 * 64;
    if (at + bytes > sizeof early) abort();
    early_used = at + bytes;
    return early + at;
}

static bool is_early(const void *block) {
    return (const char *)block >= early && (const char *)block < early + sizeof early;
}

static bool ready(void) {
    if (real.free) return true;
    if (looking_up) return false;
    looking_up = true;
    real.malloc = dlsym(RTLD_NEXT, "malloc");
    real.calloc = dlsym(RTLD_NEXT, "calloc");
    real.realloc = dlsym(RTLD_NEXT, "realloc");
    real.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    real.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    real.memalign = dlsym(RTLD_NEXT, "memalign");
    real.mmap = dlsym(RTLD_NEXT, "mmap");
    real.free = dlsym(RTLD_NEXT, "free");
    looking_up = false;
    return true;
}

void *malloc(size_t bytes) {
    if (!ready()) return take_early(bytes);
    return fails(CALLER, bytes) ? NULL : REAL(malloc)(bytes);
}

void *calloc(size_t count, size_t size) {
    if (!ready()) return take_early(count * size);
    return fails(CALLER, count * size) ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *block, size_t bytes) {
    if (!ready()) abort();
    if (fails(CALLER, bytes)) return NULL;
    if (!is_early(block)) return REAL(realloc)(block, bytes);
    void *moved = REAL(malloc)(bytes);
    const size_t most = (size_t)(early + sizeof early - (char *)block);
    return moved ? memcpy(moved, block, bytes < most ? bytes : most) : NULL;
}

void free(void *block) {
    if (ready() && !is_early(block)) REAL(free)(block);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    if (!ready()) abort();
    return fails(CALLER, bytes) ? NULL : REAL(aligned_alloc)(alignment, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    if (!ready()) abort();
    return fails(CALLER, bytes) ? NULL : REAL(memalign)(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes) {
    if (!ready()) abort();
    return fails(CALLER, bytes) ? ENOMEM : REAL(posix_memalign)(block, alignment, bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset) {
    if (!ready()) abort();
    return fails(CALLER, bytes) ? MAP_FAILED : REAL(mmap)(address, bytes, protection, flags, descriptor, offset);
}
