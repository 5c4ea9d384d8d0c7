/* A library to preload into ltm (LD_PRELOAD) under which the n-th call that changes files goes wrong: tests of interruption
 * and of failing disks choose n, and so reach every moment of a run.
 *
 *     FAULT_CALL=n      which call, counted from 1 over all threads; 0 = none
 *     FAULT_DO=what     kill    in its place the process kills itself (SIGKILL)
 *                       tear    a write writes half, another call is done; then the process kills itself
 *                       power   as kill, and what no fsync has brought to the disk is lost (power_loss.h)
 *                       zeros   as power, but zeros stand where data were lost, as some file systems leave them
 *                       short   a write writes half, and says so
 *                       full    as on a disk with no more room: a write writes half, and all later calls but closing and removing
 *                               fail with ENOSPC
 *                       5       the call fails with this errno
 *     FAULT_LASTING=1   so do all later ones
 *     FAULT_ONLY=a,b    counts calls of these names alone: open write sync close rename remove mkdir symlink truncate; read
 *     FAULT_COUNT=path  gets the number of counted calls, at a proper end
 *
 * Counted are calls on regular files and folders; not stderr's, and not those of programs that this one starts. Reads are
 * counted where FAULT_ONLY names them. An fsync that goes well is not done: only its absence is acted on, and it takes time.
 *
 * The C library's streams write past an interposed write(), so fopen and fdopen answer with streams over the interposed calls
 * (fopencookie). stdout stays as it is: /dev/full and a limit of file size are there for it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The function of this name that would have been called. */
#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

#include "faults/power_loss.h"

static struct {
    long call; /* 0 = never */
    const char *what, *only, *count;
    bool lasting;
    pid_t owner; /* this process; children do as they always would */
} fault;
static atomic_long calls;
static const char *const nothing = "";

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : nothing;
}

__attribute__((constructor)) static void begin(void) {
    if (getenv("FAULT_TAKEN")) return; /* by the program that started this one */
    fault.call = atol(setting("FAULT_CALL"));
    fault.what = strdup(setting("FAULT_DO"));
    fault.only = strdup(setting("FAULT_ONLY"));
    fault.count = strdup(setting("FAULT_COUNT"));
    fault.lasting = *setting("FAULT_LASTING") != 0;
    fault.owner = getpid();
    power_loss.watch = strcmp(fault.what, "power") == 0 || strcmp(fault.what, "zeros") == 0;
    setenv("FAULT_TAKEN", "1", 1);
}

__attribute__((destructor)) static void end(void) {
    char text[32];
    if (getpid() != fault.owner || !*fault.count) return;
    const int length = snprintf(text, sizeof text, "%ld\n", (long)calls);
    const int descriptor = REAL(open)(fault.count, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    (void)!REAL(write)(descriptor, text, (size_t)length);
    REAL(close)(descriptor);
}

enum turn { AS_EVER, FAIL, HALF, HALF_AND_DIE };

static bool counts(const char *name) {
    if (fault.owner == 0 || getpid() != fault.owner) return false;
    if (!*fault.only) return strcmp(name, "read") != 0;
    const char *at = strstr(fault.only, name);
    return at && (at[strlen(name)] == 0 || at[strlen(name)] == ',');
}

static _Noreturn void die(void) {
    raise(SIGKILL);
    _exit(1);
}

/* What is to become of this call. A failure has set errno. */
static enum turn turn_of(const char *name) {
    if (!counts(name)) return AS_EVER;
    const long now = atomic_fetch_add(&calls, 1) + 1;
    if (fault.call == 0 || now < fault.call) return AS_EVER;
    if (strcmp(fault.what, "full") == 0) {
        if (strcmp(name, "close") == 0 || strcmp(name, "remove") == 0) return AS_EVER;
        errno = ENOSPC;
        return now == fault.call && strcmp(name, "write") == 0 ? HALF : FAIL;
    }
    if (now > fault.call && !fault.lasting) return AS_EVER;
    if (strcmp(fault.what, "short") == 0) return HALF;
    if (strcmp(fault.what, "tear") == 0) return HALF_AND_DIE;
    if (strcmp(fault.what, "kill") == 0) die();
    if (power_loss.watch) {
        power_goes(strcmp(fault.what, "zeros") == 0);
        die();
    }
    errno = atoi(fault.what);
    return FAIL;
}

/* For calls that are done or not. */
#define WHOLE(name, call)                     \
    do {                                      \
        const enum turn turn = turn_of(name); \
        if (turn == FAIL) return -1;          \
        const int result = (call);            \
        if (turn == HALF_AND_DIE) die();      \
        return result;                        \
    } while (0)

static bool regular(int descriptor) {
    struct stat info;
    return descriptor != STDERR_FILENO && fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode);
}

static bool of_the_system(const char *path) {
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0;
}

/* ---- Descriptors ---- */

static int open_counted(const char *path, int flags, mode_t mode) {
    const bool writes = (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
    const enum turn turn = of_the_system(path) ? AS_EVER : turn_of(writes ? "open" : "read");
    if (turn == FAIL) return -1;
    const bool new = writes &&access(path, F_OK) != 0;
    const int descriptor = REAL(open)(path, flags, mode);
    if (turn == HALF_AND_DIE) die();
    if (writes && descriptor >= 0 && !of_the_system(path)) power_watch_file(descriptor, new ? path : NULL);
    return descriptor;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_counted(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int close(int descriptor) {
    const int flags = fcntl(descriptor, F_GETFL);
    const bool written = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && regular(descriptor);
    const enum turn turn = written ? turn_of("close") : AS_EVER;
    const int number = errno;
    const int result = REAL(close)(descriptor); /* which a close that fails has done nevertheless */
    if (turn == HALF_AND_DIE) die();
    if (turn != FAIL) return result;
    errno = number;
    return -1;
}

ssize_t write(int descriptor, const void *data, size_t bytes) {
    const enum turn turn = regular(descriptor) ? turn_of("write") : AS_EVER;
    if (turn == FAIL) return -1;
    if ((turn == HALF || turn == HALF_AND_DIE) && bytes > 1) bytes /= 2;
    const ssize_t written = REAL(write)(descriptor, data, bytes);
    if (turn == HALF_AND_DIE) die();
    return written;
}

/* As write() of the first part: the caller must look at what it says in any case. */
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    return count > 0 && regular(descriptor) && parts[0].iov_len > 0
               ? write(descriptor, parts[0].iov_base, parts[0].iov_len)
               : REAL(writev)(descriptor, parts, count);
}

ssize_t read(int descriptor, void *data, size_t bytes) {
    const enum turn turn = regular(descriptor) ? turn_of("read") : AS_EVER;
    if (turn == FAIL) return -1;
    if (turn != AS_EVER && bytes > 1) bytes /= 2;
    const ssize_t got = REAL(read)(descriptor, data, bytes);
    if (turn == HALF_AND_DIE) die();
    return got;
}

static int synced(int descriptor) {
    power_synced(descriptor);
    return 0;
}

int fsync(int descriptor) { WHOLE("sync", synced(descriptor)); }
int fdatasync(int descriptor) { WHOLE("sync", synced(descriptor)); }
static int cut(int descriptor, off_t size) {
    power_cut(descriptor, size);
    return REAL(ftruncate)(descriptor, size);
}

int ftruncate(int descriptor, off_t size) { WHOLE("truncate", cut(descriptor, size)); }
int ftruncate64(int descriptor, off_t size) __attribute__((alias("ftruncate")));

/* ---- Names ---- */

static int rename_watched(const char *from, const char *to) {
    power_watch_rename(from, to);
    return REAL(rename)(from, to);
}

static int mkdir_watched(const char *path, mode_t mode) {
    const int result = REAL(mkdir)(path, mode);
    if (result == 0) power_watch_new(path);
    return result;
}

int rename(const char *from, const char *to) { WHOLE("rename", rename_watched(from, to)); }
int unlink(const char *path) { WHOLE("remove", REAL(unlink)(path)); }
int remove(const char *path) { WHOLE("remove", REAL(remove)(path)); }
int mkdir(const char *path, mode_t mode) { WHOLE("mkdir", mkdir_watched(path, mode)); }
int symlink(const char *target, const char *path) { WHOLE("symlink", REAL(symlink)(target, path)); }

/* ---- Streams ---- */

enum { STREAMS = 64 };
static struct stream {
    _Atomic(FILE *) file;
    int descriptor;
} streams[STREAMS];

static ssize_t stream_read(void *cookie, char *data, size_t bytes) {
    return read(((struct stream *)cookie)->descriptor, data, bytes);
}

/* All of it, or 0 for an error, as fopencookie has it. */
static ssize_t stream_write(void *cookie, const char *data, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        const ssize_t written = write(((struct stream *)cookie)->descriptor, data + done, bytes - done);
        if (written < 0) return (ssize_t)done;
        done += (size_t)written;
    }
    return (ssize_t)done;
}

static int stream_seek(void *cookie, off64_t *offset, int from) {
    const off_t at = lseek(((struct stream *)cookie)->descriptor, *offset, from);
    if (at < 0) return -1;
    *offset = at;
    return 0;
}

static int stream_close(void *cookie) {
    struct stream *stream = cookie;
    const int result = close(stream->descriptor);
    stream->file = NULL;
    return result;
}

FILE *fdopen(int descriptor, const char *mode) {
    static const cookie_io_functions_t functions = {stream_read, stream_write, stream_seek, stream_close};
    static FILE *const taken = (FILE *)streams; /* marks a place while its stream is being made */
    if (!regular(descriptor)) return REAL(fdopen)(descriptor, mode);
    for (int i = 0; i < STREAMS; i++) {
        FILE *none = NULL;
        if (!atomic_compare_exchange_strong(&streams[i].file, &none, taken)) continue;
        streams[i].descriptor = descriptor;
        FILE *file = fopencookie(&streams[i], mode, functions);
        streams[i].file = file;
        return file;
    }
    return REAL(fdopen)(descriptor, mode);
}

FILE *fopen(const char *path, const char *mode) {
    const bool plus = strchr(mode, '+') != NULL;
    const int writes = plus ? O_RDWR : O_WRONLY;
    const int closes = strchr(mode, 'e') ? O_CLOEXEC : 0;
    const int flags =
        *mode == 'r' ? (plus ? O_RDWR : O_RDONLY) : writes | O_CREAT | (*mode == 'a' ? O_APPEND : O_TRUNC);
    if (of_the_system(path)) return REAL(fopen)(path, mode);
    const int descriptor = open_counted(path, flags | closes, 0666);
    if (descriptor < 0) return NULL;
    FILE *file = fdopen(descriptor, mode);
    if (!file) REAL(close)(descriptor);
    return file;
}

FILE *fopen64(const char *path, const char *mode) __attribute__((alias("fopen")));

int fileno(FILE *file) {
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].file == file) return streams[i].descriptor;
    return REAL(fileno)(file);
}
