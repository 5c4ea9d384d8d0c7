#include "text/packed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "text/archive_stream.h"

enum { READ_AT_ONCE = 256 * 1024, GZIP_ONLY = 16 /* added to zlib's bits of window */, BEGINNING = 10 };

static const unsigned char magic[] = {0x1f, 0x8b};

struct packed_file {
    const char *path;
    int descriptor;
    bool packed,
        begun; /* begun: within a member, zlib's term for one run of compressed data; several may follow one another */
    bool padded;                  /* after the last: zeros */
    bool ended;                   /* the whole file has been read */
    int64_t read;                 /* bytes of it */
    struct archive_stream *other; /* other compression: read by libarchive */
    z_stream stream;              /* next_in, avail_in: read, not used; for plain files, too */
    unsigned char buffer[READ_AT_ONCE];
};

static ltm_status damaged(const struct packed_file *file, const char *how, struct ltm_error *error) {
    return fail(error, LTM_CORRUPT, "%s is damaged: %s, at byte %lld of it", file->path, how,
                (long long)packed_file_offset(file));
}

/* Move the rest to the buffer's front and read after it. */
static ltm_status refill(struct packed_file *file, struct ltm_error *error) {
    z_stream *stream = &file->stream;
    memmove(file->buffer, stream->next_in, stream->avail_in);
    stream->next_in = file->buffer;
    ssize_t got;
    do got = read(file->descriptor, file->buffer + stream->avail_in, READ_AT_ONCE - stream->avail_in);
    while (got < 0 && errno == EINTR);
    if (got < 0) return fail(error, LTM_IO, "cannot read %s: %s", file->path, strerror(errno));
    stream->avail_in += (unsigned)got;
    file->read += got;
    file->ended = got == 0;
    return LTM_OK;
}

/* Up to `room` bytes as they are in the file, fewer only at its end. */
static ltm_status read_plain(void *user, void *bytes, size_t room, size_t *got, struct ltm_error *error) {
    struct packed_file *file = user;
    *got = 0;
    while (*got < room) {
        size_t now = file->stream.avail_in < room - *got ? file->stream.avail_in : room - *got;
        if (now == 0 && file->ended) break;
        if (now == 0) {
            PASS_UP(refill(file, error));
            continue;
        }
        memcpy((char *)bytes + *got, file->stream.next_in, now);
        file->stream.next_in += now;
        file->stream.avail_in -= (unsigned)now;
        *got += now;
    }
    return LTM_OK;
}

/* The first bytes of files compressed with zstd, xz and bzip2 (blocks of 100 kB to 900 kB). */
static bool is_packed_otherwise(const unsigned char *begin, size_t bytes) {
    if (bytes >= 4 && memcmp(begin, "\x28\xB5\x2F\xFD", 4) == 0) return true;
    if (bytes >= 6 && memcmp(begin,
                             "\xFD"
                             "7zXZ",
                             6) == 0)
        return true;
    return bytes >= BEGINNING && memcmp(begin, "BZh", 3) == 0 &&
           (memcmp(begin + 4, "1AY&SY", 6) == 0 || memcmp(begin + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

ltm_status packed_file_open(struct packed_file **file, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct packed_file *new = calloc(1, sizeof *new);
    *file = NULL;
    if (!new) return fail_memory(error, sizeof *new, path);
    new->path = path;
    new->stream.next_in = new->buffer;
    new->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (new->descriptor < 0) TRY(fail(error, LTM_IO, "cannot read %s: %s", path, strerror(errno)));
    while (new->stream.avail_in < BEGINNING && !new->ended) TRY(refill(new, error));
    if (new->stream.avail_in >= sizeof magic && memcmp(new->buffer, magic, sizeof magic) == 0) {
        if (inflateInit2(&new->stream, MAX_WBITS + GZIP_ONLY) != Z_OK) TRY(fail_memory(error, 1 << MAX_WBITS, path));
        new->packed = new->begun = true;
    } else if (is_packed_otherwise(new->buffer, new->stream.avail_in)) {
        TRY(archive_stream_open(&new->other, path, false, read_plain, new, error));
    }
    *file = new;
    return LTM_OK;
cleanup:
    packed_file_close(new);
    return status;
}

void packed_file_close(struct packed_file *file) {
    if (!file) return;
    archive_stream_close(file->other);
    if (file->packed) inflateEnd(&file->stream);
    if (file->descriptor >= 0) close(file->descriptor);
    free(file);
}

bool packed_file_is_packed(const struct packed_file *file) { return file->packed || file->other; }

int64_t packed_file_offset(const struct packed_file *file) { return file->read - file->stream.avail_in; }

/* After a member: another, or zeros up to the end. */
static ltm_status begin_next(struct packed_file *file, struct ltm_error *error) {
    z_stream *stream = &file->stream;
    if (!file->padded && stream->avail_in >= sizeof magic && memcmp(stream->next_in, magic, sizeof magic) == 0) {
        file->begun = true;
        return inflateReset(stream) == Z_OK ? LTM_OK : damaged(file, "zlib cannot go on", error);
    }
    for (; stream->avail_in > 0; stream->avail_in--, stream->next_in++) {
        if (*stream->next_in != 0) return damaged(file, "other data follows the compressed data", error);
        file->padded = true;
    }
    return LTM_OK;
}

static ltm_status unpack(struct packed_file *file, void *bytes, size_t room, size_t *got, struct ltm_error *error) {
    z_stream *stream = &file->stream;
    stream->next_out = bytes;
    stream->avail_out = room < UINT_MAX ? (unsigned)room : UINT_MAX;
    const unsigned all = stream->avail_out;
    while (stream->avail_out > 0) {
        if (stream->avail_in < sizeof magic && !file->ended) {
            PASS_UP(refill(file, error));
            continue;
        }
        if (!file->begun) {
            if (stream->avail_in == 0) break;
            PASS_UP(begin_next(file, error));
            continue;
        }
        const int code = inflate(stream, Z_NO_FLUSH);
        if (code == Z_STREAM_END)
            file->begun = false;
        else if (code == Z_MEM_ERROR)
            return fail_memory(error, 1 << MAX_WBITS, file->path);
        else if (code == Z_BUF_ERROR)
            return damaged(file, "it ends too early", error);
        else if (code != Z_OK)
            return damaged(file, stream->msg ? stream->msg : "it is not gzip data", error);
    }
    *got = all - stream->avail_out;
    return LTM_OK;
}

ltm_status packed_file_read(struct packed_file *file, void *bytes, size_t room, size_t *got, struct ltm_error *error) {
    *got = 0;
    if (file->other) return archive_stream_read(file->other, bytes, room, got, error);
    return file->packed ? unpack(file, bytes, room, got, error) : read_plain(file, bytes, room, got, error);
}
