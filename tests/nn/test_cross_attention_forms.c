/* Cross-attention folded and plain, of the same shapes and numbers: the same outputs and gradients. Which form a shape takes is the
 * test's choice here, in place of src/nn/cross_attention_folds.c. */
#include <math.h>

#include "support/gradients.h"

#include "nn/cross_attention.h"
#include "nn/rope.h"

static bool fold;

bool cross_attention_folds(const struct cross_shape *shape) {
    (void)shape;
    return fold;
}

enum { Y, P, DQ, DKV, DZ, DWKV, DWO, ARRAYS };

static const char *const names[ARRAYS] = {"y", "p", "dq", "dkv", "dz", "dwkv", "dwo"};

struct sizes {
    size_t q, z, kv, y, p, wkv, wo;
};

static struct sizes sizes_of(const struct cross_shape *s) {
    const size_t rows = (size_t)s->sequences * (size_t)s->length;
    const size_t latents = (size_t)s->sequences * (size_t)s->latents;
    const size_t width = (size_t)s->heads * (size_t)s->head_dim;
    const size_t kv = 2 * (size_t)s->kv_heads * (size_t)s->head_dim;
    const size_t d = (size_t)s->dim;
    return (struct sizes){rows * width, latents * d, latents * kv, rows * d, rows * (size_t)(s->heads * s->latents),
                          kv * d,       d * width};
}

static void run(float *arrays[ARRAYS], bool folded, const struct cross_shape *s, const struct sizes *n) {
    fold = folded;
    const size_t counts[ARRAYS] = {n->y, n->p, n->q, n->kv, n->z, n->wkv, n->wo};
    for (int i = 0; i < ARRAYS; i++) arrays[i] = test_zeros(counts[i]);
    float *q = test_normal(n->q, 1, 1);
    float *z = test_normal(n->z, 2, 1);
    float *wkv = test_normal(n->wkv, 3, 0.3f);
    float *wo = test_normal(n->wo, 4, 0.3f);
    float *dy = test_normal(n->y, 5, 1);
    float *table = test_zeros((size_t)(s->latents * s->head_dim));
    float *kv = test_zeros(n->kv);
    float *u = test_zeros(cross_attention_u(s));
    float *du = test_zeros(cross_attention_u(s));
    float *dp = test_zeros(n->p);
    rope_table(table, s->latents, 2, s->head_dim);
    cross_attention_latents(kv, folded ? u : NULL, z, wkv, wo, table, s);
    cross_attention_forward(arrays[Y], arrays[P], q, kv, u, wo, s);
    cross_attention_backward(arrays[DQ], arrays[DKV], du, arrays[DWO], dp, dy, arrays[P], q, kv, u, wo, table, s);
    cross_attention_latents_backward(arrays[DZ], arrays[DWKV], arrays[DKV], z, wkv, s);
    free(q), free(z), free(wkv), free(wo), free(dy), free(table), free(kv), free(u), free(du), free(dp);
}

/* The two differ in the order of sums: by some 2^-24 a term of the largest number, which 1e-5 is far above. */
static void check(struct cross_shape s) {
    const struct sizes n = sizes_of(&s);
    const size_t counts[ARRAYS] = {n.y, n.p, n.q, n.kv, n.z, n.wkv, n.wo};
    float *folded[ARRAYS];
    float *plain[ARRAYS];
    run(folded, true, &s, &n);
    run(plain, false, &s, &n);
    for (int a = 0; a < ARRAYS; a++) {
        double most = 0;
        double off = 0;
        for (size_t i = 0; i < counts[a]; i++) {
            most = fmax(most, fabs((double)plain[a][i]));
            off = fmax(off, fabs((double)folded[a][i] - plain[a][i]));
        }
        if (!(most > 0 && off <= 1e-5 * most))
            fail_msg("%s of %d latents: folded is off by %.3g, of numbers up to %.3g", names[a], s.latents, off, most);
        free(folded[a]), free(plain[a]);
    }
}

static void both_forms_are_the_same_function(void **state) {
    (void)state;
    check((struct cross_shape){2, 7, 3, 3, 3, 4, 12});
    check((struct cross_shape){2, 7, 11, 3, 3, 4, 12});
    check((struct cross_shape){1, 19, 5, 6, 2, 2, 12}); /* heads share keys and values */
    check((struct cross_shape){3, 5, 13, 6, 2, 2, 12});
    check((struct cross_shape){3, 2, 2, 2, 1, 6, 12});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_forms_are_the_same_function)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
