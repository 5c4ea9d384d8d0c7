/* run.on_nonfinite and loss spikes, as a run meets them: a batch of a training holds a token that the weights cannot bear. */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include <jansson.h>

#include "support/runs.h"
#include "support/shards.h"
#include "support/small_config.h"
#include "support/unit.h"

#include "base/files.h"
#include "ltm/train.h"
#include "model/plan.h"
#include "text/sequences.h"

enum { RARE = 39, VOCAB = 40, BATCH = 10, LENGTH = 24, STEPS = 12, SPOILT_STEP = 6, SPOILT = 7, DIM = 16, PLACE = 5 };

static char corpus[600];
static int64_t spoilt_start;

static void write_at(const char *path, off_t offset, const void *data, size_t bytes) {
    const int file = open(path, O_WRONLY);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, data, bytes, offset), bytes);
    close(file);
}

/* The rare token stands in one sequence of one batch. */
static int make_corpus(void **state) {
    (void)state;
    char path[700];
    const uint16_t token = RARE;
    struct sequence_order order;
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    test_write_corpus(corpus, 4000, 600, RARE);
    assert_int_equal(sequence_order_init(&order, 4000, LENGTH, 1, NULL), LTM_OK);
    spoilt_start = sequence_start(&order, (SPOILT_STEP - 1) * BATCH + SPOILT);
    snprintf(path, sizeof path, "%s/tiny_train_000000.bin", corpus);
    write_at(path, 1024 + 2 * (spoilt_start + 9), &token, sizeof token);
    return 0;
}

/* With a rate of 0, so that what is set into the weights stays as it is. */
static struct ltm_config tiny(const char *run) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.model.dim = DIM;
    c.fast.steps = 2;
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.slow.warmup = 0;
    c.slow.lr = 0;
    c.run.tokens = STEPS * BATCH * LENGTH;
    c.run.eval_every = 4;
    c.run.eval_sequences = 5;
    c.run.checkpoint_every = 4;
    c.run.threads = 2;
    c.run.precision = LTM_PRECISION_FP32;
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", corpus);
    snprintf(c.run.dir, sizeof c.run.dir, "%s/%s", test_folder(), run);
    return c;
}

static volatile sig_atomic_t stop;

static void stop_at(void *user, const struct ltm_train_record *record) {
    if (record->step == *(const int64_t *)user) stop = 1;
}

/* Train until the end, or until step `until`. */
static ltm_status train(const struct ltm_config *c, int64_t until, struct ltm_train_result *result,
                        struct ltm_error *error) {
    const struct ltm_train_hooks hooks = {.user = &until, .on_step = stop_at, .stop = &stop};
    stop = 0;
    return ltm_train(c, &hooks, result, error);
}

/* No norm bears the rare token's embedding then; the output layer does not read it, so that the other sequences do not notice. */
static void spoil(const struct ltm_config *c, int64_t step) {
    char folder[1100];
    char path[1200];
    char hex[17];
    uint64_t header;
    const float huge = 1e20f;
    const float none = 0;
    struct plan plan;
    struct file_map map;
    snprintf(folder, sizeof folder, "%s/checkpoints/step-%08lld", c->run.dir, (long long)step);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_int_equal(file_map(&map, path, NULL), LTM_OK);
    memcpy(&header, map.data, sizeof header);
    file_unmap(&map);
    assert_int_equal(plan_create(&plan, &c->model, NULL), LTM_OK);
    const off_t data = (off_t)(8 + header);
    write_at(path, data + 4 * (off_t)(weights_find(&plan.table, "tok_embeddings.weight")->offset + RARE * DIM + PLACE),
             &huge, sizeof huge);
    write_at(path, data + 4 * (off_t)(weights_find(&plan.table, "norm.weight")->offset + PLACE), &none, sizeof none);
    plan_free(&plan);
    assert_int_equal(checksum_file(hex, path, NULL), LTM_OK);
    snprintf(path, sizeof path, "%s/state.json", folder);
    json_t *state = json_load_file(path, 0, NULL);
    json_object_set_new(json_object_get(state, "checksums"), "model.safetensors", json_string(hex));
    json_object_del(state, "checksum"); /* of state.json itself, as before there was one */
    assert_int_equal(json_dump_file(state, path, JSON_REAL_PRECISION(17)), 0);
    json_decref(state);
}

/* How many lines a slow step has, of itself or of its held-out score; the last of them in *line (a new reference) where asked for. */
static int lines_of(const struct ltm_config *c, int64_t step, bool heldout, json_t **line) {
    json_t *log = test_log(c->run.dir);
    json_t *record;
    size_t i;
    int found = 0;
    json_array_foreach(log, i, record) {
        if (json_integer_value(json_object_get(record, "step")) != step) continue;
        if (!!json_object_get(record, "heldout") != heldout) continue;
        found++;
        if (line) *line = json_incref(record);
    }
    json_decref(log);
    return found;
}

/* The line of a slow step, which is there once. */
static json_t *line_of(const struct ltm_config *c, int64_t step) {
    json_t *line = NULL;
    assert_int_equal(lines_of(c, step, false, &line), 1);
    return line;
}

/* Its held-out score, which is there once, is not finite. */
static void expect_no_bound(const struct ltm_config *c, int64_t step) {
    json_t *line = NULL;
    assert_int_equal(lines_of(c, step, true, &line), 1);
    assert_non_null(json_object_get(line, "nonfinite"));
    json_decref(line);
}

static void expect_line(const struct ltm_config *c, int64_t step, const char *nonfinite) {
    json_t *line = line_of(c, step);
    const char *said = json_string_value(json_object_get(line, "nonfinite"));
    assert_int_equal(said != NULL, nonfinite != NULL);
    if (nonfinite) assert_non_null(strstr(said, nonfinite));
    json_decref(line);
}

/* A run that has come to step 4, whose weights have since been spoilt. */
static struct ltm_config begin(const char *name) {
    struct ltm_config c = tiny(name);
    struct ltm_error error;
    assert_int_equal(train(&c, 4, NULL, &error), LTM_INTERRUPTED);
    spoil(&c, 4);
    return c;
}

static void stop_keeps_the_state_before_the_step(void **state) {
    (void)state;
    const struct ltm_config c = begin("stop");
    struct ltm_error error;
    struct ltm_train_result result;
    char wanted[200];
    char path[1100];
    snprintf(wanted, sizeof wanted,
             "slow step %d of %d: the loss of sequence %d of the batch (first token %lld) is not finite", SPOILT_STEP,
             STEPS, SPOILT, (long long)spoilt_start);
    for (int again = 0; again < 2; again++) { /* it is the same step, however often */
        assert_int_equal(train(&c, 0, &result, &error), LTM_NUMERIC);
        if (!strstr(error.message, wanted) || !strstr(error.message, "kept in checkpoints/step-00000005"))
            fail_msg("%s", error.message);
        snprintf(path, sizeof path, "%s/checkpoints/step-00000005/state.json", c.run.dir);
        assert_true(file_exists(path));
        expect_line(&c, SPOILT_STEP, "sequence 7");
        assert_int_equal(result.step, SPOILT_STEP - 1);
        assert_int_equal(result.skipped, 0);
    }
}

static void skip_goes_on_without_that_update_to_the_same_bits_after_a_resume(void **state) {
    (void)state;
    struct ltm_config whole = begin("skip");
    struct ltm_config cut = begin("skip-cut");
    struct ltm_error error;
    struct ltm_train_result result;
    char a[1100];
    char b[1100];
    char sum_a[17];
    char sum_b[17];
    assert_int_equal(train(&whole, 0, NULL, &error), LTM_NUMERIC); /* stop is the default; then the user decides */
    whole.run.on_nonfinite = cut.run.on_nonfinite = LTM_NONFINITE_SKIP;
    assert_int_equal(train(&whole, 0, &result, &error), LTM_OK);
    assert_true(result.skipped == 1 && result.step == STEPS);
    for (int64_t until = SPOILT_STEP; until <= SPOILT_STEP + 1;
         until++) /* stopped at the skipped step, and behind it */
        assert_int_equal(train(&cut, until, NULL, &error), LTM_INTERRUPTED);
    assert_int_equal(train(&cut, 0, &result, &error), LTM_OK);
    assert_int_equal(result.skipped, 1);
    for (int64_t step = 1; step <= STEPS; step++) {
        expect_line(&whole, step, step == SPOILT_STEP ? "sequence 7" : NULL);
        json_t *one = line_of(&whole, step);
        json_t *other = line_of(&cut, step);
        static const char *const keys[] = {"recon", "kl", "loss", "grad_norm"};
        for (int i = 0; i < 4; i++)
            assert_true(json_number_value(json_object_get(one, keys[i])) ==
                        json_number_value(json_object_get(other, keys[i])));
        json_decref(one);
        json_decref(other);
    }
    snprintf(a, sizeof a, "%s/checkpoints/last/optimizer.safetensors", whole.run.dir);
    snprintf(b, sizeof b, "%s/checkpoints/last/optimizer.safetensors", cut.run.dir);
    assert_int_equal(checksum_file(sum_a, a, NULL), LTM_OK);
    assert_int_equal(checksum_file(sum_b, b, NULL), LTM_OK);
    assert_string_equal(sum_a, sum_b);
}

/* Training goes well, but a held-out token is the one whose weight has been spoilt. */
static void a_bound_that_is_not_finite_stops_the_run_every_time(void **state) {
    (void)state;
    struct ltm_config c = tiny("heldout");
    struct ltm_error error;
    struct ltm_train_result result;
    char folder[600];
    char path[700];
    char name[700];
    const uint16_t rare = RARE;
    snprintf(folder, sizeof folder, "%s/rare-heldout", test_folder());
    test_write_corpus(folder, 2000, 400, RARE);
    snprintf(path, sizeof path, "%s/tiny_val_000000.bin", folder);
    write_at(path, 1024 + 2 * 5, &rare, sizeof rare);
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", folder);
    c.run.eval_every = 6;
    assert_int_equal(train(&c, 4, NULL, &error), LTM_INTERRUPTED);
    spoil(&c, 4);
    snprintf(name, sizeof name, "no bound at slow step 6 of %d (kept in checkpoints/step-00000006)", STEPS);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(train(&c, 0, &result, &error), LTM_NUMERIC);
        if (!strstr(error.message, name)) fail_msg("%s", error.message);
        assert_int_equal(result.step, 6);
        expect_no_bound(&c, 6);
    }
    c.run.on_nonfinite = LTM_NONFINITE_SKIP;
    assert_int_equal(train(&c, 0, &result, &error), LTM_OK);
    assert_int_equal(result.step, STEPS);
    expect_no_bound(&c, 6);
}

/* A rate at which nothing stays finite. */
static void skip_ends_when_no_step_can_be_made(void **state) {
    (void)state;
    struct ltm_config c = tiny("diverged");
    struct ltm_error error;
    struct ltm_train_result result;
    c.slow.lr = 100;
    c.slow.clip = 0;
    c.model.layers = 8;
    c.model.latents = 8;
    c.run.tokens *= 5;
    c.run.eval_every = 0;
    c.run.on_nonfinite = LTM_NONFINITE_SKIP;
    assert_int_equal(train(&c, 0, &result, &error), LTM_NUMERIC);
    assert_non_null(strstr(error.message, "in a row"));
    assert_int_equal(result.skipped, LTM_SKIPPED_MOST - 1);
    assert_true(result.step < 5 * STEPS);
}

/* A spike's figure, 0 where the line has none. */
static double spike_of(const struct ltm_config *c, int64_t step) {
    json_t *line = line_of(c, step);
    const double spike = json_number_value(json_object_get(line, "spike"));
    json_decref(line);
    return spike;
}

static char said[4096];

static void remember(void *user, const char *line) {
    (void)user;
    if (strstr(line, "spike")) snprintf(said, sizeof said, "%s", line);
}

static ltm_status train_and_listen(const struct ltm_config *c, int64_t until, struct ltm_train_result *result,
                                   struct ltm_error *error) {
    const struct ltm_train_hooks hooks = {
        .watch = {.message = remember}, .user = &until, .on_step = stop_at, .stop = &stop};
    said[0] = 0;
    stop = 0;
    return ltm_train(c, &hooks, result, error);
}

/* Text that mostly follows a rule, and after 30 steps of learning it a batch that does not. */
static void write_spiky_corpus(char folder[600]) {
    enum { TOKENS = 12000 };
    char path[700];
    uint16_t tokens[LENGTH];
    struct sequence_order order;
    snprintf(folder, 600, "%s/spiky", test_folder());
    test_write_corpus(folder, TOKENS, 600, VOCAB);
    snprintf(path, sizeof path, "%s/tiny_train_000000.bin", folder);
    assert_int_equal(sequence_order_init(&order, TOKENS, LENGTH, 1, NULL), LTM_OK);
    for (int i = 30 * BATCH; i < 31 * BATCH; i++) {
        for (uint32_t t = 0; t < LENGTH; t++)
            tokens[t] = (uint16_t)(random_bits((struct random_key){.sequence = (uint32_t)i}, t) % VOCAB);
        write_at(path, 1024 + 2 * sequence_start(&order, i), tokens, sizeof tokens);
    }
}

static void a_spike_is_told_and_marked_and_the_same_after_a_resume(void **state) {
    (void)state;
    struct ltm_config whole = tiny("spike");
    struct ltm_config cut = tiny("spike-cut");
    struct ltm_error error;
    struct ltm_train_result result;
    struct ltm_config *const both[] = {&whole, &cut};
    char folder[600];
    write_spiky_corpus(folder);
    for (int i = 0; i < 2; i++) {
        snprintf(both[i]->data.corpus, sizeof both[i]->data.corpus, "%s", folder);
        both[i]->run.tokens = 33 * BATCH * LENGTH;
        both[i]->slow.lr = both[i]->slow.lr_min = 0.02;
    }
    assert_int_equal(train_and_listen(&whole, 0, &result, &error), LTM_OK);
    assert_int_equal(result.spikes, 1);
    for (int64_t step = 1; step <= 33; step++) assert_int_equal(spike_of(&whole, step) > 5, step == 31);
    assert_non_null(strstr(said, "slow step 31 of 33: the loss"));
    for (int64_t until = 30; until <= 32; until++)
        assert_int_equal(train_and_listen(&cut, until, NULL, &error), LTM_INTERRUPTED);
    assert_int_equal(train_and_listen(&cut, 0, &result, &error), LTM_OK);
    assert_int_equal(result.spikes, 1);
    for (int64_t step = 1; step <= 33; step++) assert_true(spike_of(&cut, step) == spike_of(&whole, step));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_keeps_the_state_before_the_step),
        cmocka_unit_test(skip_goes_on_without_that_update_to_the_same_bits_after_a_resume),
        cmocka_unit_test(a_bound_that_is_not_finite_stops_the_run_every_time),
        cmocka_unit_test(skip_ends_when_no_step_can_be_made),
        cmocka_unit_test(a_spike_is_told_and_marked_and_the_same_after_a_resume),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
