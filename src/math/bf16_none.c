/* What a build without oneDNN has in place of bf16_onednn.c. */
#include "math/bf16.h"

#if !LTM_ONEDNN

const char *bf16_missing(void) { return "this build of ltm is without oneDNN"; }

const char *bf16_backend(void) { return "none"; }

ltm_status bf16_weight_create(struct bf16_weight **weight, int out, int in, struct ltm_error *error) {
    (void)out, (void)in;
    *weight = NULL;
    return fail(error, LTM_UNSUPPORTED, "bf16 is not possible, because %s", bf16_missing());
}

void bf16_weight_free(struct bf16_weight *weight) { (void)weight; }

size_t bf16_weight_bytes(int out, int in) {
    (void)out, (void)in;
    return 0;
}

ltm_status bf16_weight_pack(struct bf16_weight *weight, enum bf16_orientation orientation, const float *w,
                            struct ltm_error *error) {
    (void)weight, (void)orientation, (void)w;
    return fail(error, LTM_UNSUPPORTED, "bf16 is not possible, because %s", bf16_missing());
}

ltm_status bf16_work_create(struct bf16_work **work, struct ltm_error *error) {
    *work = NULL;
    return fail(error, LTM_UNSUPPORTED, "bf16 is not possible, because %s", bf16_missing());
}

void bf16_work_free(struct bf16_work *work) { (void)work; }

ltm_status bf16_prepare(const struct bf16_call **call, struct bf16_work *work, struct bf16_product product,
                        const struct bf16_weight *weight, struct ltm_error *error) {
    (void)work, (void)product, (void)weight;
    *call = NULL;
    return fail(error, LTM_UNSUPPORTED, "bf16 is not possible, because %s", bf16_missing());
}

bf16 *bf16_room(struct bf16_work *work, int index) {
    (void)work, (void)index;
    return NULL;
}

void bf16_multiply(struct bf16_work *work, const struct bf16_call *call, float *c, const struct bf16_weight *weight) {
    (void)work, (void)call, (void)c, (void)weight;
}

double bf16_peak(int threads, double seconds) {
    (void)threads, (void)seconds;
    return 0;
}

#endif
