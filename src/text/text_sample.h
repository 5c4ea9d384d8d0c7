/* A sample of the lines of all documents, drawn evenly and kept in order: the training text of a tokenizer. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/text_input.h"
#include "ltm/watch.h"

enum { SAMPLE_LINE_MOST = 4000 }; /* bytes; SentencePiece skips longer ones */

struct sample_line {
    uint32_t chance; /* kept while below the bar */
    uint32_t bytes;
    size_t from;
};

/* Lines without their newline; a long line is cut. Symbols reserved by SentencePiece — NUL, tab, U+2581, U+2585, <unk>,
 * </s>, <0x41> — end a line too: no learned piece contains them, and SentencePiece would skip the line or fail on a
 * text of nothing else. */
struct text_sample {
    char *text;
    struct sample_line *lines;
    size_t bytes, text_room, count, line_room;
    int64_t seen_bytes; /* of all lines */
    uint64_t bar;       /* 2^32: all lines are kept */
};

/* At most `most` bytes (0 = no bound): each line is drawn by (seed, number), so the sample is uniform, and the same for
 * the same text and seed. LTM_INVALID if there is no text. */
ltm_status text_sample_draw(struct text_sample *sample, const struct ltm_text_input *input, int64_t most, uint64_t seed,
                            const struct ltm_watch *watch, struct ltm_error *error);
void text_sample_free(struct text_sample *sample);
