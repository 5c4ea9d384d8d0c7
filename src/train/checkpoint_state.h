/* state.json of a checkpoint: the state of the run, and a checksum of every file beside it and of itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "ltm/config.h"
#include "train/loss_spikes.h"

/* The state of a run. Random numbers and the position in the data follow from seed and step. */
struct checkpoint_state {
    int64_t step;
    double seconds;    /* of its slow steps */
    double best_bound; /* best held-out bound, INFINITY before there is one */
    int64_t best_step;
    char corpus[64];   /* the identity of the corpus (train.c), so that a resume uses the same one */
    int64_t log_bytes; /* log.jsonl up to here belongs to it */
    int64_t skipped;   /* slow steps without an update, of `step` … */
    int64_t in_a_row;  /* … and of the last ones */
    int64_t diverged;  /* sequences whose fast loop diverged */
    int64_t spikes;    /* of the loss */
    bool heldout_due;  /* the held-out score of this step is still due: it was not finite, and the run stopped */
    bool averaged;     /* at the last held-out score the average of the weights was better: it is used */
    bool weights_only; /* a mean of models (ltm/average.h), without optimiser state */
    struct loss_average loss;
};

/* Write folder/state.json, with the checksums of the existing `files`. Atomic. */
ltm_status checkpoint_state_write(const char *folder, const struct checkpoint_state *state, const char *const *files,
                                  int count, struct ltm_error *error);

/* Read it; the caller releases *root. LTM_CORRUPT if it was changed, belongs to another step than its
 * folder step-N, or has impossible values; LTM_UNSUPPORTED for another format. Older files have no checksum of their
 * own. */
ltm_status checkpoint_state_read(json_t **root, const char *folder, struct ltm_error *error);

/* Its checksum of a file; NULL if it has none. */
const char *checkpoint_state_sum(const json_t *root, const char *file);

/* Everything except state->corpus, which the caller knows. */
void checkpoint_state_take(struct checkpoint_state *state, const json_t *root);

/* The step that the name of a checkpoint's folder says, or -1. */
int64_t checkpoint_step_of(const char *name);
