/* Replaces bf16_onednn.c in a build without oneDNN. */
#include "math/bf16.h"

#if !LTM_ONEDNN

#pragma GCC diagnostic ignored "-Wunused-parameter"

const char *bf16_missing(void) { return "this ltm was built without oneDNN"; }

const char *bf16_backend(void) { return "none"; }

static ltm_status missing(struct ltm_error *error) {
    return fail(error, LTM_UNSUPPORTED, "bf16 is not possible: %s", bf16_missing());
}

ltm_status bf16_weight_create(struct bf16_weight **weight, int out, int in, struct ltm_error *error) {
    *weight = NULL;
    return missing(error);
}

void bf16_weight_free(struct bf16_weight *weight) { (void)weight; }

size_t bf16_weight_bytes(int out, int in) { return 0; }

ltm_status bf16_weight_pack(struct bf16_weight *weight, enum bf16_orientation orientation, const float *w,
                            struct ltm_error *error) {
    return missing(error);
}

ltm_status bf16_work_create(struct bf16_work **work, struct ltm_error *error) {
    *work = NULL;
    return missing(error);
}

void bf16_work_free(struct bf16_work *work) { (void)work; }

ltm_status bf16_prepare(const struct bf16_call **call, struct bf16_work *work, struct bf16_product product,
                        const struct bf16_weight *weight, struct ltm_error *error) {
    *call = NULL;
    return missing(error);
}

bf16 *bf16_room(struct bf16_work *work, int index) { return NULL; }

void bf16_multiply(struct bf16_work *work, const struct bf16_call *call, float *c, const bf16 *a, const bf16 *b,
                   const struct bf16_weight *weight) {}

double bf16_peak(int threads, double seconds) { return 0; }

#endif
