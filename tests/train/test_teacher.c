/* The teacher of latent prediction (train/teacher.h): its states and their spread, and what a configuration must say of it. */
#include <math.h>

#include "support/small_config.h"
#include "support/trainer_rig.h"
#include "support/unit.h"

enum { VOCAB = 30, LENGTH = 12 };

static struct ltm_config taught(double weight) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.model.predict_latents = weight;
    c.model.predict_distance = 2;
    c.model.predict_layers = 2;
    c.slow.ema = 0.99;
    c.slow.warmup = 0;
    c.slow.lr = 0.003;
    c.slow.batch = 5;
    c.slow.group = 2;
    c.slow.samples = 2;
    c.run.threads = 2;
    c.run.tokens = 100000;
    ltm_config_resolve(&c);
    return c;
}

static void open_taught(struct rig *rig, const struct ltm_config *c) {
    open_rig(rig, c);
    memcpy(rig->trainer.optimiser.average, rig->decoder->weights, rig->decoder->plan.table.size * sizeof(float));
}

static struct slow_step step(struct rig *rig) {
    struct slow_step done;
    assert_int_equal(trainer_step(&rig->trainer, &done, NULL), LTM_OK);
    assert_int_equal(done.fault.kind, FAULT_NONE);
    return done;
}

/* It is learnt, and from states that do not become one. */
static void states_are_learnt_and_stay_apart(void **state) {
    (void)state;
    struct rig rig;
    const struct ltm_config c = taught(1);
    open_taught(&rig, &c);
    double first = 0;
    double last = 0;
    for (int i = 0; i < 60; i++) {
        const struct slow_step done = step(&rig);
        assert_true(done.predicted.spread > 0.1 && done.predicted.spread < 1.1);
        if (i < 5) first += done.predicted.loss;
        if (i >= 55) last += done.predicted.loss;
    }
    assert_true(last < 0.8 * first);
    close_rig(&rig);
}

/* The loss is of this sequence's own figures: two states as far apart as they can be spread by 1, one state by 0. */
static void equal_states_have_no_spread(void **state) {
    (void)state;
    struct rig rig;
    const struct ltm_config c = taught(1);
    open_taught(&rig, &c);
    memset(rig.trainer.optimiser.average, 0, rig.decoder->plan.table.size * sizeof(float));
    const struct slow_step done = step(&rig);
    assert_true(done.predicted.spread == 0);
    close_rig(&rig);
}

/* Nor has a sequence of which one token counts, whatever the teacher says of its padding. */
static bool count_the_first(const struct sequence_source *source, int64_t i, int length, int32_t *tokens,
                            int32_t *targets, float *weights) {
    (void)source;
    for (int t = 0; t < length; t++) {
        tokens[t] = (int32_t)((i + 7 * t) % VOCAB);
        targets[t] = (int32_t)((i + 7 * t + 7) % VOCAB);
        weights[t] = t == 0;
    }
    return true;
}

static void padding_has_no_spread(void **state) {
    (void)state;
    struct rig rig;
    const struct ltm_config c = taught(1);
    open_taught(&rig, &c);
    struct sequence_source source = rig.windows.source;
    source.read = count_the_first;
    rig.trainer.source = &source;
    assert_true(step(&rig).predicted.spread == 0);
    close_rig(&rig);
}

/* What is minimised of tokens, and how posteriors are fitted, is not the prediction's: the first step has the same figures. */
static void scores_are_of_tokens_alone(void **state) {
    (void)state;
    struct rig rig[2];
    struct slow_step done[2];
    for (int k = 0; k < 2; k++) {
        const struct ltm_config c = taught(k ? 1 : 0.001); /* the same weights in the table, so that all start alike */
        open_taught(&rig[k], &c);
        done[k] = step(&rig[k]);
    }
    assert_true(done[0].recon == done[1].recon && done[0].kl == done[1].kl && done[0].loss == done[1].loss);
    assert_true(done[0].predicted.loss == done[1].predicted.loss && done[0].grad_norm != done[1].grad_norm);
    for (int k = 0; k < 2; k++) close_rig(&rig[k]);
}

static void refused(struct ltm_config c, const char *says) {
    struct ltm_error error;
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    if (!strstr(error.message, says)) fail_msg("\"%s\" does not say \"%s\"", error.message, says);
}

static void what_cannot_be_predicted_is_refused(void **state) {
    (void)state;
    struct ltm_error error;
    struct ltm_config c = taught(0.5);
    assert_int_equal(ltm_config_check(&c, &error), LTM_OK);
    c.slow.ema = 0;
    refused(c, "slow.ema = 0.999");
    c = taught(0.5);
    c.model.predict_distance = LENGTH;
    refused(c, "slow.predict_distance");
    c = taught(0.5);
    c.model.predict_layers = 3;
    refused(c, "slow.predict_layers");
    c = taught(0.5);
    c.fast.steps = 0;
    c.model.encoder = LTM_ENCODER_BAG;
    refused(c, "fast.steps");
    c = taught(0.5);
    c.slow.samples = 1;
    c.model.latent_kind = LTM_LATENT_STREAMING;
    refused(c, "latent.kind = streaming");
    c = taught(0.5);
    c.data.kind = LTM_DATA_PAIRS;
    c.model.packing = LTM_PACKING_DOCUMENT;
    refused(c, "data.kind = pairs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_learnt_and_stay_apart),
        cmocka_unit_test(equal_states_have_no_spread),
        cmocka_unit_test(padding_has_no_spread),
        cmocka_unit_test(scores_are_of_tokens_alone),
        cmocka_unit_test(what_cannot_be_predicted_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
