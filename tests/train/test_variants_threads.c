/* The bits of runs with another optimiser, an average of the weights, or another schedule: over threads, kills and a change of length. */
#include <math.h>

#include <jansson.h>

#include "support/child_runs.h"

#include "base/files.h"
#include "train/checkpoint.h"

/* What one thread takes alone, and whose state is of two kinds. */
static void with_muon_bits_depend_neither_on_threads_nor_on_kills(void **state) {
    (void)state;
    struct ltm_config one = tiny("muon-one-thread");
    char said[4096];
    one.slow.optimiser = LTM_OPTIMISER_MUON;
    one.run.threads = 1;
    train_whole(&one);
    for (int threads = 2; threads <= 4; threads++) {
        char name[32];
        snprintf(name, sizeof name, "muon-threads-%d", threads);
        struct ltm_config many = tiny(name);
        many.slow.optimiser = LTM_OPTIMISER_MUON;
        many.run.threads = threads;
        assert_int_equal(train(&many, (struct child){.kill_at = 2 + 2 * threads}, NULL, 0), -1);
        train_whole(&many);
        same_runs(&one, &many);
    }
    one.slow.optimiser = LTM_OPTIMISER_ADAMW;
    assert_int_equal(train(&one, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "began with slow.optimizer = muon, now it is adamw"));
}

/* What a setting of training makes of a run: as many bits on one thread as on three that are killed on their way. */
static void check_bits(const char *name, void (*set)(struct ltm_config *config)) {
    char killed[64];
    struct ltm_config one = tiny(name);
    snprintf(killed, sizeof killed, "%s-killed", name);
    struct ltm_config three = tiny(killed);
    set(&one);
    set(&three);
    one.run.threads = 1;
    three.run.threads = 3;
    train_whole(&one);
    assert_int_equal(train(&three, (struct child){.kill_at = 6}, NULL, 0), -1);
    train_whole(&three);
    same_runs(&one, &three);
}

static void drop_out(struct ltm_config *config) { config->model.dropout = 0.25; }

static void mask_documents(struct ltm_config *config) {
    config->model.packing = LTM_PACKING_MASKED;
    config->model.document_end = 5;
}

static void take_documents(struct ltm_config *config) {
    config->model.packing = LTM_PACKING_DOCUMENT;
    config->model.document_end = 5;
}

static void grow(struct ltm_config *config) {
    config->slow.batch_start = 3; /* one group and a half, of five */
    config->slow.window_start = 2;
    config->slow.growth = 0.6;
}

static void predict(struct ltm_config *config) {
    config->model.predict = 3;
    config->model.predict_latents = 0.5; /* the teacher comes out of the checkpoint */
    config->model.predict_distance = 3;
    config->model.predict_layers = 2;
    config->slow.ema = 0.9;
    config->slow.optimiser = LTM_OPTIMISER_MUON;
}

static void loop(struct ltm_config *config) {
    config->model.loops = 3;
    config->model.inject = LTM_INJECT_ADD;
    config->model.backprop = 2;
    config->fast.loops = 1;
    config->slow.optimiser = LTM_OPTIMISER_MUON;
}

static void begin_loops_late(struct ltm_config *config) {
    config->model.loops = 4;
    config->model.inject = LTM_INJECT_DIAGONAL;
    config->loop.start = 0.3;
    config->loop.full = 0.7; /* three run where the run is killed */
}

static void begin_latents_late(struct ltm_config *config) { config->latent_start = 0.5; }

static void encode(struct ltm_config *config) {
    config->model.encoder = LTM_ENCODER_BAG;
    config->fast.steps = 0;
    config->latent_start = 0.3;
    config->slow.optimiser = LTM_OPTIMISER_MUON;
}

static void fit_by_parts(struct ltm_config *config) {
    config->fast.text_parts = 3;
    config->fast.steps = 3;
    config->slow.window_start = 2;
    config->slow.growth = 0.6;
}

static void store(struct ltm_config *config) {
    config->fast.stored = 0.9;
    config->fast.steps = 0;
    config->run.tokens = 20 * 10 * 24; /* a pass and a fifth: what was stored before the kill is found behind it */
}

static void stream(struct ltm_config *config) {
    config->model.latent_kind = LTM_LATENT_STREAMING;
    config->model.chunk = 5;
    config->model.stream_noise = 1;
    config->model.dropout = 0.25;
    config->slow.window_start = 2;
    config->slow.growth = 0.6;
}

static void stream_to_keys(struct ltm_config *config) {
    stream(config);
    config->model.latent_read = LTM_READ_KEYS;
}

static void remember(struct ltm_config *config) {
    config->model.memory = LTM_MEMORY_NEURAL;
    config->model.memory_chunk = 3;
    config->model.memory_layers = 2;
    config->model.memory_rate = 1;
    config->slow.optimiser = LTM_OPTIMISER_MUON;
}

static void carry_vectors(struct ltm_config *config) {
    config->model.memory = LTM_MEMORY_RECURRENT;
    config->model.memory_slots = 4;
    config->model.memory_backprop = 2;
    config->model.memory_chunk = 3;
    config->model.latents = 0;
}

static void sample_loops(struct ltm_config *config) {
    config->model.loops = 2;
    config->model.inject = LTM_INJECT_CONCAT;
    config->model.backprop = 2;
    config->loop.depth = LTM_LOOP_DEPTH_SAMPLED;
}

static void with_each_key_bits_depend_neither_on_threads_nor_on_kills(void **state) {
    (void)state;
    check_bits("dropout", drop_out);
    check_bits("masked", mask_documents);
    check_bits("document", take_documents);
    check_bits("growth", grow);
    check_bits("predict", predict);
    check_bits("loops", loop);
    check_bits("late-loops", begin_loops_late);
    check_bits("late-latents", begin_latents_late);
    check_bits("encoder", encode);
    check_bits("text-parts", fit_by_parts);
    check_bits("stored", store);
    check_bits("sampled-loops", sample_loops);
    check_bits("streaming", stream);
    check_bits("streaming-keys", stream_to_keys);
    check_bits("neural-memory", remember);
    check_bits("recurrent-memory", carry_vectors);
}

/* However many may be drawn: initial weights are those of model.loops. */
static void sampled_loops_start_with_the_same_weights(void **state) {
    (void)state;
    struct ltm_config fixed = tiny("start-fixed");
    fixed.model.loops = 2;
    fixed.latent_init_scale = 1; /* so that none is 0, whose sign steps of size 0 change */
    fixed.slow.lr = 0;
    fixed.run.tokens = 10 * 24;
    struct ltm_config sampled = fixed;
    snprintf(sampled.run.dir, sizeof sampled.run.dir, "%s/start-sampled", test_folder());
    sampled.loop.depth = LTM_LOOP_DEPTH_SAMPLED;
    train_whole(&fixed);
    train_whole(&sampled);
    const char *a = last_checkpoint(&fixed, "model.safetensors");
    const char *b = last_checkpoint(&sampled, "model.safetensors");
    test_same_bytes(a, b, data_at(a), data_at(b));
}

/* The average too, over a resume; its file is that of the weights, and the best is the better of the two. */
static void an_average_has_the_bits_of_an_undisturbed_run(void **state) {
    (void)state;
    struct ltm_config whole = tiny("ema");
    struct ltm_config killed = tiny("ema-killed");
    const struct ltm_config without = tiny("ema-off");
    char path[1100];
    char found[1100];
    whole.slow.ema = killed.slow.ema = 0.9;
    whole.run.threads = 1;
    train_whole(&whole);
    assert_int_equal(train(&killed, (struct child){.kill_at = 6}, NULL, 0), -1);
    train_whole(&killed);
    same_runs(&whole, &killed);
    same_weights(&whole, &killed, "ema.safetensors");
    train_whole(&without);
    const char *averaged = last_checkpoint(&whole, "model.safetensors"); /* it changes nothing of the training */
    const char *plain = last_checkpoint(&without, "model.safetensors");
    test_same_bytes(averaged, plain, data_at(averaged), data_at(plain));
    same_optimiser(&whole, &without);

    snprintf(path, sizeof path, "%s/log.jsonl", whole.run.dir);
    char *text;
    size_t bytes;
    double best = INFINITY;
    double average = 0;
    double raw = 0;
    assert_int_equal(file_read_text(&text, &bytes, path, 1 << 20, NULL), LTM_OK);
    char *rest;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *record = json_loads(line, 0, NULL);
        if (json_object_get(record, "heldout")) {
            average = json_number_value(json_object_get(record, "ema_bound"));
            raw = json_number_value(json_object_get(record, "bound"));
            assert_true(average > 0 && average != raw);
            best = fmin(best, fmin(average, raw));
        }
        json_decref(record);
    }
    free(text);
    snprintf(path, sizeof path, "%s/checkpoints/last/state.json", whole.run.dir);
    assert_int_equal(file_read_text(&text, &bytes, path, 1 << 20, NULL), LTM_OK);
    json_t *root = json_loads(text, 0, NULL);
    free(text);
    assert_true(json_number_value(json_object_get(root, "best_bound")) == best);
    assert_int_equal(json_is_true(json_object_get(root, "averaged")), average < raw);
    json_decref(root);
    snprintf(path, sizeof path, "%s/checkpoints/last", whole.run.dir);
    assert_int_equal(checkpoint_served(found, sizeof found, path, NULL), LTM_OK);
    assert_non_null(strstr(found, average < raw ? "/ema.safetensors" : "/model.safetensors"));
    assert_int_equal(checkpoint_verify(path, true, NULL), LTM_OK);
}

/* Stopped at step 6 of 12, of which the last 5 decay; then 30 steps long, to the bits of a run that was so from the first. */
static void a_run_stopped_in_its_stable_part_may_become_longer(void **state) {
    (void)state;
    struct ltm_config whole = tiny("wsd-long");
    struct ltm_config stopped = tiny("wsd-stopped");
    char said[4096];
    whole.slow.schedule = stopped.slow.schedule = LTM_SLOW_WSD;
    const int64_t tokens = whole.run.tokens;
    whole.run.tokens = 30 * tokens / STEPS;
    train_whole(&whole);
    assert_int_equal(train(&stopped, (struct child){.stop_at = 6}, NULL, 0), LTM_INTERRUPTED);
    stopped.run.tokens = 7 * tokens / STEPS; /* its decay would have begun at step 4 */
    assert_int_equal(train(&stopped, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    stopped.run.tokens = whole.run.tokens;
    train_whole(&stopped);
    same_runs(&whole, &stopped);
}

/* The log has both; a run of other length would have grown otherwise. */
static void a_run_that_grows_says_so_and_keeps_its_length(void **state) {
    (void)state;
    struct ltm_config c = tiny("grown");
    char said[4096];
    int64_t tokens = 0;
    int batch = 0;
    int window = 0;
    grow(&c);
    train_whole(&c);
    json_t *log = test_log(c.run.dir);
    for (size_t i = 0; i < json_array_size(log); i++) {
        const json_t *record = json_array_get(log, i);
        if (json_object_get(record, "heldout")) continue;
        const int more = (int)json_integer_value(json_object_get(record, "batch"));
        const int wider = (int)json_integer_value(json_object_get(record, "window"));
        assert_true(more >= batch && wider >= window);
        if (batch == 0) assert_true(more == 3 && wider == 2);
        batch = more;
        window = wider;
        tokens += (int64_t)batch * 24;
        assert_int_equal(json_integer_value(json_object_get(record, "tokens")), tokens);
    }
    json_decref(log);
    assert_true(batch == 10 && window == 8 && tokens == ltm_training_tokens(&c));
    c = tiny("grown-longer");
    grow(&c);
    c.slow.schedule = LTM_SLOW_WSD;
    assert_int_equal(train(&c, (struct child){.kill_at = 6}, NULL, 0), -1);
    c.run.tokens *= 2;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "its rate already depends on that (it may change up to step 0)"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_muon_bits_depend_neither_on_threads_nor_on_kills),
        cmocka_unit_test(with_each_key_bits_depend_neither_on_threads_nor_on_kills),
        cmocka_unit_test(sampled_loops_start_with_the_same_weights),
        cmocka_unit_test(an_average_has_the_bits_of_an_undisturbed_run),
        cmocka_unit_test(a_run_stopped_in_its_stable_part_may_become_longer),
        cmocka_unit_test(a_run_that_grows_says_so_and_keeps_its_length),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
