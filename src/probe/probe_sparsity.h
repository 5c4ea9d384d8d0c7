/* How sparse the decoder's states are behind each layer. */
#pragma once

#include "model/layer_states.h"

enum {
    SPARSITY_HOYER,
    SPARSITY_TOP,
    SPARSITY_CHANGE,
    SPARSITY_MEASURES,
    SPARSITY_NORM = SPARSITY_MEASURES,
    SPARSITY_NUMBERS
};

struct probe_sparsity {
    int places;               /* layers that run, each as often as it does, from the last */
    struct layer_place *name; /* [places] */
    double *numbers;          /* (documents, places, SPARSITY_NUMBERS): means over tokens; of the norm its logarithm */
    double *surprise;         /* (documents): -log p a token */
    float *room;              /* (documents, d) */
};

ltm_status probe_sparsity_create(struct probe_sparsity *sparsity, const struct plan *plan, int64_t documents,
                                 struct ltm_error *error);
void probe_sparsity_free(struct probe_sparsity *sparsity);

/* Of the g-th sequence of T tokens in the pass, whose -log p (T) is nll: document `document`. */
void probe_sparsity_measure(struct probe_sparsity *sparsity, const struct decoder_pass *pass, int g, int T,
                            const float *nll, int64_t document);
