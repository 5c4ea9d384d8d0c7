/* Several tokens predicted at once (stages/ahead.h): gradients against finite differences of a program in double, and what the heads do
 * not touch. */
#include "support/decoder_rig.h"

static struct ltm_model_config predicting(struct ltm_model_config c, int tokens) {
    c.predict = tokens;
    c.predict_weight = 0.8;
    return c;
}

static const float *weight_named(const struct decoder *decoder, const char *part, int ahead) {
    char name[64];
    const bool own = decoder->plan.config.output == LTM_OUTPUT_OWN;
    snprintf(name, sizeof name, "%s.%s.%d.weight", own ? "output" : "tok_embeddings", part, ahead);
    const struct weight *w = weights_find(&decoder->plan.table, name);
    assert_non_null(w);
    return decoder->weights + w->offset;
}

/* -log p by a head at one position, in double: RMSNorm(x Pᵀ) Eᵀ, soft-capped; E is the output layer's matrix. */
static double plain_head(const struct decoder *decoder, int ahead, const float *x, int target) {
    const int d = decoder->plan.config.dim;
    const int V = decoder->plan.config.vocab;
    const float *p = weight_named(decoder, "ahead", ahead);
    const float *gain = weight_named(decoder, "ahead_norm", ahead);
    const bool own = decoder->plan.config.output == LTM_OUTPUT_OWN;
    const struct weight *matrix = weights_find(&decoder->plan.table, own ? "output.weight" : "tok_embeddings.weight");
    assert_non_null(matrix);
    const float *e = decoder->weights + matrix->offset;
    const double cap = decoder->plan.config.softcap;
    double y[64] = {0};
    double squares = 0;
    double sum = 0;
    double hit = 0;
    for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) y[i] += (double)p[i * d + j] * (double)x[j];
        squares += y[i] * y[i] / d;
    }
    for (int v = 0; v < V; v++) {
        double logit = 0;
        for (int i = 0; i < d; i++) logit += y[i] / sqrt(squares + 1e-5) * (double)gain[i] * (double)e[v * d + i];
        if (cap > 0) logit = cap * tanh(logit / cap);
        if (v == target) hit = logit;
        sum += exp(logit);
    }
    return log(sum) - hit;
}

/* The next token's loss, and what the heads add to it. */
static double nll_with_heads(void *user) {
    struct setting *s = user;
    const struct ltm_model_config *c = &s->decoder->plan.config;
    float weights[TOKENS];
    fill_weights(weights);
    total_nll(s);
    double sum = test_weigh(weights, s->nll, TOKENS);
    for (int i = 0; i < TOKENS; i++)
        for (int k = 1; k < c->predict && i % LENGTH + k < LENGTH; k++) {
            bool crosses = false;
            for (int t = 1; t <= k; t++) crosses = crosses || s->tokens[i + t] == c->document_end;
            if (c->packing == LTM_PACKING_MASKED && crosses) continue;
            sum +=
                c->predict_weight / (c->predict - 1) * (double)weights[i + k] *
                plain_head(s->decoder, k + 1, decoder_output(s->pass) + (size_t)i * (size_t)c->dim, s->targets[i + k]);
        }
    return sum;
}

static void check_heads(const struct ltm_model_config *config) {
    struct setting s = set_up(config);
    float *gradient = test_zeros(s.decoder->plan.table.size);
    float weights[TOKENS];
    fill_weights(weights);
    decoder_begin(s.pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    decoder_weight_gradient(s.pass, s.z, weights, s.nll, gradient);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        check_gradient(w->name, s.decoder->weights + w->offset, gradient + w->offset, weight_size(w),
                       step_of(w, gradient), nll_with_heads, &s);
    }
    free(gradient);
    tear_down(&s);
}

static void gradients_with_heads_are_those_of_all_they_predict(void **state) {
    (void)state;
    struct ltm_model_config masked = grouped;
    struct ltm_model_config other_logits = grouped;
    masked.packing = LTM_PACKING_MASKED;
    masked.document_end = 1; /* which begins a document within a sequence */
    other_logits.softcap = 1.5;
    other_logits.output = LTM_OUTPUT_OWN;
    const struct ltm_model_config with[] = {predicting(grouped, 2), predicting(upper(1), 4), predicting(masked, 3),
                                            predicting(other_logits, 3)};
    for (size_t k = 0; k < sizeof with / sizeof *with; k++) check_heads(&with[k]);
}

/* Not a bit of a score, nor of a fast step, is another. */
static void heads_are_heard_in_the_slow_loss_alone(void **state) {
    (void)state;
    const struct ltm_model_config config = predicting(grouped, 3);
    struct setting with = set_up(&config);
    struct setting without = set_up(&grouped);
    float *dz[2] = {test_zeros(with.latents), test_zeros(with.latents)};
    for (int i = 0; i < without.decoder->plan.table.count; i++) {
        const struct weight *to = &without.decoder->plan.table.weights[i];
        const struct weight *from = weights_find(&with.decoder->plan.table, to->name);
        memcpy(without.decoder->weights + to->offset, with.decoder->weights + from->offset,
               weight_size(to) * sizeof(float));
    }
    total_nll(&with);
    total_nll(&without);
    assert_memory_equal(with.nll, without.nll, sizeof with.nll);
    decoder_latent_gradient(with.pass, with.z, NULL, with.nll, dz[0]);
    decoder_latent_gradient(without.pass, without.z, NULL, without.nll, dz[1]);
    assert_memory_equal(dz[0], dz[1], with.latents * sizeof(float));
    assert_memory_equal(with.nll, without.nll, sizeof with.nll);
    free(dz[0]), free(dz[1]);
    tear_down(&with);
    tear_down(&without);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_with_heads_are_those_of_all_they_predict),
        cmocka_unit_test(heads_are_heard_in_the_slow_loss_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
