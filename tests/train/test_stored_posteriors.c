/* Posteriors kept over passes: what a visit finds and leaves, the step that the slow step's own gradient makes, and who they are of. */
#include <math.h>

#include "support/gradients.h"
#include "support/small_config.h"
#include "support/trainer_rig.h"
#include "support/unit.h"

#include "train/stored_posteriors.h"

enum { VOCAB = 30, BATCH = 3, LENGTH = 9 };

static struct ltm_config storing(int steps) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.fast.stored = 0.9;
    c.fast.steps = steps;
    c.slow.lr = 0; /* the weights stay: what moves are the posteriors */
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.run.threads = 2;
    c.run.tokens = 1000000;
    ltm_config_resolve(&c);
    return c;
}

static void open_storing(struct rig *rig, const struct ltm_config *c) {
    struct ltm_config none = *c;
    none.fast.stored = 0;
    open_rig(rig, &none);
    training_windows_again(&rig->windows);
    trainer_free(&rig->trainer);
    assert_int_equal(trainer_create(&rig->trainer, c, rig->decoder, &rig->windows.source, NULL), LTM_OK);
}

static struct slow_step step(struct rig *rig) {
    struct slow_step done;
    assert_int_equal(trainer_step(&rig->trainer, &done, NULL), LTM_OK);
    return done;
}

/* Every pass has the same sequences, each once, wherever they begin. */
static void sequences_come_again(void **state) {
    (void)state;
    struct rig rig;
    const struct ltm_config c = storing(1);
    open_storing(&rig, &c);
    const struct sequence_source *s = &rig.windows.source;
    int64_t *begins = calloc((size_t)s->distinct, sizeof *begins);
    assert_non_null(begins);
    for (int64_t i = 0; i < 3 * s->distinct; i++) {
        const int64_t number = s->number(s, i);
        assert_true(number >= 0 && number < s->distinct);
        if (i >= s->distinct) assert_int_equal(begins[number], s->place(s, i) + 1);
        begins[number] = s->place(s, i) + 1;
    }
    for (int64_t i = 0; i < s->distinct; i++) assert_true(begins[i] > 0);
    free(begins);
    close_rig(&rig);
}

/* A fit that moves nothing leaves what it found, shrunk; the first finds the prior. */
static void a_visit_begins_with_what_the_last_left(void **state) {
    (void)state;
    struct rig rig;
    struct ltm_config c = storing(1);
    c.fast.lr = c.fast.curvature_rate = 0;
    open_storing(&rig, &c);
    struct stored_posteriors *stored = rig.trainer.posteriors;
    const struct sequence_source *s = &rig.windows.source;
    const size_t at = (size_t)s->number(s, 1) * stored->n;
    assert_true(stored->mu[at] == 0 && stored->curvature[at] == 0);
    stored->mu[at] = 0.5f;
    stored->curvature[at] = 2;
    stored->curvature[at + 1] = -1; /* which is no precision, but is remembered */
    const struct slow_step done = step(&rig);
    assert_true(fabsf(stored->mu[at] - 0.45f) < 1e-6f && fabsf(stored->curvature[at] - 1.8f) < 1e-6f &&
                fabsf(stored->curvature[at + 1] + 0.9f) < 1e-6f);
    const double variance = 1 / 2.8;
    const double kl = 0.5 * (0.45 * 0.45 + variance - 1 - log(variance));
    assert_true(fabs(done.kl * BATCH * LENGTH - kl) < 1e-5);
    close_rig(&rig);
}

/* By the slow step's dz a step is that of the fast loop, where both are taken under the same noise. */
static void a_step_by_the_slow_step_is_a_fast_step(void **state) {
    (void)state;
    struct rig rig[2];
    for (int steps = 0; steps < 2; steps++) {
        struct ltm_config c = storing(steps);
        c.fast.noise = LTM_NOISE_FIXED;
        open_storing(&rig[steps], &c);
        step(&rig[steps]);
    }
    double moved = 0;
    const struct stored_posteriors *a = rig[0].trainer.posteriors;
    const struct stored_posteriors *b = rig[1].trainer.posteriors;
    for (size_t i = 0; i < (size_t)a->sequences * a->n; i++) {
        assert_true(fabsf(a->mu[i] - b->mu[i]) < 1e-4f * (1 + fabsf(b->mu[i])));
        assert_true(fabsf(a->curvature[i] - b->curvature[i]) < 1e-3f * (1 + fabsf(b->curvature[i])));
        moved += (double)fabsf(a->mu[i]);
    }
    assert_true(moved > 0.1);
    for (int steps = 0; steps < 2; steps++) close_rig(&rig[steps]);
}

/* One step a visit comes nearer to the text from pass to pass. */
static void passes_improve_the_fit(void **state) {
    (void)state;
    struct rig rig;
    const struct ltm_config c = storing(0);
    open_storing(&rig, &c);
    const int64_t visits = rig.windows.source.distinct / BATCH;
    double bound[4] = {0};
    for (int pass = 0; pass < 4; pass++)
        for (int64_t i = 0; i < visits; i++) {
            const struct slow_step done = step(&rig);
            bound[pass] += (done.recon + done.kl) / (double)visits;
        }
    assert_true(bound[3] < bound[0] - 0.01);
    close_rig(&rig);
}

static void what_cannot_be_stored_is_refused(void **state) {
    (void)state;
    struct ltm_config c = storing(1);
    struct ltm_error error;
    c.fast.method = LTM_FAST_ADAM;
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "fast.method = natural"));
    c = storing(1);
    c.model.encoder = LTM_ENCODER_BAG;
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "latent.encoder"));
    c = storing(0);
    c.slow.samples = 2;
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "slow.samples"));
    c = storing(1);
    struct sequence_source endless = {.count = 1};
    struct stored_posteriors *stored;
    assert_int_equal(stored_posteriors_create(&stored, &c, &endless, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "from one pass"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_come_again),
        cmocka_unit_test(a_visit_begins_with_what_the_last_left),
        cmocka_unit_test(a_step_by_the_slow_step_is_a_fast_step),
        cmocka_unit_test(passes_improve_the_fit),
        cmocka_unit_test(what_cannot_be_stored_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
