/* Models: a decoder's weights with their configuration and tokenizer, as stored in a checkpoint.
 *
 *     struct ltm_model *model = NULL;
 *     ltm_model_open(&model, "runs/demo", &error);   a checkpoint's folder, or a run's (its best)
 *     … ltm_model_close(model);
 *
 * An open model is read-only and may be used by several threads at once. */
#pragma once

#include <stdint.h>

#include "ltm/config.h"
#include "ltm/status.h"
#include "ltm/tokenizer.h"

LTM_C_BEGIN

struct ltm_model;

/* LTM_IO, LTM_CORRUPT (a bad checksum, a missing tensor or one of the wrong shape), LTM_MISMATCH (another tokenizer). */
ltm_status ltm_model_open(struct ltm_model **model, const char *path, struct ltm_error *error);
void ltm_model_close(struct ltm_model *model); /* NULL is fine */

/* The configuration that it was trained with. Owned by the model. */
const struct ltm_config *ltm_model_config(const struct ltm_model *model);

/* Its tokenizer, or NULL if it was trained on shards without one. Owned by the model. */
const struct ltm_tokenizer *ltm_model_tokenizer(const struct ltm_model *model);

int64_t ltm_model_step(const struct ltm_model *model); /* the slow step at which it was saved */

/* Number of weights; a tied embedding counts once, and the heads of slow.predict are included. */
int64_t ltm_parameter_count(const struct ltm_model_config *config);

/* Those of them that model.loops runs again: the core's layers; 0 if it runs once. */
int64_t ltm_recurrent_parameter_count(const struct ltm_model_config *config);

/* Useful floating-point operations per token of a forward pass through the decoder (2 per weight, and
 * attention). A fast step costs 2 of these, a slow step 3. */
double ltm_forward_flops(const struct ltm_model_config *config);

LTM_C_END
