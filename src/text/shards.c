#include "text/shards.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct shard_writer shard_writer_begin(const char *folder, const char *split, int64_t limit) {
    return (struct shard_writer){.folder = folder, .split = split, .limit = limit};
}

/* The count is known only at the end, so the header is written twice. */
static ltm_status write_header(struct shard_writer *writer, struct ltm_error *error) {
    const int32_t header[SHARD_HEADER_WORDS] = {SHARD_MAGIC, SHARD_VERSION, (int32_t)writer->held};
    return file_write(&writer->draft, header, sizeof header, error);
}

static ltm_status open_shard(struct shard_writer *writer, struct ltm_error *error) {
    char name[64];
    char path[SHARD_PATH_MAX];
    snprintf(name, sizeof name, "%s-%05d.bin", writer->split, writer->shards);
    void *checksums = realloc(writer->checksums, (size_t)(writer->shards + 1) * sizeof *writer->checksums);
    if (!checksums) return fail_memory(error, sizeof *writer->checksums, "the checksums of shards");
    writer->checksums = checksums;
    PASS_UP(path_join(path, sizeof path, writer->folder, name, error));
    PASS_UP(file_create(&writer->draft, path, error));
    writer->open = true;
    writer->shards++;
    writer->held = 0;
    writer->crc = crc32_z(0, NULL, 0);
    writer->adler = adler32_z(0, NULL, 0);
    return write_header(writer, error);
}

/* The checksum of header and tokens from those of the parts, so that no shard is read again (checksum_hex in files.h). */
static void keep_checksum(struct shard_writer *writer) {
    const int32_t header[SHARD_HEADER_WORDS] = {SHARD_MAGIC, SHARD_VERSION, (int32_t)writer->held};
    const unsigned char *bytes = (const unsigned char *)header;
    z_off_t rest = (z_off_t)writer->held * (z_off_t)sizeof(uint16_t);
    unsigned long crc = crc32_combine(crc32_z(crc32_z(0, NULL, 0), bytes, sizeof header), writer->crc, rest);
    unsigned long adler = adler32_combine(adler32_z(adler32_z(0, NULL, 0), bytes, sizeof header), writer->adler, rest);
    snprintf(writer->checksums[writer->shards - 1], sizeof *writer->checksums, "%08lx%08lx", crc & 0xfffffffful,
             adler & 0xfffffffful);
}

static ltm_status close_shard(struct shard_writer *writer, struct ltm_error *error) {
    if (fseek(writer->draft.stream, 0, SEEK_SET) != 0)
        return fail(error, LTM_IO, "cannot write %s: %s", writer->draft.path, strerror(errno));
    PASS_UP(write_header(writer, error));
    keep_checksum(writer);
    writer->open = false; /* committed or not, the draft is closed */
    return file_commit(&writer->draft, error);
}

ltm_status shard_writer_add(struct shard_writer *writer, const uint16_t *tokens, size_t count,
                            struct ltm_error *error) {
    while (count > 0) {
        if (writer->open && writer->held == writer->limit) PASS_UP(close_shard(writer, error));
        if (!writer->open) PASS_UP(open_shard(writer, error));
        size_t now = count;
        if ((int64_t)now > writer->limit - writer->held) now = (size_t)(writer->limit - writer->held);
        PASS_UP(file_write(&writer->draft, tokens, now * sizeof *tokens, error));
        writer->crc = crc32_z(writer->crc, (const unsigned char *)tokens, now * sizeof *tokens);
        writer->adler = adler32_z(writer->adler, (const unsigned char *)tokens, now * sizeof *tokens);
        writer->held += (int64_t)now;
        tokens += now;
        count -= now;
    }
    return LTM_OK;
}

ltm_status shard_writer_end(struct shard_writer *writer, struct ltm_error *error) {
    return writer->open ? close_shard(writer, error) : LTM_OK;
}

void shard_writer_drop(struct shard_writer *writer) {
    if (writer->open) file_discard(&writer->draft);
    writer->open = false;
    free(writer->checksums);
    writer->checksums = NULL;
}
