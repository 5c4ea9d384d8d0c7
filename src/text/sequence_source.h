/* Where sequences come from: what training goes through, and what is scored. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

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
};

/* Windows of T + 1 tokens of a packed stream, in which every target counts 1 (text/sequences.h). */
struct stream_windows {
    struct sequence_source source; /* first: a pointer to it is one to the windows */
    const struct token_stream *stream;
    int length;                  /* T */
    struct sequence_order order; /* of training */
    int64_t all;                 /* held-out windows, of which source.count are spread evenly */
};

/* The training sequences of all epochs. Borrows stream. LTM_INVALID where it is too short. */
ltm_status training_windows(struct stream_windows *windows, const struct token_stream *stream, int length,
                            uint64_t seed, struct ltm_error *error);

/* At most `most` held-out sequences, 0 = all. Borrows stream. LTM_INVALID where there is none. */
ltm_status heldout_windows(struct stream_windows *windows, const struct token_stream *stream, int length, int64_t most,
                           struct ltm_error *error);
