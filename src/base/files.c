#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static ltm_status fail_errno(struct ltm_error *error, const char *doing, const char *path, int number) {
    return fail(error, LTM_IO, "cannot %s %s: %s", doing, path, strerror(number));
}

/* Open a file for reading; folders, pipes (not waited for), sockets and the like are refused by name. */
static ltm_status open_regular(int *descriptor, off_t *size, const char *path, struct ltm_error *error) {
    struct stat info;
    *size = 0;
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*descriptor < 0) return fail_errno(error, "read", path, errno);
    ltm_status status = LTM_OK;
    if (fstat(*descriptor, &info) != 0)
        status = fail_errno(error, "read", path, errno);
    else if (S_ISDIR(info.st_mode))
        status = fail(error, LTM_IO, "cannot read %s: it is a folder, not a file", path);
    else if (!S_ISREG(info.st_mode))
        status = fail(error, LTM_IO, "cannot read %s: it is not a regular file", path);
    if (status != LTM_OK) {
        close(*descriptor);
        return status;
    }
    *size = info.st_size;
    return LTM_OK;
}

ltm_status file_map(struct file_map *map, const char *path, struct ltm_error *error) {
    int descriptor;
    off_t size;
    *map = (struct file_map){NULL, 0};
    ltm_status status = open_regular(&descriptor, &size, path, error);
    if (status != LTM_OK) return status;
    if (size > 0) {
        void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (data == MAP_FAILED)
            status = fail_errno(error, "map", path, errno);
        else
            *map = (struct file_map){data, (size_t)size};
    }
    close(descriptor); /* the map stays */
    return status;
}

void file_unmap(struct file_map *map) {
    if (map->data) munmap((void *)map->data, map->size);
    *map = (struct file_map){NULL, 0};
}

/* The draft is named after this process, so that two writers of one path do not write into one file. */
static int open_draft(struct file_draft *draft) {
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        snprintf(draft->draft, sizeof draft->draft, "%s.%u-%u.tmp", draft->path, (unsigned)getpid() % 10000000u,
                 attempt);
        int descriptor = open(draft->draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EEXIST) return descriptor;
    }
    return -1;
}

ltm_status file_create(struct file_draft *draft, const char *path, struct ltm_error *error) {
    struct stat info;
    draft->stream = NULL;
    if (!*path) return fail(error, LTM_INVALID, "cannot write a file without a name");
    if (snprintf(draft->path, sizeof draft->path, "%s", path) >= (int)sizeof draft->path)
        return fail(error, LTM_INVALID, "the path %.60s… is longer than %zu bytes", path, sizeof draft->path - 1);
    /* Renaming over a device or a folder would destroy or fail late. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return fail(error, LTM_IO, "cannot write %s: it is %s, not a regular file", path,
                    S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    int descriptor = open_draft(draft);
    if (descriptor < 0 && errno == ENOENT && strrchr(path, '/')) {
        char folder[sizeof draft->path];
        snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
        ltm_status status = folder_create(folder, error);
        if (status != LTM_OK) return status;
        descriptor = open_draft(draft);
    }
    if (descriptor < 0) return fail_errno(error, "write", path, errno);
    draft->stream = fdopen(descriptor, "wb");
    if (!draft->stream) {
        int number = errno;
        close(descriptor);
        unlink(draft->draft);
        return fail_errno(error, "write", path, number);
    }
    return LTM_OK;
}

ltm_status file_try(const char *path, struct ltm_error *error) {
    struct file_draft draft;
    ltm_status status = file_create(&draft, path, error);
    if (status == LTM_OK) file_discard(&draft);
    return status;
}

ltm_status file_write(struct file_draft *draft, const void *data, size_t bytes, struct ltm_error *error) {
    if (bytes && fwrite(data, 1, bytes, draft->stream) != bytes) return fail_errno(error, "write", draft->path, errno);
    return LTM_OK;
}

static ltm_status sync_folder_of(const char *path, struct ltm_error *error) {
    char folder[1024];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder) return fail(error, LTM_INVALID, "the path %.60s… is too long", path);
    memcpy(folder, path, length);
    folder[length] = 0;
    return folder_sync(length ? folder : slash ? "/" : ".", error);
}

/* Why an earlier write failed, if its errno is lost: write more to the draft, which is discarded anyway, until that
 * fails again. Part of the first block may still fit. */
static int why_writes_fail(int descriptor) {
    static const char block[4096];
    for (int i = 0; i < 16; i++)
        if (write(descriptor, block, sizeof block) < 0 && errno != EINTR) return errno;
    return EIO;
}

ltm_status file_commit(struct file_draft *draft, struct ltm_error *error) {
    /* Catches a failed write that the caller did not check. */
    errno = 0;
    bool written = fflush(draft->stream) == 0 && !ferror(draft->stream) && fsync(fileno(draft->stream)) == 0;
    int number = errno;
    if (!written && number == 0) number = why_writes_fail(fileno(draft->stream));
    if (fclose(draft->stream) != 0 && written) {
        written = false;
        number = errno;
    }
    draft->stream = NULL;
    if (written && rename(draft->draft, draft->path) != 0) {
        written = false;
        number = errno;
    }
    if (!written) {
        unlink(draft->draft);
        return fail_errno(error, "write", draft->path, number);
    }
    return sync_folder_of(draft->path, error);
}

void file_discard(struct file_draft *draft) {
    if (!draft->stream) return;
    fclose(draft->stream);
    draft->stream = NULL;
    unlink(draft->draft);
}

ltm_status file_read_text(char **text, size_t *bytes, const char *path, size_t most, struct ltm_error *error) {
    int descriptor;
    off_t size;
    *text = NULL;
    *bytes = 0;
    ltm_status status = LTM_OK;
    PASS_UP(open_regular(&descriptor, &size, path, error));
    char *buffer = NULL;
    size_t have = 0;
    size_t room = (size_t)size;
    if ((uintmax_t)size > most)
        TRY(fail(error, LTM_INVALID, "%s is too large: %jd bytes, at most %zu expected", path, (intmax_t)size, most));
    buffer = malloc(room + 1);
    if (!buffer) {
        status = fail_memory(error, room + 1, path);
        goto cleanup;
    }
    while (have < room) {
        ssize_t got = read(descriptor, buffer + have, room - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) TRY(fail_errno(error, "read", path, errno));
        if (got == 0) break;
        have += (size_t)got;
    }
    buffer[have] = 0;
    *text = buffer;
    *bytes = have;
    buffer = NULL;
cleanup:
    free(buffer);
    close(descriptor);
    return status;
}

/* Write `bytes` bytes in one piece. */
static ltm_status write_whole(const char *path, const void *data, size_t bytes, struct ltm_error *error) {
    struct file_draft draft;
    PASS_UP(file_create(&draft, path, error));
    ltm_status status = file_write(&draft, data, bytes, error);
    if (status != LTM_OK) {
        file_discard(&draft);
        return status;
    }
    return file_commit(&draft, error);
}

ltm_status file_write_text(const char *path, const char *text, struct ltm_error *error) {
    return write_whole(path, text, strlen(text), error);
}

ltm_status file_copy(const char *from, const char *to, struct ltm_error *error) {
    struct file_map map;
    PASS_UP(file_map(&map, from, error));
    ltm_status status = write_whole(to, map.data, map.size, error);
    file_unmap(&map);
    return status;
}

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

void checksum_hex(char hex[17], const void *data, size_t bytes) {
    static const unsigned char nothing[1];
    const unsigned char *from = data ? data : nothing; /* zlib takes NULL for "begin" */
    snprintf(hex, 17, "%08lx%08lx", crc32_z(crc32_z(0, NULL, 0), from, bytes) & 0xfffffffful,
             adler32_z(adler32_z(0, NULL, 0), from, bytes) & 0xfffffffful);
}

/* Read, not mapped: the pages of a map would count in a run's peak memory. */
ltm_status checksum_file(char hex[17], const char *path, struct ltm_error *error) {
    enum { CHUNK = 1 << 18 };
    unsigned long crc = crc32_z(0, NULL, 0);
    unsigned long adler = adler32_z(0, NULL, 0);
    unsigned char *chunk = NULL;
    int descriptor;
    off_t size;
    ltm_status status = open_regular(&descriptor, &size, path, error);
    if (status != LTM_OK) return status;
    ssize_t bytes = -1;
    if (!(chunk = malloc(CHUNK)))
        status = fail_memory(error, CHUNK, "a checksum");
    else
        while ((bytes = read(descriptor, chunk, CHUNK)) > 0 || (bytes < 0 && errno == EINTR)) {
            if (bytes < 0) continue;
            crc = crc32_z(crc, chunk, (size_t)bytes);
            adler = adler32_z(adler, chunk, (size_t)bytes);
        }
    if (status == LTM_OK && bytes < 0) status = fail_errno(error, "read", path, errno);
    snprintf(hex, 17, "%08lx%08lx", crc & 0xfffffffful, adler & 0xfffffffful);
    free(chunk);
    close(descriptor);
    return status;
}
