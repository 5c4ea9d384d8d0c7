#include "text/text_sample.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/utf8.h"
#include "text/documents.h"

static const char sample_what[] = "the sample of text; draw a smaller one";

/* Keep the lines below the bar and compact them. */
static void sift(struct text_sample *sample) {
    size_t kept = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < sample->count; i++) {
        struct sample_line line = sample->lines[i];
        if (line.chance >= sample->bar) continue;
        memmove(sample->text + bytes, sample->text + line.from, line.bytes);
        line.from = bytes;
        bytes += line.bytes;
        sample->lines[kept++] = line;
    }
    sample->count = kept;
    sample->bytes = bytes;
}

static ltm_status add_line(struct text_sample *sample, const char *text, size_t bytes, int64_t number, int64_t most,
                           uint64_t seed, struct ltm_error *error) {
    struct random_key key = {.seed = seed,
                             .purpose = RANDOM_TEXT,
                             .step = (uint32_t)(number >> 32),
                             .sequence = (uint32_t)number,
                             .fast = 1};
    uint32_t chance = random_bits(key, 0);
    sample->seen_bytes += (int64_t)bytes;
    if (chance >= sample->bar) return LTM_OK;
    PASS_UP(GROW_ARRAY(sample->text, sample->text_room, sample->bytes + bytes, sample_what, error));
    PASS_UP(GROW_ARRAY(sample->lines, sample->line_room, sample->count + 1, sample_what, error));
    memcpy(sample->text + sample->bytes, text, bytes);
    sample->lines[sample->count++] = (struct sample_line){chance, (uint32_t)bytes, sample->bytes};
    sample->bytes += bytes;
    while (most > 0 && sample->bytes > (size_t)most && sample->bar > 0) {
        sample->bar -= sample->bar / 8 + 1;
        sift(sample);
    }
    return LTM_OK;
}

/* The length of what ends a line here, or 0. */
static size_t line_end(const char *text, size_t bytes) {
    static const char *const ends[] = {"\n", "\t", "\xE2\x96\x81", "\xE2\x96\x85", "<unk>", "</s>"};
    if (*text == 0) return 1;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t length = strlen(ends[i]);
        if (*text == *ends[i] && bytes >= length && memcmp(text, ends[i], length) == 0) return length;
    }
    return bytes >= 6 && memcmp(text, "<0x", 3) == 0 && text[5] == '>' ? 6 : 0;
}

static ltm_status add_block(struct text_sample *sample, const char *text, size_t bytes, int64_t *number, int64_t most,
                            uint64_t seed, struct ltm_error *error) {
    while (bytes > 0) {
        size_t length = 0;
        size_t end = 0;
        while (length < bytes && (end = line_end(text + length, bytes - length)) == 0) length++;
        for (size_t from = 0, cut; from < length; from += cut) {
            cut = length - from;
            if (cut > SAMPLE_LINE_MOST) cut = utf8_cut(text + from, cut, SAMPLE_LINE_MOST);
            PASS_UP(add_line(sample, text + from, cut, (*number)++, most, seed, error));
        }
        text += length + end;
        bytes -= length + end;
    }
    return LTM_OK;
}

ltm_status text_sample_draw(struct text_sample *sample, const struct ltm_text_input *input, int64_t most, uint64_t seed,
                            const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct documents *documents = NULL;
    struct text_block block;
    bool more;
    int64_t number = 0;
    *sample = (struct text_sample){.bar = (uint64_t)1 << 32};
    TRY(documents_open(&documents, input, error));
    documents_tell_files(documents, watch);
    struct progress pace = progress_begin(watch, "reading", (double)documents_size(documents));
    for (;;) {
        TRY(documents_next(documents, &block, &more, error));
        if (!more) break;
        TRY(add_block(sample, block.text, block.bytes, &number, most, seed, error));
        progress_at(&pace, (double)documents_done(documents));
    }
    progress_end(&pace);
    documents_tell_bad(documents, watch);
    if (sample->count == 0)
        status = fail(error, LTM_INVALID, "there is no text to learn from in %s%s", input->paths[0],
                      input->count > 1 ? " and the other inputs" : "");
cleanup:
    documents_close(documents);
    if (status != LTM_OK) text_sample_free(sample);
    return status;
}

void text_sample_free(struct text_sample *sample) {
    free(sample->text);
    free(sample->lines);
    *sample = (struct text_sample){0};
}
