/* On the demo's corpus and with its settings, but fewer tokens: the held-out bound ends well below what a unigram model of the
 * same tokens gives, scored as a user would score it. */
#include <math.h>

#include "support/shards.h"
#include "support/unit.h"

#include "ltm/corpus.h"
#include "ltm/eval.h"
#include "ltm/train.h"
#include "text/token_stream.h"

/* Nats a token of the held-out split under the training split's frequencies, each count one higher so that none is zero. */
static double unigram(const char *corpus, int vocab) {
    struct token_stream *train;
    struct token_stream *heldout;
    double *count = calloc((size_t)vocab, sizeof *count);
    double sum = 0;
    assert_non_null(count);
    assert_int_equal(token_stream_open(&train, corpus, "train", NULL), LTM_OK);
    assert_int_equal(token_stream_open(&heldout, corpus, "heldout", NULL), LTM_OK);
    const int64_t n = token_stream_count(train);
    const int64_t m = token_stream_count(heldout);
    int32_t token;
    for (int64_t i = 0; i < n; i++) {
        token_stream_read(train, i, 1, &token);
        count[token]++;
    }
    for (int64_t i = 0; i < m; i++) {
        token_stream_read(heldout, i, 1, &token);
        sum -= log((count[token] + 1) / (double)(n + vocab));
    }
    token_stream_close(train);
    token_stream_close(heldout);
    free(count);
    return sum / (double)m;
}

static void bound_ends_well_below_unigram(void **state) {
    (void)state;
    char corpus[700];
    char command[1200];
    struct ltm_error error = {0};
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    snprintf(command, sizeof command, "DATA=%s corpora/kjv/build >%s/recipe.log 2>&1", test_folder(), test_folder());
    if (system("command -v bible >/dev/null") != 0) {
        print_message("the package bible-kjv is not installed\n");
        skip();
    }
    assert_int_equal(system(command), 0);

    struct ltm_config config;
    ltm_config_defaults(&config);
    assert_int_equal(ltm_config_load(&config, "runs/demo.ini", &error), LTM_OK);
    snprintf(config.data.corpus, sizeof config.data.corpus, "%s", corpus);
    snprintf(config.run.dir, sizeof config.run.dir, "%s/run", test_folder());
    config.run.tokens = 80000;
    config.run.eval_every = 0;
    config.slow.warmup = 5;
    if (ltm_train(&config, NULL, NULL, &error) != LTM_OK) fail_msg("%s", error.message);

    struct ltm_model *model;
    struct ltm_eval_result score;
    if (ltm_model_open(&model, config.run.dir, &error) != LTM_OK) fail_msg("%s", error.message);
    struct ltm_config scoring = *ltm_model_config(model);
    scoring.eval.sequences = 64;
    scoring.eval.samples = 2;
    if (ltm_eval(model, corpus, &scoring, NULL, &score, &error) != LTM_OK) fail_msg("%s", error.message);
    const double frequencies = unigram(corpus, ltm_model_config(model)->model.vocab);
    print_message("held-out bound %.3f nats a token, unigram %.3f: %.3f below\n", score.bound.nats.mean, frequencies,
                  frequencies - score.bound.nats.mean);
    assert_true(score.bound.nats.mean + 5 * score.bound.nats.error < frequencies - 0.3);
    assert_true(fabs(score.recon.nats.mean + score.kl.nats.mean - score.bound.nats.mean) < 1e-9);
    assert_true(score.bound.bits.mean > 1 && score.bound.bits.mean < 4);
    ltm_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bound_ends_well_below_unigram)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
