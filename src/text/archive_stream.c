#include "text/archive_stream.h"

#if LTM_ARCHIVE

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

enum { READ_AT_ONCE = 64 * 1024 };

struct archive_stream {
    struct archive *archive;
    const char *path;
    archive_source source;
    void *user;
    ltm_status status; /* of the source */
    struct ltm_error cause;
    bool ended;
    char buffer[READ_AT_ONCE];
};

const char *archive_stream_library(void) { return archive_version_string(); }

static la_ssize_t give(struct archive *archive, void *user, const void **bytes) {
    struct archive_stream *stream = user;
    size_t got = 0;
    *bytes = stream->buffer;
    stream->status = stream->source(stream->user, stream->buffer, READ_AT_ONCE, &got, &stream->cause);
    if (stream->status == LTM_OK) return (la_ssize_t)got;
    archive_set_error(archive, EIO, "the file cannot be read");
    return -1;
}

static ltm_status failed(const struct archive_stream *stream, struct ltm_error *error) {
    if (stream->status != LTM_OK) return fail_with(error, &stream->cause);
    if (archive_errno(stream->archive) == ENOMEM) return fail_memory(error, READ_AT_ONCE, stream->path);
    const char *why = archive_error_string(stream->archive);
    return fail(error, LTM_CORRUPT, "%s is damaged: %s", stream->path, why ? why : "libarchive cannot read it");
}

/* One file: its only header, or none if the file unpacks to nothing. */
static ltm_status begin_file(struct archive_stream *stream, struct ltm_error *error) {
    struct archive_entry *entry;
    const int code = archive_read_next_header(stream->archive, &entry);
    stream->ended = code == ARCHIVE_EOF;
    const bool bad = code < ARCHIVE_WARN || (stream->ended && archive_errno(stream->archive) != 0);
    return bad ? failed(stream, error) : LTM_OK;
}

ltm_status archive_stream_open(struct archive_stream **stream, const char *path, bool members, archive_source source,
                               void *user, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct archive_stream *new = calloc(1, sizeof *new);
    *stream = NULL;
    if (!new) return fail_memory(error, sizeof *new, path);
    new->path = path;
    new->source = source;
    new->user = user;
    new->archive = archive_read_new();
    if (!new->archive) TRY(fail_memory(error, sizeof *new, path));
    if (members) {
        archive_read_support_format_tar(new->archive);
        archive_read_support_format_zip_streamable(new->archive);
    } else {
        archive_read_support_filter_zstd(new->archive);
        archive_read_support_filter_xz(new->archive);
        archive_read_support_filter_bzip2(new->archive);
        archive_read_support_format_raw(new->archive);
        archive_read_support_format_empty(new->archive);
    }
    if (archive_read_open(new->archive, new, NULL, give, NULL) != ARCHIVE_OK) TRY(failed(new, error));
    if (!members) TRY(begin_file(new, error));
    *stream = new;
    return LTM_OK;
cleanup:
    archive_stream_close(new);
    return status;
}

void archive_stream_close(struct archive_stream *stream) {
    if (!stream) return;
    archive_read_free(stream->archive);
    free(stream);
}

ltm_status archive_stream_next(struct archive_stream *stream, const char **name, bool *more, struct ltm_error *error) {
    struct archive_entry *entry;
    *more = false;
    for (;;) {
        const int code = archive_read_next_header(stream->archive, &entry);
        if (code == ARCHIVE_EOF) return LTM_OK;
        if (code < ARCHIVE_WARN) return failed(stream, error);
        if (archive_entry_filetype(entry) != AE_IFREG) continue;
        *name = archive_entry_pathname(entry);
        if (!*name) *name = archive_entry_pathname_utf8(entry);
        if (!*name) *name = "";
        stream->ended = false;
        *more = true;
        return LTM_OK;
    }
}

ltm_status archive_stream_read(struct archive_stream *stream, void *bytes, size_t room, size_t *got,
                               struct ltm_error *error) {
    *got = 0;
    while (*got < room && !stream->ended) {
        const la_ssize_t now = archive_read_data(stream->archive, (char *)bytes + *got, room - *got);
        if (now < 0) return failed(stream, error); /* libarchive only warns of a wrong checksum */
        stream->ended = now == 0;
        *got += (size_t)now;
    }
    return LTM_OK;
}

#else

const char *archive_stream_library(void) { return "none"; }

ltm_status archive_stream_open(struct archive_stream **stream, const char *path, bool members, archive_source source,
                               void *user, struct ltm_error *error) {
    (void)source;
    (void)user;
    *stream = NULL;
    return fail(error, LTM_UNSUPPORTED,
                "%s is %s, which this build cannot read: unpack it first, or rebuild with "
                "libarchive (Debian: libarchive-dev)",
                path, members ? "an archive" : "compressed with zstd, xz or bzip2");
}

void archive_stream_close(struct archive_stream *stream) { (void)stream; }

ltm_status archive_stream_next(struct archive_stream *stream, const char **name, bool *more, struct ltm_error *error) {
    (void)stream;
    (void)name;
    *more = false;
    return fail(error, LTM_UNSUPPORTED, "this build has no libarchive");
}

ltm_status archive_stream_read(struct archive_stream *stream, void *bytes, size_t room, size_t *got,
                               struct ltm_error *error) {
    (void)stream;
    (void)bytes;
    (void)room;
    *got = 0;
    return fail(error, LTM_UNSUPPORTED, "this build has no libarchive");
}

#endif
