/* Threads that work on groups of sequences: each has its own decoder workspace, posteriors and tokens, created before
 * the work starts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "latent/fast_loop.h"
#include "latent/streaming.h"
#include "model/decoder.h"
#include "text/sequence_source.h"

struct worker {
    struct decoder_pass *pass;
    struct fast_loop loop;
    struct fast_part part;      /* what the fits of training read of the text; empty where they read all of it */
    struct streaming streaming; /* empty unless latent.kind = streaming */
    int32_t *tokens, *targets;  /* (G, T) each */
    float *weights;             /* (G, T): the weight of each token in the loss; the loop has it if not all are 1 */
    float *fit;                 /* (G, T): the weight of each token in the fit, if different */
    float *scaled;              /* (G, T): the same as parts of a slow step's loss */
    float *start_scale;         /* (G): the weight of a nat of each there */
    uint32_t *numbers;          /* (G): the number of each sequence in the keys of its noise */
};

struct workers {
    const struct decoder *decoder;
    int threads, group, length; /* most sequences of a group, tokens of each */
    struct worker *each;        /* [threads] */
};

/* Their fast loops are for the method of `fast`, or for any method if that is NULL; gradients: as for
 * decoder_pass_create. Without gradients fits read all of the text. */
ltm_status workers_create(struct workers *workers, const struct decoder *decoder, const struct ltm_fast_config *fast,
                          int threads, int group, int length, int gradients, struct ltm_error *error);
void workers_free(struct workers *workers);
/* As many threads as there is work for, at least 1: an extra worker would only waste memory. */
int workers_needed(int threads, int64_t groups);
size_t workers_bytes(const struct plan *plan, const struct ltm_fast_config *fast, int threads, int group, int length,
                     int gradients, bool in_bf16);

/* Prepare products for groups of this many sequences of workers->length tokens. */
ltm_status workers_prepare(const struct workers *workers, int sequences, struct ltm_error *error);

/* LTM_OK, or why a group could not start (decoder_pass_status). */
ltm_status workers_status(const struct workers *workers, struct ltm_error *error);

/* Sequences per group of scoring, chosen so that products have about 1,000 rows: at least 1. */
int workers_group(int length);

/* Load the first `length` tokens of the source's sequences first … first + count - 1 into a worker, their noise numbered from
 * `number`, and begin a pass over them; with streaming latents, that is left to streaming_read. False if one of them
 * has an id outside the vocabulary: then nothing was computed. */
bool worker_begin(struct worker *worker, const struct sequence_source *source, int64_t first, uint32_t number,
                  int count, int length);

/* The total weight of the tokens of the source's sequences first … first + count - 1. LTM_MISMATCH if one has an id
 * outside the vocabulary. Uses the first worker's arrays. */
ltm_status workers_weigh(double *weight, const struct workers *workers, const struct sequence_source *source,
                         int64_t first, int count, struct ltm_error *error);

/* LTM_MISMATCH for a worker_begin that returned false. */
ltm_status workers_fail_vocabulary(const struct workers *workers, struct ltm_error *error);
