/* The inputs of a probe: for each document the μ fitted on it, or where latents stream u behind its last whole chunk, and the decoder's
 * states. */
#pragma once

#include <stdint.h>

#include "ltm/config.h"
#include "ltm/model.h"
#include "ltm/watch.h"

struct probe_document {
    int32_t *ids; /* the id that begins a document, then its text's: `tokens` + 1 */
    int tokens;   /* 1 … model.sequence */
};

struct probe_features {
    int64_t documents;
    struct probe_document *all;
    int latents, dim; /* N_z d (0 without latents) and d */
    int width; /* of a row: μ or u, the states under it, and with latents those under z = 0, or z that stays at its start */
    float *rows; /* (documents, width) */
    int64_t cut;
    struct probe_sparsity *sparsity; /* of the states under z = μ (probe_sparsity.h), borrowed; NULL = not measured */
};

ltm_status probe_features_create(struct probe_features *features, const struct ltm_model *model, int64_t documents,
                                 struct ltm_error *error);
void probe_features_free(struct probe_features *features);

/* Make `text` the i-th document, cut to model.sequence. LTM_INVALID for an empty one. */
ltm_status probe_features_set(struct probe_features *features, int64_t i, const struct ltm_model *model,
                              const char *text, struct ltm_error *error);

struct decoder;

/* Fit and run the decoder: fills the rows. The same for any number of threads. */
ltm_status probe_features_compute(struct probe_features *features, const struct decoder *decoder,
                                  const struct ltm_fast_config *fast, uint64_t seed, int threads,
                                  const struct ltm_watch *watch, struct ltm_error *error);
