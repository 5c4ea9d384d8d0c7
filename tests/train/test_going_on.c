/* Beyond the end of a run: longer, to the bits of a run that was so from the first; and other runs from its weights. */
#include "support/child_runs.h"

#include "base/files.h"
#include "ltm/average.h"
#include "model/model_file.h"
#include "train/checkpoint.h"
#include "train/trained_model.h"

/* Finished at step 12, its rate falling from step 7 on: made longer it has the bits of a run that was so from the first, and the
 * shorter one stays whole, as a folder of its own. */
static void a_finished_run_goes_on_from_before_its_decay(void **state) {
    (void)state;
    struct ltm_config whole = tiny("longer");
    struct ltm_config finished = tiny("finished");
    char said[4096];
    char found[1100];
    whole.slow.schedule = finished.slow.schedule = LTM_SLOW_WSD;
    whole.run.threads = finished.run.threads = 1;
    train_whole(&finished);
    json_t *before = test_log(finished.run.dir);
    whole.run.tokens = 20 * finished.run.tokens / STEPS;
    train_whole(&whole);
    const char *kept = test_path("finished/tokens-%lld", (long long)finished.run.tokens);
    finished.run.tokens = whole.run.tokens;
    assert_int_equal(train(&finished, (struct child){.stop_at = 13}, said, sizeof said), LTM_INTERRUPTED);
    assert_non_null(strstr(said, "run.tokens changed from 2880 to 4800: restarting from slow step 7"));
    train_whole(&finished);
    same_runs(&whole, &finished);
    json_t *after = test_log(kept);
    test_same_json(before, after, "logs");
    json_decref(before);
    json_decref(after);
    assert_int_equal(checkpoint_find(found, sizeof found, kept, NULL), LTM_OK);
    assert_non_null(strstr(found, "checkpoints/best"));
    assert_int_equal(checkpoint_verify(found, true, NULL), LTM_OK);
}

/* Without that checkpoint, and where rates depend on run.tokens throughout. */
static void a_run_that_decays_keeps_its_length(void **state) {
    (void)state;
    struct ltm_config c = tiny("wsd-decaying");
    char said[4096];
    c.slow.schedule = LTM_SLOW_WSD;
    c.run.threads = 1;
    assert_int_equal(train(&c, (struct child){.stop_at = 9}, NULL, 0), LTM_INTERRUPTED);
    for (int step = 4; step <= 8; step++) folder_remove(test_path("wsd-decaying/checkpoints/step-%08d", step), NULL);
    c.run.tokens = 20 * c.run.tokens / STEPS;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said,
                           "run.tokens = 2880, now it is 4800, and at slow step 9 its rate already depends on that "
                           "(it may change up to step 7)"));
    c.run.tokens = STEPS * 10 * 24;
    train_whole(&c);
    c = tiny("cosine-longer");
    c.run.threads = 1;
    train_whole(&c);
    c.run.tokens *= 2;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "(it may change up to step 3)"));
}

/* ---- Weights that begin another run ---- */

static struct decoder *weights_of(const struct ltm_config *c) {
    struct decoder *decoder;
    struct ltm_config config;
    int64_t step;
    char digest[20];
    const char *path = last_checkpoint(c, "model.safetensors");
    assert_int_equal(model_file_read(path, &decoder, &config, &step, digest, NULL), LTM_OK);
    return decoder;
}

/* A run of one step that changes no weight. */
static struct ltm_config still(const char *name, const struct ltm_config *from) {
    struct ltm_config c = tiny(name);
    c.latent_init_scale = 1; /* so that none is 0, whose sign steps of size 0 change */
    c.slow.lr = 0;
    c.run.threads = 1;
    c.run.tokens = 10 * 24;
    if (from) snprintf(c.run.from, sizeof c.run.from, "%s", from->run.dir);
    return c;
}

static void same_weight(const struct decoder *a, const char *name_a, const struct decoder *b, const char *name_b) {
    const struct weight *at_a = weights_find(&a->plan.table, name_a);
    const struct weight *at_b = weights_find(&b->plan.table, name_b);
    assert_non_null(at_a);
    assert_non_null(at_b);
    if (memcmp(a->weights + at_a->offset, b->weights + at_b->offset, weight_size(at_a) * sizeof(float)) != 0)
        fail_msg("%s is not %s", name_a, name_b);
}

/* What the plain decoder has is carried over, what it lacks is what a run of its own would have begun with. */
static void latents_are_attached_to_a_plain_decoder_and_taken_away(void **state) {
    (void)state;
    struct ltm_config plain = tiny("origin");
    char said[4096];
    plain.model.latents = 0;
    plain.run.threads = 1;
    plain.run.eval_every = 0;
    train_whole(&plain);
    const struct ltm_config with = still("with-latents", &plain);
    const struct ltm_config own = still("own", NULL);
    assert_int_equal(train(&with, (struct child){0}, said, sizeof said), LTM_OK);
    assert_non_null(strstr(said, "new, with the usual initialisation: 10 weights"));
    assert_non_null(strstr(said, "layers.*.cross_attention.wq.weight (2)"));
    assert_non_null(strstr(said, "left out: 0 weights"));
    assert_non_null(strstr(said, "carried over: 20 weights"));
    train_whole(&own);
    struct decoder *a = weights_of(&with);
    struct decoder *b = weights_of(&plain);
    struct decoder *c = weights_of(&own);
    for (int i = 0; i < a->plan.table.count; i++) {
        const char *name = a->plan.table.weights[i].name;
        same_weight(a, name, strstr(name, "cross_attention") ? c : b, name);
    }
    struct ltm_config without = still("without-latents", &with);
    without.model.latents = 0;
    without.model.sequence = 12;
    without.model.window = 6;
    assert_int_equal(train(&without, (struct child){0}, said, sizeof said), LTM_OK);
    assert_non_null(strstr(said, "left out: 10 weights"));
    struct decoder *d = weights_of(&without);
    for (int i = 0; i < d->plan.table.count; i++)
        same_weight(d, d->plan.table.weights[i].name, b, d->plan.table.weights[i].name);
    decoder_free(a), decoder_free(b), decoder_free(c), decoder_free(d);
}

static void layers_are_repeated_and_loops_added(void **state) {
    (void)state;
    const struct ltm_config from = still("two-layers", NULL);
    struct ltm_config deep = still("four-layers", NULL);
    char said[4096];
    train_whole(&from);
    deep.model.layers = 4;
    deep.model.latents = 6;
    deep.model.latent_from = 1;
    deep.model.prelude = deep.model.coda = 1;
    deep.model.loops = 2;
    deep.model.inject = LTM_INJECT_ADD;
    snprintf(deep.run.from, sizeof deep.run.from, "%s", last_checkpoint(&from, "model.safetensors"));
    assert_int_equal(train(&deep, (struct child){0}, said, sizeof said), LTM_OK);
    assert_non_null(strstr(said, "layer l of 4 starts as layer l mod 2"));
    assert_non_null(strstr(said, ": loop."));
    struct decoder *a = weights_of(&deep);
    struct decoder *b = weights_of(&from);
    same_weight(a, "layers.0.attention.wq.weight", b, "layers.0.attention.wq.weight");
    same_weight(a, "layers.1.cross_attention.wo.weight", b, "layers.1.cross_attention.wo.weight");
    same_weight(a, "layers.2.feed_forward.w2.weight", b, "layers.0.feed_forward.w2.weight");
    same_weight(a, "layers.3.attention.wo.weight", b, "layers.1.attention.wo.weight");
    decoder_free(a), decoder_free(b);
}

/* Its config.ini tells where it began: without run.from it goes on too. The average begins with the weights. */
static void a_run_from_weights_resumes_to_the_same_bits(void **state) {
    (void)state;
    const struct ltm_config from = tiny("finished"); /* by the test before */
    struct ltm_config whole = tiny("from-whole");
    struct ltm_config killed = tiny("from-killed");
    struct ltm_config record;
    char said[4096];
    snprintf(whole.run.from, sizeof whole.run.from, "%s", from.run.dir);
    snprintf(killed.run.from, sizeof killed.run.from, "%s", from.run.dir);
    whole.slow.ema = killed.slow.ema = 0.9;
    whole.run.threads = 1;
    train_whole(&whole);
    assert_int_equal(train(&killed, (struct child){.kill_at = 6}, NULL, 0), -1);
    killed.run.from[0] = 0;
    train_whole(&killed);
    same_runs(&whole, &killed);
    same_weights(&whole, &killed, "ema.safetensors");
    ltm_config_defaults(&record);
    assert_int_equal(ltm_config_load(&record, test_path("from-killed/config.ini"), NULL), LTM_OK);
    assert_string_equal(record.run.from, from.run.dir);
    assert_int_equal(strlen(record.run.from_digest), 16);
    snprintf(killed.run.from, sizeof killed.run.from, "%s", whole.run.dir);
    assert_int_equal(train(&killed, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "began with the weights of"));
}

static void weights_that_do_not_fit_are_refused_in_a_sentence(void **state) {
    (void)state;
    const struct ltm_config from = tiny("finished");
    struct ltm_config c;
    char said[4096];
#define REFUSED(change, sentence)                                                    \
    c = still("refused", &from);                                                     \
    change;                                                                          \
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH); \
    if (!strstr(said, sentence)) fail_msg("it said: %s", said);
    REFUSED(c.model.dim = 32, "has model.dim = 16, but this run has 32")
    REFUSED(c.model.layers = 3;
            c.model.latents = 6, "has model.layers = 2, but this run has 3; use that number or a multiple")
    REFUSED(c.model.vocab = VOCAB + 1, "has a vocabulary of 40, but this run has 41; build the corpus with")
    REFUSED(c.model.ffn_multiple = 64, "layers.0.feed_forward.w1.weight is (48, 16) in")
    REFUSED(strcpy(c.run.from_digest, "0123456789abcdef"), "but run.from_digest is 0123456789abcdef")
#undef REFUSED
    c = still("refused", NULL);
    strcpy(c.run.from, "/nowhere");
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_IO);
}

/* ---- Means ---- */

static void a_mean_is_that_of_each_number(void **state) {
    (void)state;
    struct ltm_config of[3];
    struct decoder *decoder[3];
    const char *folders[3];
    struct ltm_average_result result;
    struct ltm_error error;
    struct ltm_model *mean;
    for (int k = 0; k < 3; k++) {
        char name[16];
        snprintf(name, sizeof name, "mean-%d", k);
        of[k] = still(name, NULL);
        of[k].run.seed = (uint64_t)k + 1;
        of[k].run.tokens *= k + 1;
        train_whole(&of[k]);
        decoder[k] = weights_of(&of[k]);
        folders[k] = of[k].run.dir;
    }
    const char *to = test_path("mean/of-three");
    assert_int_equal(ltm_average(folders, 3, test_path("mean/of-three/"), &result, &error), LTM_OK);
    assert_true(result.step == 3 && result.weights == (int64_t)decoder[0]->plan.table.size);
    assert_int_equal(ltm_model_open(&mean, to, &error), LTM_OK);
    assert_int_equal(ltm_model_step(mean), 3);
    for (size_t i = 0; i < decoder[0]->plan.table.size; i++) {
        const double sum = (double)decoder[0]->weights[i] + decoder[1]->weights[i] + decoder[2]->weights[i];
        assert_true(mean->decoder->weights[i] == (float)(sum / 3));
    }
    ltm_model_close(mean);
    struct ltm_config from = still("from-mean", NULL);
    snprintf(from.run.from, sizeof from.run.from, "%s", to);
    train_whole(&from);
    assert_int_equal(ltm_average(folders, 3, to, &result, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "is not an empty folder: it contains model.safetensors"));
    struct ltm_config other = still("mean-other", NULL);
    other.model.window = 6;
    train_whole(&other);
    folders[2] = other.run.dir;
    assert_int_equal(ltm_average(folders, 3, test_path("no"), &result, &error), LTM_MISMATCH);
    assert_non_null(strstr(error.message, "mean-0 has model.window = 8, but "));
    assert_false(folder_exists(test_path("no")));
    for (int k = 0; k < 3; k++) decoder_free(decoder[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_run_goes_on_from_before_its_decay),
        cmocka_unit_test(a_run_that_decays_keeps_its_length),
        cmocka_unit_test(latents_are_attached_to_a_plain_decoder_and_taken_away),
        cmocka_unit_test(layers_are_repeated_and_loops_added),
        cmocka_unit_test(a_run_from_weights_resumes_to_the_same_bits),
        cmocka_unit_test(a_mean_is_that_of_each_number),
        cmocka_unit_test(weights_that_do_not_fit_are_refused_in_a_sentence),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
