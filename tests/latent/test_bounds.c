/* Bounds against -log p(x) itself, which quadrature gives where a sequence has two latent numbers (one layer, one latent of
 * width 2), in expectation: means over many seeds, with their standard errors. */
#include <math.h>

#include "support/shards.h"
#include "support/unit.h"

#include "latent/score.h"
#include "model/decoder.h"

enum { LENGTH = 16, COUNT = 4, VOCAB = 7, GRID = 200, SEEDS = 60 };

static const struct ltm_model_config shape = {.dim = 2,
                                              .layers = 1,
                                              .heads = 1,
                                              .kv_heads = 1,
                                              .ffn_multiple = 2,
                                              .sequence = LENGTH,
                                              .window = 3,
                                              .vocab = VOCAB,
                                              .latents = 1};

struct setting {
    struct decoder *decoder;
    struct workers workers;
    struct token_stream *stream;
    struct stream_windows windows;
    int64_t starts[COUNT];
};

/* Weights so large that z decides much: entries of some 0.8 `loud`, the cross-attention's of 0.8 `cross`. */
static struct setting set_up_with(int latents, float loud, float cross) {
    struct setting s = {0};
    struct ltm_model_config config = shape;
    config.latents = latents;
    char folder[600];
    snprintf(folder, sizeof folder, "%s/corpus", test_folder());
    test_write_corpus(folder, 2 * LENGTH, COUNT * LENGTH + 1, VOCAB);
    assert_int_equal(token_stream_open(&s.stream, folder, "heldout", NULL), LTM_OK);
    assert_int_equal(decoder_create(&s.decoder, &config, NULL), LTM_OK);
    weights_initialise(s.decoder->weights, &s.decoder->plan.table, 1, 5);
    for (int i = 0; i < s.decoder->plan.table.count; i++) {
        const struct weight *w = &s.decoder->plan.table.weights[i];
        const float scale = w->rank == 1 ? 1.5f : strstr(w->name, "cross_attention.w") ? 40 * cross : 40 * loud;
        for (int j = 0; j < w->rows * w->columns; j++) s.decoder->weights[w->offset + (size_t)j] *= scale;
    }
    assert_int_equal(workers_create(&s.workers, s.decoder, NULL, 2, 3, LENGTH, false, NULL), LTM_OK);
    s.workers.threads = 1; /* so little work that two would wait for each other */
    assert_int_equal(heldout_windows(&s.windows, s.stream, &config, 0, NULL), LTM_OK);
    assert_int_equal(s.windows.source.count, COUNT);
    for (int i = 0; i < COUNT; i++) s.starts[i] = (int64_t)i * LENGTH;
    return s;
}

static struct setting set_up(float loud, float cross) { return set_up_with(1, loud, cross); }

static void tear_down(struct setting *s) {
    s->workers.threads = 2;
    workers_free(&s->workers);
    token_stream_close(s->stream);
    decoder_free(s->decoder);
}

static void make_deaf(struct setting *s) {
    const struct weight *wo = weights_find(&s->decoder->plan.table, "layers.0.cross_attention.wo.weight");
    memset(s->decoder->weights + wo->offset, 0, sizeof(float) * weight_size(wo));
}

/* Of one sequence, by the trapezium rule on [-8, 8]²: -log ∫ p(x|z) N(z) dz, and ∫ -log p(x_>P|x_<=P, z) N(z) dz. */
struct exact {
    double nll, rest_prior;
};

static struct exact integrate(const struct setting *s, int64_t start, int first_part, int grid) {
    enum { MOST = GRID + 1 };
    int32_t chunk[LENGTH + 1];
    static int32_t tokens[MOST * LENGTH];
    static int32_t targets[MOST * LENGTH];
    static float z[MOST * 2];
    static float nll[MOST * LENGTH];
    struct decoder_pass *pass;
    const double step = 16.0 / grid;
    double p = 0;
    double rest_prior = 0;
    assert_int_equal(decoder_pass_create(&pass, s->decoder, grid + 1, LENGTH, false, NULL), LTM_OK);
    token_stream_read(s->stream, start, LENGTH + 1, chunk);
    for (int j = 0; j <= grid; j++) {
        memcpy(tokens + (size_t)j * LENGTH, chunk, sizeof(int32_t) * LENGTH);
        memcpy(targets + (size_t)j * LENGTH, chunk + 1, sizeof(int32_t) * LENGTH);
    }
    decoder_begin(pass, tokens, targets, grid + 1, LENGTH);
    for (int i = 0; i <= grid; i++) {
        for (int j = 0; j <= grid; j++) {
            z[2 * j] = (float)(i * step - 8);
            z[2 * j + 1] = (float)(j * step - 8);
        }
        decoder_score(pass, z, nll);
        for (int j = 0; j <= grid; j++) {
            const double a = i * step - 8;
            const double b = j * step - 8;
            const double prior = step * step * exp(-0.5 * (a * a + b * b)) / (2 * acos(-1.0));
            double all = 0;
            double rest = 0;
            for (int t = 0; t < LENGTH; t++) {
                all += (double)nll[j * LENGTH + t];
                rest += t >= first_part ? (double)nll[j * LENGTH + t] : 0;
            }
            p += prior * exp(-all);
            rest_prior += prior * rest;
        }
    }
    decoder_pass_free(pass);
    return (struct exact){-log(p), rest_prior};
}

/* Of all COUNT sequences together. */
static struct exact exact_of(const struct setting *s, int first_part) {
    struct exact sum = {0, 0};
    for (int i = 0; i < COUNT; i++) {
        const struct exact fine = integrate(s, s->starts[i], first_part, GRID);
        const struct exact coarse = integrate(s, s->starts[i], first_part, GRID / 2);
        if (!(fabs(fine.nll - coarse.nll) < 0.01)) fail_msg("quadrature: %.5f, coarser %.5f", fine.nll, coarse.nll);
        sum.nll += fine.nll;
        sum.rest_prior += fine.rest_prior;
    }
    return sum;
}

/* Means over seeds, and their standard errors, of scores summed over sequences. */
enum { BOUND, IWAE, PRIOR, FITTED, REST, REST_PRIOR, FIGURES };
struct means {
    double mean[FIGURES], error[FIGURES];
};

static struct means score(struct setting *s, struct score_options options, int seeds) {
    struct means m = {{0}, {0}};
    double squares[FIGURES] = {0};
    for (int seed = 0; seed < seeds; seed++) {
        struct sequence_score scores[COUNT];
        double value[FIGURES] = {0};
        options.seed = (uint64_t)seed;
        assert_int_equal(score_sequences(scores, &s->workers, &s->windows.source, &options, NULL), LTM_OK);
        for (int i = 0; i < COUNT; i++) {
            value[BOUND] += scores[i].recon + scores[i].kl;
            value[IWAE] += scores[i].iwae;
            value[PRIOR] += scores[i].prior;
            value[FITTED] += scores[i].fitted;
            value[REST] += scores[i].rest;
            value[REST_PRIOR] += scores[i].rest_prior;
        }
        for (int f = 0; f < FIGURES; f++) {
            m.mean[f] += value[f] / seeds;
            squares[f] += value[f] * value[f] / seeds;
        }
    }
    for (int f = 0; f < FIGURES; f++) m.error[f] = sqrt(fmax(squares[f] - m.mean[f] * m.mean[f], 0) / seeds);
    return m;
}

static const struct ltm_fast_config natural = {
    .method = LTM_FAST_NATURAL, .steps = 8, .lr = 0.3, .curvature_rate = 0.3, .trust = 1};

static const struct ltm_fast_config adam = {.steps = 40, .lr = 0.1, .weight_decay = 0.01};

static void bounds_fall_to_the_exact_value_as_samples_grow(void **state) {
    (void)state;
    static const int samples[] = {1, 4, 16, 256};
    struct setting s = set_up(0.5f, 0.5f);
    const struct exact exact = exact_of(&s, LENGTH / 2);
    double before = 0;
    for (int i = 0; i < 4; i++) {
        const struct score_options options = {.fast = adam, .samples = 8, .iwae = samples[i], .prior = samples[i]};
        const struct means m = score(&s, options, SEEDS);
        print_message("exact %.3f, K = %3d: bound %.3f ± %.3f, IWAE %.3f ± %.3f, prior %.3f ± %.3f\n", exact.nll,
                      samples[i], m.mean[BOUND], m.error[BOUND], m.mean[IWAE], m.error[IWAE], m.mean[PRIOR],
                      m.error[PRIOR]);
        assert_true(m.mean[BOUND] > exact.nll + 4 * m.error[BOUND]); /* a gap that IWAE can close */
        assert_true(m.mean[IWAE] > exact.nll - 4 * m.error[IWAE]);
        assert_true(m.mean[PRIOR] > exact.nll - 4 * m.error[PRIOR]);
        if (i == 0) /* one sample: the negative ELBO by another estimate of its KL */
            assert_true(fabs(m.mean[IWAE] - m.mean[BOUND]) < 4 * hypot(m.error[IWAE], m.error[BOUND]));
        else
            assert_true(m.mean[IWAE] < before);
        before = m.mean[IWAE];
        /* What is left is about the variance of a weight over 2 K. */
        if (samples[i] == 256) assert_true(m.mean[IWAE] < exact.nll + 0.1 * (m.mean[BOUND] - exact.nll));
    }
    tear_down(&s);
}

static void every_score_of_a_decoder_deaf_to_z_is_exact(void **state) {
    (void)state;
    struct setting s = set_up(1, 1);
    make_deaf(&s);
    const struct exact exact = exact_of(&s, LENGTH / 2);
    struct score_options options = {
        .fast = natural, .samples = 2, .iwae = 5, .prior = 5, .first_part = LENGTH / 2, .fitted_noise = true};
    const struct means m = score(&s, options, 3);
    for (int f = BOUND; f <= FITTED; f++) assert_true(fabs(m.mean[f] - exact.nll) < 1e-4);
    for (int f = REST; f <= REST_PRIOR; f++) assert_true(fabs(m.mean[f] - exact.rest_prior) < 1e-4);

    /* From a posterior that is not the prior the bound pays its KL, which importance weights win back. */
    options.fast = (struct ltm_fast_config){.steps = 0, .init_mu = 0.5, .init_logvar = -0.5};
    const double kl = COUNT * 2 * 0.5 * (0.25 + exp(-0.5) - 1 + 0.5);
    double before = INFINITY;
    for (int k = 1; k <= 256; k *= 16) {
        options.iwae = k;
        const struct means off = score(&s, options, 100);
        assert_true(fabs(off.mean[BOUND] - exact.nll - kl) < 1e-3);
        assert_true(off.mean[IWAE] > exact.nll - 4 * off.error[IWAE] && off.mean[IWAE] < before);
        before = off.mean[IWAE];
    }
    assert_true(before < exact.nll + 0.05 * kl);
    tear_down(&s);
}

/* The plain autoregressive decoder: one figure, -log p(x), by every name; the rest is its last tokens'. */
static void every_score_without_latents_is_the_exact_one(void **state) {
    (void)state;
    enum { FIRST = 6 };
    struct setting s = set_up_with(0, 1, 1);
    const struct score_options options = {
        .fast = natural, .samples = 2, .iwae = 3, .prior = 3, .first_part = FIRST, .fitted_noise = true};
    struct sequence_score scores[COUNT];
    struct decoder_pass *pass;
    assert_int_equal(score_sequences(scores, &s.workers, &s.windows.source, &options, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&pass, s.decoder, 1, LENGTH, false, NULL), LTM_OK);
    for (int i = 0; i < COUNT; i++) {
        int32_t chunk[LENGTH + 1];
        float nll[LENGTH];
        double whole = 0;
        double rest = 0;
        token_stream_read(s.stream, s.starts[i], LENGTH + 1, chunk);
        decoder_begin(pass, chunk, chunk + 1, 1, LENGTH);
        decoder_score(pass, NULL, nll);
        for (int t = 0; t < LENGTH; t++) whole += (double)nll[t], rest += t < FIRST ? 0 : (double)nll[t];
        assert_true(scores[i].kl == 0 && fabs(scores[i].recon - whole) < 1e-6);
        assert_true(scores[i].iwae == scores[i].recon && scores[i].prior == scores[i].recon);
        assert_true(fabs(scores[i].rest - rest) < 1e-6 && scores[i].rest_prior == scores[i].rest);
    }
    decoder_pass_free(pass);
    tear_down(&s);
}

/* The published score, on a model whose text says much about z: fitting to known noise is cheaper than any code. */
static void fitted_noise_scores_below_the_exact_value(void **state) {
    (void)state;
    struct setting s = set_up(1, 4);
    const struct exact exact = exact_of(&s, LENGTH / 2);
    const struct score_options options = {
        .fast = {.steps = 300, .lr = 0.1, .weight_decay = 0.01, .noise = LTM_NOISE_FIXED},
        .samples = 8,
        .iwae = 100,
        .fitted_noise = true};
    const struct means m = score(&s, options, 20);
    print_message("exact %.3f: fitted noise %.3f ± %.3f, bound %.3f ± %.3f, IWAE-100 %.3f ± %.3f\n", exact.nll,
                  m.mean[FITTED], m.error[FITTED], m.mean[BOUND], m.error[BOUND], m.mean[IWAE], m.error[IWAE]);
    assert_true(m.mean[FITTED] < exact.nll - 5 * m.error[FITTED]); /* no bound */
    assert_true(m.mean[BOUND] > exact.nll - 4 * m.error[BOUND]);   /* with new noise it is one */
    assert_true(m.mean[IWAE] > exact.nll - 4 * m.error[IWAE]);
    tear_down(&s);
}

/* The same model, where a natural step that trusts its first guess of the curvature goes astray by thousands of nats. */
static void natural_steps_keep_their_ground_where_z_says_much(void **state) {
    (void)state;
    struct setting s = set_up(1, 4);
    double before = INFINITY;
    for (int steps = 0; steps <= 16; steps = steps ? 4 * steps : 1) {
        struct score_options options = {.fast = natural, .samples = 8};
        options.fast.steps = steps;
        const struct means m = score(&s, options, 20);
        print_message("%d steps: bound %.3f ± %.3f\n", steps, m.mean[BOUND], m.error[BOUND]);
        assert_true(m.mean[BOUND] < before);
        before = m.mean[BOUND];
    }
    tear_down(&s);
}

/* Without a fit: the average of -log p(rest | first, z) over the prior, by quadrature and by both estimates. */
static void rest_is_scored_behind_the_first_part(void **state) {
    (void)state;
    struct setting s = set_up(0.5f, 0.5f);
    const struct exact exact = exact_of(&s, 5);
    const struct score_options options = {.samples = 8, .prior = 8, .first_part = 5};
    const struct means m = score(&s, options, SEEDS);
    assert_true(fabs(m.mean[REST] - exact.rest_prior) < 4 * m.error[REST]);
    assert_true(fabs(m.mean[REST_PRIOR] - exact.rest_prior) < 4 * m.error[REST_PRIOR]);
    assert_true(m.error[REST] < 0.02 * exact.rest_prior);
    tear_down(&s);
}

/* By hand: a pass that holds the first tokens alone, then one that holds all. */
static void z_of_the_rest_has_seen_the_first_part_alone(void **state) {
    (void)state;
    enum { FIRST = 6 };
    struct setting s = set_up(0.5f, 0.5f);
    const struct score_options options = {.fast = natural, .samples = 1, .first_part = FIRST, .seed = 9};
    struct sequence_score scores[COUNT];
    assert_int_equal(score_sequences(scores, &s.workers, &s.windows.source, &options, NULL), LTM_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        int32_t chunk[LENGTH + 1];
        struct decoder_pass *pass;
        struct fast_loop loop;
        const struct noise_source fit = {{.seed = 9, .purpose = RANDOM_SCORE_FIT, .step = 1}, &i};
        const struct noise_source fresh = {{.seed = 9, .purpose = RANDOM_SCORE_NOISE, .step = 1}, &i};
        assert_int_equal(decoder_pass_create(&pass, s.decoder, 1, LENGTH, false, NULL), LTM_OK);
        assert_int_equal(fast_loop_create(&loop, s.decoder, NULL, 1, LENGTH, NULL), LTM_OK);
        token_stream_read(s.stream, s.starts[i], FIRST + 1, chunk); /* nothing more is known */
        decoder_begin(pass, chunk, chunk + 1, 1, FIRST);
        fast_loop_start(&loop, &natural, 1);
        fast_loop_run(&loop, pass, &natural, &fit, 1, FIRST, NULL);
        fast_loop_draw(&loop, &fresh, 1, 0);
        posterior_sample(loop.z, loop.mu, loop.logvar, loop.noise, loop.latents);
        token_stream_read(s.stream, s.starts[i], LENGTH + 1, chunk);
        decoder_begin(pass, chunk, chunk + 1, 1, LENGTH);
        decoder_score(pass, loop.z, loop.nll);
        double rest = 0;
        for (int t = FIRST; t < LENGTH; t++) rest += (double)loop.nll[t];
        assert_true(fabs(rest - scores[i].rest) < 1e-4);
        fast_loop_free(&loop);
        decoder_pass_free(pass);
    }
    tear_down(&s);
}

static void scores_are_the_same_for_any_number_of_threads(void **state) {
    (void)state;
    struct setting s = set_up(1, 1);
    const struct score_options options = {
        .fast = natural, .samples = 2, .iwae = 3, .prior = 2, .first_part = 4, .fitted_noise = true, .seed = 4};
    struct sequence_score two[COUNT];
    struct sequence_score one[COUNT];
    assert_int_equal(score_sequences(one, &s.workers, &s.windows.source, &options, NULL), LTM_OK);
    s.workers.threads = 2;
    assert_int_equal(score_sequences(two, &s.workers, &s.windows.source, &options, NULL), LTM_OK);
    assert_memory_equal(one, two, sizeof one);
    tear_down(&s);
}

/* What is to blame is told: a lower rate mends no weight. */
static void a_weight_that_is_not_finite_is_named(void **state) {
    (void)state;
    struct setting s = set_up(1, 1);
    const struct score_options options = {.fast = natural, .samples = 1, .seed = 4};
    struct sequence_score scores[COUNT];
    struct ltm_error error;
    const struct weight *last = &s.decoder->plan.table.weights[s.decoder->plan.table.count - 1];
    char named[120];
    assert_int_equal(decoder_fail_nonfinite(s.decoder, "no number", "do this", &error), LTM_NUMERIC);
    assert_string_equal(error.message, "no number; do this");
    s.decoder->weights[last->offset] = NAN;
    snprintf(named, sizeof named, "is not finite: the weight %s itself is not finite", last->name);
    assert_int_equal(score_sequences(scores, &s.workers, &s.windows.source, &options, &error), LTM_NUMERIC);
    if (!strstr(error.message, named)) fail_msg("%s", error.message);
    tear_down(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_fall_to_the_exact_value_as_samples_grow),
        cmocka_unit_test(every_score_of_a_decoder_deaf_to_z_is_exact),
        cmocka_unit_test(every_score_without_latents_is_the_exact_one),
        cmocka_unit_test(fitted_noise_scores_below_the_exact_value),
        cmocka_unit_test(natural_steps_keep_their_ground_where_z_says_much),
        cmocka_unit_test(rest_is_scored_behind_the_first_part),
        cmocka_unit_test(z_of_the_rest_has_seen_the_first_part_alone),
        cmocka_unit_test(scores_are_the_same_for_any_number_of_threads),
        cmocka_unit_test(a_weight_that_is_not_finite_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
