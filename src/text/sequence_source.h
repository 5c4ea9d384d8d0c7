/* Where sequences come from: what training goes through, and what is scored. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/tokenizer.h"
#include "text/sequences.h"
#include "text/token_stream.h"

struct sequence_source {
    int64_t count; /* sequences that it has; INT64_MAX for one that does not end */
    /* The first `length` tokens of sequence i, their targets, and what each target counts in the loss, (length) each: 0 for one
     * that is masked, or stands where the sequence has ended. False where each counts 1: then weights are left as they are.
     * Thread-safe. */
    bool (*read)(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                 float *weights);
    /* Where sequence i begins in its text, for messages. */
    int64_t (*place)(const struct sequence_source *source, int64_t i);
    /* Which of `distinct` sequences the i-th is, where they come again; NULL = it is not known. */
    int64_t (*number)(const struct sequence_source *source, int64_t i);
    int64_t distinct;
    /* What each target counts in the fit of z, (length); NULL: what it counts in the loss. Where a source has it, what the fit sees is
     * given, so that z costs no code: its KL counts nothing in a bound. */
    void (*read_fit)(const struct sequence_source *source, int64_t i, int length, float *weights);
    /* What sequence i is called in the keys of its noise; NULL: by its place in the batch or among those scored. */
    uint32_t (*noise)(const struct sequence_source *source, int64_t i);
};

/* Sequences of a corpus, by data.packing. Its tokens are one run of documents, each with data.document_end behind it (or before it,
 * as llm.c has them).
 *
 * packed, masked: windows of T + 1 tokens of that run, wherever documents end; every target counts 1 (text/sequences.h). What a
 * position may see of them is the decoder's to say.
 * document: at most T + 1 tokens of one document: the end of the one before it, by which its first word is predicted, its words, its
 * end. A longer one is cut into pieces, in each of which the first input is the last word of the piece before. What is left of T
 * is filled with document_end and counts 0. So each token of the run is a target once (but the ends of documents without text).
 * Pieces take 8 bytes each in memory. */
struct stream_windows {
    struct sequence_source source; /* first: a pointer to it is one to the windows */
    const struct token_stream *stream;
    int length;                  /* T */
    struct sequence_order order; /* of training */
    int64_t all;                 /* held-out windows, or pieces, of which source.count are spread evenly */
    int64_t *pieces;             /* where each begins, its first target; NULL = windows */
    int32_t end;                 /* document_end */
    double fill;                 /* share of all targets of pieces that count */
};

/* The training sequences of all epochs. Borrows stream. LTM_INVALID where it is too short, or where documents matter and none
 * ends. */
ltm_status training_windows(struct stream_windows *windows, const struct token_stream *stream,
                            const struct ltm_model_config *model, uint64_t seed, struct ltm_error *error);

/* From now on every pass cuts the text at the same places, so that its sequences come again. */
void training_windows_again(struct stream_windows *windows);

/* At most `most` held-out sequences, 0 = all. Borrows stream. LTM_INVALID where there is none, and as above. */
ltm_status heldout_windows(struct stream_windows *windows, const struct token_stream *stream,
                           const struct ltm_model_config *model, int64_t most, struct ltm_error *error);

/* Bytes of text that the targets of sequence i stand for, from target `from` on. The three arrays (length) are written. */
double sequence_bytes(const struct sequence_source *source, const struct ltm_tokenizer *tokenizer, int64_t i, int from,
                      int length, int32_t *tokens, int32_t *targets, float *weights);

void stream_windows_free(struct stream_windows *windows);
