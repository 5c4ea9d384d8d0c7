/* Sources of sequences for training and scoring. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/tokenizer.h"
#include "text/sequences.h"
#include "text/token_stream.h"

struct sequence_source {
    int64_t count; /* number of sequences; INT64_MAX for an endless source */
    /* The first `length` tokens of sequence i, their targets, and the weight of each target in the loss, (length) each:
     * 0 if it is masked or after the end of the sequence. False if every weight is 1: then weights is unchanged.
     * Thread-safe. */
    bool (*read)(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                 float *weights);
    /* The position of sequence i in its text, for messages. */
    int64_t (*place)(const struct sequence_source *source, int64_t i);
    /* Which of `distinct` sequences the i-th is, if they repeat; NULL = unknown. */
    int64_t (*number)(const struct sequence_source *source, int64_t i);
    int64_t distinct;
    /* The weight of each target in the fit of z, (length); NULL: the same as in the loss. If a source has it, the text
     * that the fit sees is given, so z costs no code: its KL does not count in a bound. */
    void (*read_fit)(const struct sequence_source *source, int64_t i, int length, float *weights);
    /* The number of sequence i in the keys of its noise; NULL: its place in the batch or among those scored. */
    uint32_t (*noise)(const struct sequence_source *source, int64_t i);
};

/* Sequences of a corpus, by data.packing. Its tokens are one run of documents, each followed by data.document_end (or
 * preceded by it, as in llm.c).
 *
 * packed, masked: windows of T + 1 tokens of that run, regardless of document ends; every target has weight 1
 * (text/sequences.h). The decoder decides what a position may see of them.
 * document: at most T + 1 tokens of one document: the end token of the one before it, which predicts its first token,
 * its tokens, its end token. A longer one is cut into pieces, in each of which the first input is the last word of the
 * piece before. The rest of T is filled with document_end, with weight 0. So each token of the run is a target once
 * (except the ends of documents without text). Pieces take 8 bytes each in memory. */
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

/* The training sequences of all epochs. Borrows stream. LTM_INVALID if it is too short, or if documents matter and none
 * ends. */
ltm_status training_windows(struct stream_windows *windows, const struct token_stream *stream,
                            const struct ltm_model_config *model, uint64_t seed, struct ltm_error *error);

/* From now on every pass cuts the text at the same places, so that sequences repeat. */
void training_windows_again(struct stream_windows *windows);

/* At most `most` held-out sequences, 0 = all. Borrows stream. LTM_INVALID if there is none, and as above. */
ltm_status heldout_windows(struct stream_windows *windows, const struct token_stream *stream,
                           const struct ltm_model_config *model, int64_t most, struct ltm_error *error);

/* Bytes of text of the targets of sequence i, from target `from` on. The three arrays (length) are written. */
double sequence_bytes(const struct sequence_source *source, const struct ltm_tokenizer *tokenizer, int64_t i, int from,
                      int length, int32_t *tokens, int32_t *targets, float *weights);

void stream_windows_free(struct stream_windows *windows);
