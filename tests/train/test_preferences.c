/* slow.objective = dpo: its loss and gradient at the reference, a step against a program in double, and a run's bits. */
#include <math.h>

#include "support/child_runs.h"
#include "support/gradients.h"
#include "support/pairs.h"

#include "text/pair_source.h"
#include "train/trainer.h"

enum { LENGTH = 32, BATCH = 6 };

static char pairs_path[600];

static int make_pairs(void **state) {
    (void)state;
    snprintf(pairs_path, sizeof pairs_path, "%s", test_write_pairs("pairs.jsonl", 60));
    return 0;
}

static struct ltm_config preferring(const char *run, int latents) {
    struct ltm_config c = tiny(run);
    c.model.sequence = LENGTH;
    c.model.vocab = LTM_AUTO;
    c.model.latents = latents;
    c.model.packing = LTM_PACKING_DOCUMENT;
    c.model.document_end = LTM_AUTO;
    c.data.kind = LTM_DATA_PAIRS;
    c.slow.objective = LTM_OBJECTIVE_DPO;
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.run.tokens = 8 * BATCH * LENGTH;
    c.run.eval_sequences = 6;
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", pairs_path);
    snprintf(c.data.tokenizer, sizeof c.data.tokenizer, TEST_TOKENIZER);
    return c;
}

/* A trainer on the pairs, the reference its own weights'. */
struct rig {
    struct ltm_config config;
    struct trainer trainer;
    struct decoder *decoder;
    struct pair_source pairs, in_order;
    double reference[120];
};

static void open_rig(struct rig *rig, int latents, int samples, double smoothing) {
    struct ltm_tokenizer *tokenizer;
    struct sequence_score scores[120];
    struct ltm_config *c = &rig->config;
    *c = preferring("rig", latents);
    assert_int_equal(ltm_tokenizer_open(&tokenizer, TEST_TOKENIZER, NULL), LTM_OK);
    c->model.vocab = ltm_tokenizer_vocab(tokenizer);
    c->model.document_end = ltm_tokenizer_end(tokenizer);
    c->slow.samples = samples;
    c->slow.dpo_smoothing = smoothing;
    c->slow.clip = 0;
    c->slow.warmup = 0;
    c->slow.latent_lr = 1;
    assert_int_equal(ltm_config_check(c, NULL), LTM_OK);
    ltm_config_resolve(c);
    const struct pair_options options = {pairs_path, PAIRS_ALL, true, tokenizer, &c->model};
    assert_int_equal(pair_source_open(&rig->pairs, &options, NULL), LTM_OK);
    ltm_tokenizer_close(tokenizer);
    rig->in_order = rig->pairs;
    pair_source_train(&rig->pairs, 1);
    assert_int_equal(decoder_create(&rig->decoder, &c->model, NULL), LTM_OK);
    random_normal(rig->decoder->weights, rig->decoder->plan.table.size, (struct random_key){.seed = 4, .purpose = 99});
    for (size_t i = 0; i < rig->decoder->plan.table.size; i++) rig->decoder->weights[i] *= 0.2f;
    assert_int_equal(trainer_create(&rig->trainer, c, rig->decoder, &rig->pairs.source, NULL), LTM_OK);
    const struct score_options of = {.fast = c->fast, .samples = samples, .seed = c->run.seed};
    assert_int_equal(score_sequences(scores, &rig->trainer.workers, &rig->in_order.source, &of, NULL), LTM_OK);
    for (int i = 0; i < 120; i++) rig->reference[i] = -scores[i].recon;
    rig->trainer.reference = rig->reference;
}

static void close_rig(struct rig *rig) {
    trainer_free(&rig->trainer);
    decoder_free(rig->decoder);
    pair_source_free(&rig->pairs);
}

static struct slow_step gradient_of(struct rig *rig, float *gradient) {
    struct slow_step done;
    struct trainer *t = &rig->trainer;
    memset(t->gradient.total, 0, sizeof(float) * t->state.own);
    assert_int_equal(trainer_gradient(t, &done, NULL), LTM_OK);
    for (int p = 0; gradient && p < t->state.count; p++) {
        const struct piece *piece = &t->state.pieces[p];
        memcpy(gradient + piece->all.begin, t->gradient.total + piece->at,
               (piece->all.end - piece->all.begin) * sizeof *gradient);
    }
    return done;
}

/* gradient += times · ∇ log π(y) of sequence i of the batch, and log π(y): by the decoder alone, z fitted on the prompt. */
static double add_log_p(struct rig *rig, int i, double times, float *gradient) {
    const struct ltm_config *c = &rig->config;
    struct worker *w = &rig->trainer.workers.each[0];
    float weights[LENGTH];
    double log_p = 0;
    assert_true(worker_begin(w, &rig->pairs.source, i, 0, 1, LENGTH));
    const struct noise_source fit = {{.seed = c->run.seed, .purpose = RANDOM_SCORE_FIT}, w->numbers};
    const struct noise_source draw = {{.seed = c->run.seed, .purpose = RANDOM_SCORE_NOISE}, w->numbers};
    fast_loop_start(&w->loop, &c->fast, 1);
    fast_loop_run(&w->loop, w->pass, &c->fast, &fit, 1, LENGTH, NULL);
    for (int s = 0; s < c->slow.samples; s++) {
        fast_loop_draw(&w->loop, &draw, 1, s);
        posterior_sample(w->loop.z, w->loop.mu, w->loop.logvar, w->loop.noise, w->loop.latents);
        for (int t = 0; t < LENGTH; t++) weights[t] = (float)(-times / c->slow.samples) * w->weights[t];
        decoder_weight_gradient(w->pass, w->loop.z, weights, w->loop.nll, gradient);
        log_p -= fast_loop_nll(&w->loop, 0, 0, LENGTH) / c->slow.samples;
    }
    return log_p;
}

static void assert_near(const float *a, const double *b, size_t n, double tolerance) {
    double apart = 0;
    double size = 0;
    for (size_t i = 0; i < n; i++) {
        apart += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    if (!(size > 0) || !(apart <= tolerance * tolerance * size)) fail_msg("%g of %g", sqrt(apart), sqrt(size));
}

static void at_the_reference_the_loss_is_ln_2_and_the_gradient_half_beta(void **state) {
    (void)state;
    for (int latents = 0; latents <= 4; latents += 4) {
        struct rig rig;
        open_rig(&rig, latents, latents ? 2 : 1, latents ? 0.2 : 0);
        const struct ltm_slow_config *slow = &rig.config.slow;
        const size_t n = rig.decoder->plan.table.size;
        float *gradient = test_zeros(n);
        float *sum = test_zeros(n);
        double *expected = calloc(n, sizeof *expected);
        const struct slow_step done = gradient_of(&rig, gradient);
        assert_true(fabs(done.loss - log(2)) < 1e-6);
        assert_true(fabs(done.preferences.margin) < 1e-5);
        const double half = (1 - 2 * slow->dpo_smoothing) * slow->dpo_beta / 2 / (BATCH / 2);
        for (int i = 0; i < BATCH; i++) add_log_p(&rig, i, i % 2 ? half : -half, sum);
        for (size_t i = 0; i < n; i++) expected[i] = (double)sum[i];
        assert_near(gradient, expected, n, 1e-4);
        free(gradient);
        free(sum);
        free(expected);
        close_rig(&rig);
    }
}

/* AdamW's first step: its moments are the gradient and its square. */
static double stepped(double weight, double gradient, double rate, double decay) {
    return weight - rate * (gradient / (fabs(gradient) + 1e-8) + decay * weight);
}

/* Away from the reference: log p by the decoder, all else in double. */
static void a_step_is_that_of_a_program_in_double(void **state) {
    (void)state;
    struct rig rig;
    struct slow_step done;
    open_rig(&rig, 4, 1, 0.1);
    const struct ltm_slow_config *slow = &rig.config.slow;
    const struct weight_table *table = &rig.decoder->plan.table;
    float *sum = test_zeros(table->size);
    double *expected = calloc(table->size, sizeof *expected);
    double loss = 0;
    for (int i = 0; i < 120; i++) rig.reference[i] += (i % 5 - 2) * (i % 2 ? 6.0 : -9.0);
    for (int p = 0; p < BATCH / 2; p++) {
        const double *reference = rig.reference + 2 * (size_t)rig.pairs.source.noise(&rig.pairs.source, 2 * p);
        const double chosen = add_log_p(&rig, 2 * p, 0, sum);
        const double rejected = add_log_p(&rig, 2 * p + 1, 0, sum);
        const double m = slow->dpo_beta * ((chosen - reference[0]) - (rejected - reference[1]));
        const double sigma = 1 / (1 + exp(-m));
        const double e = slow->dpo_smoothing;
        const double slope = (-(1 - e) * (1 - sigma) + e * sigma) * slow->dpo_beta / (BATCH / 2);
        loss += (-(1 - e) * log(sigma) - e * log(1 - sigma)) / (BATCH / 2);
        add_log_p(&rig, 2 * p, slope, sum);
        add_log_p(&rig, 2 * p + 1, -slope, sum);
    }
    float *moved = test_zeros(table->size);
    memcpy(moved, rig.decoder->weights, table->size * sizeof *moved);
    assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
    for (int t = 0; t < table->count; t++) {
        const struct weight *w = &table->weights[t];
        for (size_t i = w->offset; i < w->offset + weight_size(w); i++) {
            const double was = (double)moved[i];
            expected[i] = stepped(was, (double)sum[i], done.lr, w->decays ? slow->weight_decay : 0) - was;
            moved[i] = rig.decoder->weights[i] - moved[i];
        }
    }
    assert_true(fabs(done.loss - loss) < 1e-5);
    assert_true(done.preferences.accuracy >= 0 && done.preferences.accuracy <= 1);
    assert_near(moved, expected, table->size, 2e-2); /* where a gradient is next to 0 its sign is rounding */
    free(moved);
    free(sum);
    free(expected);
    close_rig(&rig);
}

static void bits_do_not_depend_on_threads_or_interruptions(void **state) {
    (void)state;
    struct ltm_config one = preferring("one", 4);
    struct ltm_config many = preferring("many", 4);
    char said[4096];
    one.run.threads = 1;
    many.run.threads = 3;
    train_whole(&one);
    assert_int_equal(train(&many, (struct child){.kill_at = 6}, NULL, 0), -1);
    const char *path = test_path("many/reference.safetensors");
    assert_int_equal(rename(path, test_path("away")), 0);
    assert_int_equal(train(&many, (struct child){0}, said, sizeof said), LTM_IO);
    assert_non_null(strstr(said, "reference.safetensors is missing"));
    assert_int_equal(rename(test_path("away"), path), 0);
    train_whole(&many);
    same_runs(&one, &many);
    many.run.eval_sequences = 2; /* finished: how much is scored may change */
    train_whole(&many);
    test_same_bytes(path, test_path("one/reference.safetensors"), 0, 0);
    json_t *lines = test_log(one.run.dir);
    const json_t *first = json_array_get(lines, 0);
    assert_true(fabs(json_number_value(json_object_get(first, "loss")) - log(2)) < 1e-5);
    assert_non_null(json_object_get(first, "chosen"));
    assert_non_null(json_object_get(first, "accuracy"));
    assert_null(json_object_get(first, "recon"));
    json_decref(lines);
}

static void assert_refused(struct ltm_config c, const char *sentence) {
    struct ltm_error error = {0};
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    if (!strstr(error.message, sentence)) fail_msg("%s", error.message);
}

static void what_cannot_be_compared_is_refused(void **state) {
    (void)state;
    struct ltm_config c = preferring("no", 4);
    c.slow.batch = 7;
    assert_refused(c, "even");
    c = preferring("no", 4);
    c.slow.group = 3;
    assert_refused(c, "even");
    c = preferring("no", 4);
    c.data.kind = LTM_DATA_TEXT;
    assert_refused(c, "data.kind = pairs");
    c = preferring("no", 4);
    c.slow.kl_warmup = 3;
    assert_refused(c, "slow.kl_warmup");
    c = preferring("no", 4);
    c.model.predict = 2;
    assert_refused(c, "slow.predict");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* Children first: OpenMP must not have begun before a fork. */
        cmocka_unit_test(bits_do_not_depend_on_threads_or_interruptions),
        cmocka_unit_test(at_the_reference_the_loss_is_ln_2_and_the_gradient_half_beta),
        cmocka_unit_test(a_step_is_that_of_a_program_in_double),
        cmocka_unit_test(what_cannot_be_compared_is_refused),
    };
    return cmocka_run_group_tests(tests, make_pairs, NULL);
}
