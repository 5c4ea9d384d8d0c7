/* A corpus of more than 2^32 tokens, sparse on disk: counted, read, sampled, trained on and reported right where 32 bits end. */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "support/shards.h"
#include "support/small_config.h"
#include "support/trainer_rig.h"
#include "support/unit.h"

#include "ltm/eval.h"
#include "ltm/inspect.h"
#include "ltm/train.h"

enum { SHARDS = 8, HELD_SHARDS = 3, SHARD = 750000000, VOCAB = 40, LENGTH = 24, BATCH = 12 };

static const int64_t ALL = (int64_t)SHARDS * SHARD, BIT_31 = (int64_t)1 << 31, BIT_32 = (int64_t)1 << 32;

static char corpus[600];

static void shard_path(char path[700], const char *split, int64_t i) {
    snprintf(path, 700, "%s/large_%s_%06lld.bin", corpus, split, (long long)i);
}

static void write_empty_shard(const char *split, int i) {
    const int32_t header[256] = {20240520, 1, SHARD};
    char path[700];
    shard_path(path, split, i);
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(file >= 0);
    assert_int_equal(write(file, header, sizeof header), sizeof header);
    assert_int_equal(ftruncate(file, 1024 + 2 * (off_t)SHARD), 0);
    close(file);
}

/* All tokens are 0 but those that are put. */
static void put_tokens(const char *split, int64_t at, const uint16_t *tokens, int count) {
    for (int i = 0; i < count; i++, at++) {
        char path[700];
        shard_path(path, split, at / SHARD);
        const int file = open(path, O_WRONLY);
        assert_true(file >= 0);
        assert_int_equal(pwrite(file, &tokens[i], 2, 1024 + 2 * (off_t)(at % SHARD)), 2);
        close(file);
    }
}

static int make_corpus(void **state) {
    (void)state;
    struct stat info;
    char path[700];
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder()); /* where open_rig looks */
    assert_int_equal(folder_create(corpus, NULL), LTM_OK);
    for (int i = 0; i < SHARDS; i++) write_empty_shard("train", i);
    for (int i = 0; i < HELD_SHARDS; i++) write_empty_shard("val", i);
    shard_path(path, "train", 0);
    assert_int_equal(stat(path, &info), 0);
    if ((int64_t)info.st_blocks * 512 > 1 << 20) {
        print_message("this file system has no sparse files\n");
        exit(77);
    }
    return 0;
}

static struct ltm_config tiny(void) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.model.layers = 1;
    c.model.latents = 2;
    c.fast.steps = 1;
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.slow.warmup = 0;
    c.run.tokens = BATCH * LENGTH;
    c.run.eval_sequences = 3;
    c.run.threads = 2;
    c.run.precision = LTM_PRECISION_FP32;
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", corpus);
    snprintf(c.run.dir, sizeof c.run.dir, "%s/run", test_folder());
    ltm_config_resolve(&c);
    return c;
}

/* Across the ends of shards, of 2^31 and of 2^32, and the last tokens of all. */
static void tokens_are_read_where_they_stand(void **state) {
    (void)state;
    struct token_stream *stream;
    const int64_t places[] = {BIT_31 - 3, BIT_32 - 3, (int64_t)SHARD * 5 - 3, ALL - 6};
    const uint16_t tokens[6] = {1, 2, 3, 4, 5, 6};
    const uint16_t none[6] = {0};
    int32_t read[8];
    for (int i = 0; i < 4; i++) put_tokens("train", places[i], tokens, 6);
    assert_int_equal(token_stream_open(&stream, corpus, "train", NULL), LTM_OK);
    assert_int_equal(token_stream_count(stream), ALL);
    for (int i = 0; i < 4; i++) {
        token_stream_read(stream, places[i] - 1, 7, read);
        for (int t = 0; t < 7; t++) assert_int_equal(read[t], t);
        assert_int_equal(token_stream_largest(stream, places[i] - 1, 4), 3);
    }
    token_stream_close(stream);
    for (int i = 0; i < 4; i++) put_tokens("train", places[i], none, 6);
}

/* A sample of the first epoch: every place is different, within the tokens, at the epoch's offset, and all parts have their share. */
static void sequences_come_from_everywhere(void **state) {
    (void)state;
    enum { SAMPLE = 20000, PARTS = 16 };
    struct sequence_order order;
    const double mean = (double)SAMPLE / PARTS;
    int in_part[PARTS] = {0};
    assert_int_equal(sequence_order_init(&order, ALL, LENGTH, 1, NULL), LTM_OK);
    assert_int_equal(order.per_epoch, (ALL - LENGTH) / LENGTH);
    const int64_t offset = sequence_start(&order, 0) % LENGTH;
    for (int64_t i = 0; i < SAMPLE; i++) {
        const int64_t start = sequence_start(&order, i);
        assert_true(start >= 0 && start + LENGTH < ALL && start % LENGTH == offset);
        in_part[start / (ALL / PARTS + 1)]++;
    }
    for (int p = 0; p < PARTS; p++) /* six standard deviations about the mean */
        assert_true(fabs(in_part[p] - mean) < 6 * sqrt(mean));
    assert_true(sequence_start(&order, 3 * order.per_epoch + 7) < ALL);

    int64_t count;
    const int64_t held = (int64_t)HELD_SHARDS * SHARD;
    assert_int_equal(heldout_sequences(&count, held, LENGTH, NULL), LTM_OK);
    assert_int_equal(count, (held - 1) / LENGTH);
    assert_true(heldout_spread(999, 1000, count) * LENGTH > BIT_31);
}

/* What is written beyond 2^31 tokens is what a slow step trains on there: those losses change, and no others. */
static void a_slow_step_trains_on_text_beyond_32_bits(void **state) {
    (void)state;
    const struct ltm_config c = tiny();
    struct slow_step done;
    struct rig rig;
    struct sequence_score empty[BATCH];
    int beyond = 0;
    int beyond_32 = 0;
    uint16_t text[LENGTH];
    for (uint32_t t = 0; t < LENGTH; t++) text[t] = (uint16_t)(1 + t * 7 % (VOCAB - 1));
    open_rig(&rig, &c);
    assert_int_equal(trainer_gradient(&rig.trainer, &done, NULL), LTM_OK);
    memcpy(empty, rig.trainer.scores, sizeof empty);
    int64_t starts[BATCH];
    for (int i = 0; i < BATCH; i++) starts[i] = sequence_start(&rig.windows.order, i);
    close_rig(&rig);
    for (int i = 0; i < BATCH; i++) {
        if (starts[i] < BIT_31) continue;
        put_tokens("train", starts[i], text, LENGTH);
        beyond++;
        beyond_32 += starts[i] >= BIT_32;
    }
    assert_true(beyond_32 > 0 && beyond > beyond_32 && beyond < BATCH);
    open_rig(&rig, &c);
    assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(rig.trainer.scores[i].recon != empty[i].recon, starts[i] >= BIT_31);
    close_rig(&rig);
}

static json_t *inspected(const char *path) {
    struct ltm_error error = {0};
    char *text;
    if (ltm_inspect(path, &text, &error) != LTM_OK) fail_msg("%s", error.message);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static void a_run_trains_scores_and_reports_it(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct ltm_error error = {0};
    struct ltm_train_result result;
    struct ltm_eval_result score;
    struct ltm_model *model;
    json_t *json = inspected(corpus);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "train"), "tokens")), ALL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "heldout"), "tokens")),
                     (int64_t)HELD_SHARDS * SHARD);
    json_decref(json);
    if (ltm_train(&c, NULL, &result, &error) != LTM_OK) fail_msg("%s", error.message);
    assert_true(result.step == 1 && isfinite(result.best_bound));
    assert_int_equal(ltm_model_open(&model, c.run.dir, &error), LTM_OK);
    c.eval.sequences = 5;
    if (ltm_eval(model, corpus, &c, NULL, &score, &error) != LTM_OK) fail_msg("%s", error.message);
    assert_true(score.sequences == 5 && isfinite(score.bound.nats.mean));
    ltm_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_read_where_they_stand),
        cmocka_unit_test(sequences_come_from_everywhere),
        cmocka_unit_test(a_slow_step_trains_on_text_beyond_32_bits),
        cmocka_unit_test(a_run_trains_scores_and_reports_it),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
