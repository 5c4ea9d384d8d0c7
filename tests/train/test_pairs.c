/* Training on prompts with answers: what z is fitted on, and a run's bits. */
#include "support/child_runs.h"
#include "support/layer.h"
#include "support/pairs.h"

#include "latent/workers.h"
#include "text/pair_source.h"
#include "train/trainer.h"

static char pairs_path[600];

static int make_pairs(void **state) {
    (void)state;
    snprintf(pairs_path, sizeof pairs_path, "%s", test_write_pairs("pairs.jsonl", 150));
    return 0;
}

static struct ltm_config tuning(const char *run, int latents) {
    struct ltm_config c = tiny(run);
    c.model.sequence = 40;
    c.model.vocab = LTM_AUTO;
    c.model.latents = latents;
    c.model.packing = latents ? LTM_PACKING_DOCUMENT : LTM_PACKING_MASKED;
    c.model.document_end = LTM_AUTO;
    c.data.kind = LTM_DATA_PAIRS;
    c.run.tokens = 8 * 10 * 40;
    c.run.eval_sequences = 5;
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", pairs_path);
    snprintf(c.data.tokenizer, sizeof c.data.tokenizer, TEST_TOKENIZER);
    return c;
}

static void bits_do_not_depend_on_threads_or_interruptions(void **state) {
    (void)state;
    for (int latents = 0; latents <= 4; latents += 4) {
        struct ltm_config one = tuning(latents ? "one-latent" : "one-plain", latents);
        struct ltm_config many = tuning(latents ? "many-latent" : "many-plain", latents);
        one.run.threads = 1;
        many.run.threads = 3;
        train_whole(&one);
        assert_int_equal(train(&many, (struct child){.kill_at = 6}, NULL, 0), -1);
        train_whole(&many);
        same_runs(&one, &many);
    }
}

static void the_log_tells_exact_matches(void **state) {
    (void)state;
    struct ltm_config c = tuning("learns", 0);
    c.slow.lr = 0.03;
    c.run.tokens = 40 * 10 * 40;
    c.run.eval_every = 0;
    c.run.checkpoint_every = 0;
    snprintf(c.data.heldout, sizeof c.data.heldout, "%s",
             test_write("half.jsonl",
                        "{\"prompt\": \"1\", \"answer\": \" yes\"}\n{\"prompt\": \"2\", \"answer\": \" no\"}\n"));
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s",
             test_write("yes.jsonl",
                        "{\"prompt\": \"1\", \"answer\": \" yes\"}\n{\"prompt\": \"2\", \"answer\": \" yes\"}\n"));
    train_whole(&c);
    json_t *log = test_log(c.run.dir);
    const json_t *last = json_array_get(log, json_array_size(log) - 1);
    assert_true(json_number_value(json_object_get(last, "exact_match")) == 0.5);
    assert_true(json_number_value(json_object_get(last, "kl")) == 0);
    json_decref(log);
}

static void another_corpus_is_refused_on_resume(void **state) {
    (void)state;
    char said[4096];
    struct ltm_config c = tuning("other", 0);
    assert_int_equal(train(&c, (struct child){.kill_at = 6}, NULL, 0), -1);
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", test_write_pairs("fewer.jsonl", 149));
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
}

/* Posteriors of two sequences that differ in their answers alone: the same to the bit, whatever the answers say. */
static void the_fit_sees_the_prompt_alone(void **state) {
    (void)state;
    struct ltm_tokenizer *tokenizer;
    struct ltm_config c = small_config(0, 40);
    struct decoder *decoder;
    struct workers workers;
    struct pair_source pairs;
    assert_int_equal(ltm_tokenizer_open(&tokenizer, TEST_TOKENIZER, NULL), LTM_OK);
    c.model.vocab = ltm_tokenizer_vocab(tokenizer);
    c.model.packing = LTM_PACKING_DOCUMENT;
    c.model.document_end = ltm_tokenizer_end(tokenizer);
    ltm_config_resolve(&c);
    const struct pair_options options = {pairs_path, PAIRS_ALL, true, tokenizer, &c.model};
    assert_int_equal(pair_source_open(&pairs, &options, NULL), LTM_OK);
    assert_int_equal(decoder_create(&decoder, &c.model, NULL), LTM_OK);
    random_normal(decoder->weights, decoder->plan.table.size, (struct random_key){.seed = 4, .purpose = 99});
    for (size_t i = 0; i < decoder->plan.table.size; i++) decoder->weights[i] *= 0.4f;
    assert_int_equal(workers_create(&workers, decoder, &c.fast, 1, 1, 40, 0, NULL), LTM_OK);
    struct worker *w = &workers.each[0];
    const size_t n = w->loop.latents;
    float *fitted[2] = {test_zeros(2 * n), test_zeros(2 * n)};
    int32_t targets[2][40];
    for (int i = 0; i < 2; i++) {
        assert_true(worker_begin(w, &pairs.source, i, 0, 1, 40));
        memcpy(targets[i], w->targets, sizeof targets[i]);
        const struct noise_source noise = {{.seed = 1, .purpose = RANDOM_FAST_NOISE}, w->numbers};
        fast_loop_start(&w->loop, &c.fast, 1);
        fast_loop_run(&w->loop, w->pass, &c.fast, &noise, 1, 40, NULL);
        assert_true(fast_loop_kl(&w->loop, 0) > 0);
        memcpy(fitted[i], w->loop.mu, n * sizeof(float));
        memcpy(fitted[i] + n, w->loop.logvar, n * sizeof(float));
    }
    assert_memory_not_equal(targets[0], targets[1], sizeof targets[0]);
    assert_memory_equal(fitted[0], fitted[1], 2 * n * sizeof(float));
    free(fitted[0]);
    free(fitted[1]);
    workers_free(&workers);
    decoder_free(decoder);
    pair_source_free(&pairs);
    ltm_tokenizer_close(tokenizer);
}

static void what_pairs_cannot_be_trained_with_is_refused(void **state) {
    (void)state;
    struct ltm_error error = {0};
    struct ltm_config c = tuning("no", 4);
    c.model.packing = LTM_PACKING_MASKED;
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "one prompt"));
    c.model.packing = LTM_PACKING_PACKED;
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "data.packing"));
    c.model.packing = LTM_PACKING_DOCUMENT;
    c.slow.objective = LTM_OBJECTIVE_IWAE;
    c.slow.samples = 2;
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "iwae"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_do_not_depend_on_threads_or_interruptions),
        cmocka_unit_test(the_log_tells_exact_matches),
        cmocka_unit_test(another_corpus_is_refused_on_resume),
        cmocka_unit_test(the_fit_sees_the_prompt_alone),
        cmocka_unit_test(what_pairs_cannot_be_trained_with_is_refused),
    };
    return cmocka_run_group_tests(tests, make_pairs, NULL);
}
