/* Batch, window and loops that grow: from slow.batch_start sequences to slow.batch and from slow.window_start tokens to
 * model.window, each linearly, rounded down, over the first slow.growth of run.tokens. Both follow from the tokens of
 * the steps before, so a resume finds them again. One of model.loops runs in the first loop.start of run.tokens; then
 * two, then more one by one, all of them after loop.full. The first latent.start of run.tokens trains the plain
 * decoder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"

struct growth {
    int64_t sequences; /* of the slow steps before this one */
    int batch, window; /* of this one */
    int loops;         /* … before loop.depth applies (train/depth.h) */
    bool plain;        /* latents have not started: none is fitted, and the stages that read them are skipped */
};

/* At slow step `step`, from 0. */
struct growth growth_at(const struct ltm_config *config, int64_t step);

bool growth_is_on(const struct ltm_config *config);

/* The tokens of the first `step` slow steps, and the same in steps of whole batches: what rates and other schedules go by. */
int64_t growth_tokens(const struct ltm_config *config, int64_t step);
double growth_position(const struct ltm_config *config, int64_t step);

/* A run as stretches of slow steps that have one batch, window and number of loops: from growth_at(config, 0) on, the steps of the stretch that begins
 * at *growth, which then is where the next one begins; 0 at the run's end. */
int64_t growth_stretch(const struct ltm_config *config, struct growth *growth);
