/* Positions that leave the loops early: whole sequences and tokens one by one agree on scores and depths, to the bit for any rows and
 * threads; nothing that comes later has a say. */
#include <math.h>

#include "support/gradients.h"

#include "ltm/model.h"
#include "model/decoder_stream.h"
#include "model/exits.h"
#include "nn/output_loss.h"

enum { SLOTS = 4, LENGTH = 19, TOKENS = SLOTS * LENGTH, LOOPS = 6 };

/* The window is shorter than the sequence, so caches wrap; readers in core and coda. */
static const struct ltm_model_config base = {.dim = 24,
                                             .layers = 4,
                                             .heads = 4,
                                             .kv_heads = 2,
                                             .ffn_multiple = 7,
                                             .sequence = LENGTH + 1,
                                             .window = 7,
                                             .vocab = 37,
                                             .latents = 6,
                                             .latent_from = 1,
                                             .prelude = 1,
                                             .coda = 1,
                                             .loops = LOOPS,
                                             .inject = LTM_INJECT_ADD,
                                             .mix_input = 1,
                                             .value_residual = 1};

static const struct ltm_exit_config fixed = {0};
static const int kinds[] = {LTM_EXIT_STATE, LTM_EXIT_KL};

struct setting {
    struct decoder *decoder;
    size_t latents; /* of a sequence */
    float *z;       /* (SLOTS, N_z, d) */
    int32_t tokens[TOKENS], targets[TOKENS];
    float nll[TOKENS];
    int depth[TOKENS];
};

static struct setting set_up(const struct ltm_model_config *config, const struct ltm_exit_config *rule) {
    struct setting s = {.latents = (size_t)config->latents * (size_t)config->dim};
    assert_int_equal(decoder_create(&s.decoder, config, NULL), LTM_OK);
    const struct weight_table *table = &s.decoder->plan.table;
    float *random = test_normal(table->size, 1, 0.12f);
    for (int i = 0; i < table->count; i++)
        for (size_t j = 0; j < weight_size(&table->weights[i]); j++)
            s.decoder->weights[table->weights[i].offset + j] =
                random[table->weights[i].offset + j] + (table->weights[i].rank == 1 ? 1.0f : 0.0f);
    free(random);
    s.decoder->plan.exit = *rule;
    s.z = test_normal(SLOTS * s.latents, 2, 1);
    for (int i = 0; i < TOKENS; i++) s.tokens[i] = (i * 31 + i / 7 * 17 + 3) % config->vocab;
    for (int i = 0; i < TOKENS; i++) s.targets[i] = (i * 11 + 5) % config->vocab;
    return s;
}

static void tear_down(struct setting *s) {
    decoder_free(s->decoder);
    free(s->z);
}

/* All sequences in one group, or each alone. */
static void score(struct setting *s, int group) {
    struct decoder_pass *pass;
    assert_int_equal(decoder_pass_create(&pass, s->decoder, group, LENGTH, 0, NULL), LTM_OK);
    for (int i = 0; i < SLOTS; i += group) {
        const size_t at = (size_t)(i * LENGTH);
        decoder_begin(pass, s->tokens + at, s->targets + at, group, LENGTH);
        decoder_score(pass, s->z + (size_t)i * s->latents, s->nll + at);
        if (decoder_depths(pass)) memcpy(s->depth + at, decoder_depths(pass), (size_t)(group * LENGTH) * sizeof(int));
    }
    decoder_pass_free(pass);
}

/* A rule under which positions differ in depth most: the commonest is as rare as can be. */
static struct ltm_exit_config rule_for(const struct ltm_model_config *config, int kind) {
    struct setting s = set_up(config, &fixed);
    struct ltm_exit_config best = fixed;
    int fewest = TOKENS;
    for (double threshold = 1; threshold > 0.002; threshold *= 0.85) {
        int count[LOOPS + 1] = {0};
        int most = 0;
        s.decoder->plan.exit = (struct ltm_exit_config){kind, threshold, threshold};
        score(&s, SLOTS);
        for (int i = 0; i < TOKENS; i++) count[s.depth[i]]++;
        for (int k = 0; k <= LOOPS; k++) most = count[k] > most ? count[k] : most;
        if (most < fewest) best = s.decoder->plan.exit;
        if (most < fewest) fewest = most;
    }
    if (fewest > TOKENS / 4 * 3) fail_msg("%d of %d positions run equally many loops", fewest, TOKENS);
    tear_down(&s);
    return best;
}

static double log_p(const float *logits, int vocab, int32_t token) {
    double sum = 0;
    for (int v = 0; v < vocab; v++) sum += exp((double)logits[v]);
    return logits[token] - log(sum);
}

/* Token by token from the beginning, or behind a pass over the first `from`; slots read together. */
static void check_stream(const struct setting *s, int from) {
    const int V = s->decoder->plan.config.vocab;
    struct stream_weights *weights;
    struct decoder_stream *stream;
    struct decoder_pass *pass;
    float nll[LENGTH];
    int slots[SLOTS];
    int32_t tokens[SLOTS];
    assert_int_equal(stream_weights_create(&weights, s->decoder, false, 1, NULL), LTM_OK);
    assert_int_equal(decoder_stream_create(&stream, weights, SLOTS, 1, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&pass, s->decoder, 1, LENGTH, 0, NULL), LTM_OK);
    for (int i = 0; i < SLOTS; i++) {
        const float *z = s->z + (size_t)i * s->latents;
        slots[i] = SLOTS - 1 - i;
        decoder_stream_begin(stream, slots[i], z);
        if (!from) continue;
        decoder_begin(pass, s->tokens + (size_t)(i * LENGTH), s->targets, 1, from);
        decoder_score(pass, z, nll);
        decoder_stream_begin_behind(stream, slots[i], pass, z);
    }
    for (int t = from; t < LENGTH; t++) {
        for (int i = 0; i < SLOTS; i++) tokens[i] = s->tokens[i * LENGTH + t];
        const float *logits = decoder_stream_step(stream, slots, tokens, SLOTS);
        const int *depths = decoder_stream_depths(stream);
        for (int i = 0; i < SLOTS; i++) {
            const int at = i * LENGTH + t;
            const double off = log_p(logits + (size_t)(i * V), V, s->targets[at]) + (double)s->nll[at];
            if (fabs(off) > 1e-4) fail_msg("sequence %d, token %d: log p is off by %g", i, t, off);
            if (depths[i] != s->depth[at])
                fail_msg("sequence %d, token %d: %d loops, not %d", i, t, depths[i], s->depth[at]);
        }
    }
    decoder_pass_free(pass);
    decoder_stream_free(stream);
    stream_weights_free(weights);
}

static void check_agreement(const struct ltm_model_config *config) {
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const struct ltm_exit_config rule = rule_for(config, kinds[k]);
        struct setting s = set_up(config, &rule);
        score(&s, 1);
        check_stream(&s, 0);
        check_stream(&s, 9);
        tear_down(&s);
    }
}

static void tokens_one_by_one_leave_where_whole_sequences_do(void **state) {
    (void)state;
    for (int inject = LTM_INJECT_NONE; inject <= LTM_INJECT_DIAGONAL; inject++) {
        struct ltm_model_config c = base;
        c.inject = inject;
        check_agreement(&c);
    }
    struct ltm_model_config coda = base; /* the core lies below what z has a say in */
    coda.latents = 2;
    coda.latent_from = 3;
    check_agreement(&coda);
    struct ltm_model_config plain = base; /* all of it does; no prelude, no coda */
    plain.latents = plain.latent_from = plain.prelude = plain.coda = 0;
    plain.packing = LTM_PACKING_MASKED;
    plain.document_end = 7;
    plain.softcap = 5;
    plain.qk_norm = LTM_QK_NORM_RMS;
    check_agreement(&plain);
}

static void a_token_changes_no_score_and_no_depth_before_it(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const struct ltm_exit_config rule = rule_for(&base, kinds[k]);
        struct setting a = set_up(&base, &rule);
        struct setting b = set_up(&base, &rule);
        int changed = 0;
        for (int i = 0; i < SLOTS; i++) b.tokens[i * LENGTH + 12] = (b.tokens[i * LENGTH + 12] + 1) % base.vocab;
        score(&a, SLOTS);
        score(&b, SLOTS);
        for (int i = 0; i < SLOTS; i++) {
            const size_t at = (size_t)(i * LENGTH);
            assert_memory_equal(a.nll + at, b.nll + at, 12 * sizeof(float));
            assert_memory_equal(a.depth + at, b.depth + at, 12 * sizeof(int));
            for (int t = 12; t < LENGTH; t++) changed += a.depth[i * LENGTH + t] != b.depth[i * LENGTH + t];
        }
        assert_true(changed > 0);
        tear_down(&a);
        tear_down(&b);
    }
}

/* A step's rows and threads have no say in a token's logits. */
static void rows_that_leave_change_nothing_for_others(void **state) {
    (void)state;
    const size_t V = (size_t)base.vocab;
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
        const struct ltm_exit_config rule = rule_for(&base, kinds[n]);
        struct setting s = set_up(&base, &rule);
        struct stream_weights *weights;
        float *alone = test_zeros(TOKENS * V);
        assert_int_equal(stream_weights_create(&weights, s.decoder, false, 1, NULL), LTM_OK);
        for (int threads = 0; threads <= 2; threads++) { /* 0: each alone, by one */
            struct decoder_stream *stream;
            assert_int_equal(decoder_stream_create(&stream, weights, SLOTS, threads ? threads : 1, NULL), LTM_OK);
            for (int i = 0; i < SLOTS; i++) decoder_stream_begin(stream, i, s.z + (size_t)i * s.latents);
            for (int t = 0; t < LENGTH; t++)
                for (int i = 0; i < SLOTS; i += threads ? SLOTS : 1) {
                    const int slots[SLOTS] = {i, 1, 2, 3};
                    int32_t tokens[SLOTS];
                    for (int k = 0; k < SLOTS; k++) tokens[k] = s.tokens[slots[k] * LENGTH + t];
                    const float *logits = decoder_stream_step(stream, slots, tokens, threads ? SLOTS : 1);
                    for (int k = 0; k < (threads ? SLOTS : 1); k++) {
                        float *mine = alone + (size_t)(slots[k] * LENGTH + t) * V;
                        if (threads) assert_memory_equal(mine, logits + (size_t)k * V, V * sizeof(float));
                        memcpy(mine, logits + (size_t)k * V, V * sizeof(float));
                    }
                }
            decoder_stream_free(stream);
        }
        stream_weights_free(weights);
        free(alone);
        tear_down(&s);
    }
}

static void check_same(const struct ltm_exit_config *rule, int loops) {
    struct setting a = set_up(&base, rule);
    struct setting b = set_up(&base, &fixed);
    plan_run(&b.decoder->plan, loops);
    score(&a, SLOTS);
    score(&b, SLOTS);
    assert_memory_equal(a.nll, b.nll, sizeof a.nll);
    for (int i = 0; i < TOKENS; i++) assert_int_equal(a.depth[i], loops);
    if (loops < LOOPS) check_stream(&a, 9);
    tear_down(&a);
    tear_down(&b);
}

static void a_threshold_of_0_is_never_reached_and_a_high_one_at_once(void **state) {
    (void)state;
    check_same(&(struct ltm_exit_config){.kind = LTM_EXIT_STATE, .kl = 9}, LOOPS);
    check_same(&(struct ltm_exit_config){.kind = LTM_EXIT_KL, .state = 9}, LOOPS);
    check_same(&(struct ltm_exit_config){.kind = LTM_EXIT_STATE, .state = 1000}, 2);
    check_same(&(struct ltm_exit_config){.kind = LTM_EXIT_KL, .kl = 1000}, 1);
}

/* … and a score that follows it is as if there had been no fit. */
static void a_fit_runs_all_loops(void **state) {
    (void)state;
    const size_t n = SLOTS * (size_t)base.latents * (size_t)base.dim;
    float *dz[2] = {test_zeros(n), test_zeros(n)};
    float nll[2][TOKENS];
    const struct ltm_exit_config rule = rule_for(&base, LTM_EXIT_STATE);
    for (int k = 0; k < 2; k++) {
        struct setting s = set_up(&base, k ? &rule : &fixed);
        struct decoder_pass *pass;
        assert_int_equal(decoder_pass_create(&pass, s.decoder, SLOTS, LENGTH, 0, NULL), LTM_OK);
        decoder_begin(pass, s.tokens, s.targets, SLOTS, LENGTH);
        for (int step = 0; step < 2; step++) decoder_latent_gradient(pass, s.z, NULL, nll[k], dz[k]);
        if (k) {
            float after[TOKENS];
            decoder_score(pass, s.z, after);
            score(&s, SLOTS);
            assert_memory_equal(after, s.nll, sizeof after);
            decoder_latent_gradient(pass, s.z, NULL, nll[k], dz[k]);
        }
        decoder_pass_free(pass);
        tear_down(&s);
    }
    assert_memory_equal(dz[0], dz[1], n * sizeof(float));
    assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
    free(dz[0]), free(dz[1]);
}

static void measures_are_those_of_double_precision(void **state) {
    (void)state;
    enum { N = 301 };
    float *a = test_normal(N, 3, 3);
    float *b = test_normal(N, 4, 1);
    double sums[2] = {0};
    double kl = 0;
    double moved = 0;
    double size = 0;
    for (int i = 0; i < N; i++) b[i] = a[i] + 0.1f * b[i];
    for (int i = 0; i < N; i++) sums[0] += exp((double)a[i]);
    for (int i = 0; i < N; i++) sums[1] += exp((double)b[i]);
    for (int i = 0; i < N; i++) {
        const double difference = (double)b[i] - (double)a[i];
        kl += exp((double)a[i]) / sums[0] * (log(sums[1]) - log(sums[0]) - difference);
        moved += difference * difference;
        size += (double)b[i] * (double)b[i];
    }
    assert_true(kl > 1e-3); /* a sum of terms of 1 or so, each to 1e-7 */
    assert_true(fabs((double)softmax_divergence(a, b, N) - kl) < 1e-6);
    assert_true(softmax_divergence(a, a, N) == 0);
    assert_true(fabs(exits_change(b, a, N) - sqrt(moved / size)) < 1e-12);
    free(a), free(b);
}

/* By the library too, where no configuration is checked again. */
static void models_without_whole_loops_are_refused(void **state) {
    (void)state;
    struct ltm_model_config c = base;
    struct decoder *decoder;
    struct ltm_error error;
    c.order = LTM_ORDER_AABB;
    c.inject = LTM_INJECT_NONE;
    assert_int_equal(decoder_create(&decoder, &c, NULL), LTM_OK);
    for (int k = 0; k < 2; k++) {
        const struct ltm_exit_config rule = {.kind = kinds[k], .state = 0.1, .kl = 0.1};
        assert_int_equal(decoder_leave_early(decoder, rule, &error), LTM_UNSUPPORTED);
        assert_non_null(strstr(error.message, "model.order = AABB has no whole loops"));
    }
    assert_int_equal(decoder_leave_early(decoder, fixed, NULL), LTM_OK);
    decoder_free(decoder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_one_by_one_leave_where_whole_sequences_do),
        cmocka_unit_test(a_token_changes_no_score_and_no_depth_before_it),
        cmocka_unit_test(rows_that_leave_change_nothing_for_others),
        cmocka_unit_test(a_threshold_of_0_is_never_reached_and_a_high_one_at_once),
        cmocka_unit_test(a_fit_runs_all_loops),
        cmocka_unit_test(models_without_whole_loops_are_refused),
        cmocka_unit_test(measures_are_those_of_double_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
