/* Drawing a token from logits: temperature, then the k likeliest, then the fewest whose probabilities reach p. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sampler {
    int vocab, top_k;          /* top_k 0 = all */
    double temperature, top_p; /* temperature 0 = the likeliest token */
    const bool *only;          /* [vocab]: the tokens that may be picked; NULL = any */
    float *p;                  /* [vocab] */
    struct sampler_bucket *buckets;
    int32_t *border; /* [vocab] */
};

ltm_status sampler_create(struct sampler *sampler, int vocab, double temperature, int top_k, double top_p,
                          struct ltm_error *error);
void sampler_free(struct sampler *sampler);

/* The token that a uniform number in [0, 1) picks. Of equally likely tokens the smallest id comes first. */
int32_t sampler_pick(struct sampler *sampler, const float *logits, double uniform);

/* The ids of the n largest of logits (vocab), the largest first, of equal ones the smallest id; returns how many, at most vocab. */
int sampler_likeliest(int32_t *ids, const float *logits, int vocab, int n);

/* log p of a token, nats: at temperature 1, of all tokens. Not finite where a logit is not. */
double sampler_log_p(const struct sampler *sampler, const float *logits, int32_t token);
