/* Latent prediction (stages/latent_prediction.h): gradients against finite differences of a program in double, the states of a teacher,
 * and what the head does not touch. */
#include "support/decoder_rig.h"

#include "model/layer_states.h"

static struct ltm_model_config predicting(struct ltm_model_config c) {
    c.predict_latents = 40; /* against a loss of tokens that would drown it */
    c.predict_distance = 3;
    c.predict_layers = 2;
    return c;
}

/* Aims of a sequence's own size. */
struct aimed {
    struct setting s;
    struct latent_aim aim;
    float loss[TOKENS];
};

static void set_up_aimed(struct aimed *a, const struct ltm_model_config *config) {
    a->s = set_up(config);
    a->aim = (struct latent_aim){test_normal((size_t)TOKENS * (size_t)config->dim, 8, 1), a->loss};
}

static void tear_down_aimed(struct aimed *a) {
    free(a->aim.states);
    tear_down(&a->s);
}

/* In double: mean of smooth L1 over the width. */
static double plain_loss(const struct aimed *a, int at, int to) {
    const struct decoder *decoder = a->s.decoder;
    const int d = decoder->plan.config.dim;
    const bool own = decoder->plan.config.output == LTM_OUTPUT_OWN;
    const struct weight *w = weights_find(&decoder->plan.table, own ? "output.predict_latents.weight"
                                                                    : "tok_embeddings.predict_latents.weight");
    assert_non_null(w);
    double sum = 0;
    for (int i = 0; i < d; i++) {
        double e = -(double)a->aim.states[to * d + i];
        for (int j = 0; j < d; j++)
            e += (double)decoder->weights[w->offset + (size_t)(i * d + j)] *
                 (double)decoder_output(a->s.pass)[at * d + j];
        sum += fabs(e) < 1 ? e * e / 2 : fabs(e) - 0.5;
    }
    return sum / d;
}

static double nll_with_states(void *user) {
    struct aimed *a = user;
    const struct ltm_model_config *c = &a->s.decoder->plan.config;
    float weights[TOKENS];
    fill_weights(weights);
    total_nll(&a->s);
    double sum = test_weigh(weights, a->s.nll, TOKENS);
    for (int i = 0; i < TOKENS; i++) {
        const int to = i + c->predict_distance;
        bool crosses = i % LENGTH + c->predict_distance >= LENGTH;
        for (int t = i + 1; t <= to && !crosses && c->packing == LTM_PACKING_MASKED; t++)
            crosses = a->s.tokens[t] == c->document_end;
        if (!crosses) sum += c->predict_latents * (double)weights[to] * plain_loss(a, i, to);
    }
    return sum;
}

static void gradient(struct aimed *a, float *into) {
    float weights[TOKENS];
    fill_weights(weights);
    decoder_begin(a->s.pass, a->s.tokens, a->s.targets, SEQUENCES, LENGTH);
    decoder_aim(a->s.pass, &a->aim);
    decoder_weight_gradient(a->s.pass, a->s.z, weights, a->s.nll, into);
}

static void check(const struct ltm_model_config *config) {
    struct aimed a;
    set_up_aimed(&a, config);
    float *dw = test_zeros(a.s.decoder->plan.table.size);
    gradient(&a, dw);
    for (int i = 0; i < a.s.decoder->plan.table.count; i++) {
        const struct weight *w = &a.s.decoder->plan.table.weights[i];
        check_gradient(w->name, a.s.decoder->weights + w->offset, dw + w->offset, weight_size(w), step_of(w, dw),
                       nll_with_states, &a);
    }
    free(dw);
    tear_down_aimed(&a);
}

static void gradients_are_those_of_all_that_is_predicted(void **state) {
    (void)state;
    struct ltm_model_config masked = predicting(upper(1));
    struct ltm_model_config own = predicting(grouped);
    masked.packing = LTM_PACKING_MASKED;
    masked.document_end = 1; /* which begins a document within a sequence */
    own.output = LTM_OUTPUT_OWN;
    own.predict = 2;
    own.predict_weight = 0; /* its head is there, and stands before this one in the block */
    check(&masked);
    check(&own);
}

/* Not a bit of a score, of a fast step, nor of the gradient of a pass that aims at nothing is another. */
static void without_an_aim_nothing_changes(void **state) {
    (void)state;
    const struct ltm_model_config config = predicting(grouped);
    struct setting with = set_up(&config);
    struct setting without = set_up(&grouped);
    float *dz[2] = {test_zeros(with.latents), test_zeros(with.latents)};
    float *dw[2] = {test_zeros(with.decoder->plan.table.size), test_zeros(without.decoder->plan.table.size)};
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
    decoder_weight_gradient(with.pass, with.z, NULL, with.nll, dw[0]);
    decoder_weight_gradient(without.pass, without.z, NULL, without.nll, dw[1]);
    for (int i = 0; i < without.decoder->plan.table.count; i++) {
        const struct weight *w = &without.decoder->plan.table.weights[i];
        const struct weight *same = weights_find(&with.decoder->plan.table, w->name);
        assert_memory_equal(dw[0] + same->offset, dw[1] + w->offset, weight_size(w) * sizeof(float));
    }
    free(dz[0]), free(dz[1]), free(dw[0]), free(dw[1]);
    tear_down(&with);
    tear_down(&without);
}

/* What is to come says nothing in what a position predicts. */
static void a_prediction_is_causal(void **state) {
    (void)state;
    const struct ltm_model_config config = predicting(grouped);
    struct aimed a;
    float before[TOKENS];
    enum { FROM = 6 };
    set_up_aimed(&a, &config);
    float *dw = test_zeros(a.s.decoder->plan.table.size);
    gradient(&a, dw);
    memcpy(before, a.loss, sizeof before);
    for (int g = 0; g < SEQUENCES; g++)
        for (int t = FROM; t < LENGTH; t++)
            a.s.tokens[g * LENGTH + t] = (a.s.tokens[g * LENGTH + t] + 5) % config.vocab;
    gradient(&a, dw);
    double moved = 0;
    for (int i = 0; i < TOKENS; i++) {
        if (i % LENGTH < FROM) assert_true(a.loss[i] == before[i]);
        moved += fabs((double)a.loss[i] - (double)before[i]);
    }
    assert_true(moved > 0.01);
    free(dw);
    tear_down_aimed(&a);
}

/* Where gains are 1, what the output layer reads is the last layer's normed state; a decoder of one layer less has the one before. Of
 * loops the last count. */
static void layer_means_are_of_the_last_layers(void **state) {
    (void)state;
    for (int loops = 1; loops <= 2; loops++) {
        struct ltm_model_config config = grouped;
        struct setting s[2];
        float means[TOKENS * 24];
        config.latents = 0;
        config.loops = loops;
        config.prelude = loops > 1 ? 1 : 0;
        config.coda = loops > 1 ? 1 : 0;
        for (int less = 0; less < 2; less++) {
            config.layers = 3 - less;
            if (less) config.prelude = config.coda = config.loops = 0;
            if (less && loops > 1) config.layers = 3; /* prelude, core, core again */
            s[less] = set_up(&config);
            struct decoder *d = s[less].decoder;
            const struct weight *norm = weights_find(&d->plan.table, "norm.weight");
            for (int i = 0; i < norm->rows; i++) d->weights[norm->offset + (size_t)i] = 1;
            for (int i = 0; less && i < d->plan.table.count; i++) {
                const struct weight *w = &d->plan.table.weights[i];
                char name[sizeof w->name];
                snprintf(name, sizeof name, "%s", w->name);
                if (loops > 1 && strncmp(name, "layers.2.", 9) == 0) name[7] = '1';
                const struct weight *from = weights_find(&s[0].decoder->plan.table, name);
                memcpy(d->weights + w->offset, s[0].decoder->weights + from->offset, weight_size(w) * sizeof(float));
            }
        }
        struct decoder_pass *pass;
        assert_int_equal(decoder_pass_create(&pass, s[0].decoder, SEQUENCES, LENGTH, 0, NULL), LTM_OK);
        decoder_begin(pass, s[0].tokens, s[0].targets, SEQUENCES, LENGTH);
        decoder_score(pass, NULL, NULL);
        total_nll(&s[0]);
        total_nll(&s[1]);
        for (int layers = 1; layers <= 2; layers++) {
            decoder_layer_means(pass, layers, means);
            for (int i = 0; i < TOKENS * 24; i++) {
                const float last = decoder_output(s[0].pass)[i];
                const float both = (last + decoder_output(s[1].pass)[i]) / 2;
                assert_true(fabsf(means[i] - (layers == 1 ? last : both)) < 1e-4f);
            }
        }
        decoder_pass_free(pass);
        tear_down(&s[0]);
        tear_down(&s[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_all_that_is_predicted),
        cmocka_unit_test(without_an_aim_nothing_changes),
        cmocka_unit_test(a_prediction_is_causal),
        cmocka_unit_test(layer_means_are_of_the_last_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
