/* A run's bits: the same for any number of threads, after any interruption, at any moment; and what a resume refuses.
 *
 * Every training runs in a child process of its own, as a user's would: it can be killed, and OpenMP starts afresh. */
#include <errno.h>
#include <fcntl.h>

#include "support/child_runs.h"

#include "base/files.h"
#include "train/checkpoint.h"

static void bits_do_not_depend_on_threads(void **state) {
    (void)state;
    struct ltm_config one = tiny("one-thread");
    one.run.threads = 1;
    train_whole(&one);
    for (int threads = 2; threads <= 5; threads++) {
        char name[32];
        snprintf(name, sizeof name, "threads-%d", threads);
        struct ltm_config many = tiny(name);
        many.run.threads = threads;
        train_whole(&many);
        same_runs(&one, &many);
    }
}

/* Trains in bf16, or skips the test where that is said not to be possible. */
static void train_in_bf16(struct ltm_config *config) {
    char said[4096];
    config->run.precision = LTM_PRECISION_BF16;
    const int status = train(config, (struct child){0}, said, sizeof said);
    if (status == LTM_UNSUPPORTED && strstr(said, "run.precision = bf16")) {
        print_message("skipped: %s\n", said);
        skip();
    }
    if (status != LTM_OK) fail_msg("%s", said);
}

static void in_bf16_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    struct ltm_config one = tiny("bf16-one-thread");
    struct ltm_config fp32 = tiny("fp32");
    one.run.threads = 1;
    train_in_bf16(&one);
    for (int threads = 2; threads <= 5; threads++) {
        char name[32];
        snprintf(name, sizeof name, "bf16-threads-%d", threads);
        struct ltm_config many = tiny(name);
        many.run.threads = threads;
        train_in_bf16(&many);
        same_runs(&one, &many);
    }
    fp32.run.precision = LTM_PRECISION_FP32;
    train_whole(&fp32);
    json_t *log_a = test_log(one.run.dir);
    json_t *log_b = test_log(fp32.run.dir);
    assert_false(json_equal(log_a, log_b)); /* it was bf16 */
    json_decref(log_a);
    json_decref(log_b);
}

/* Whatever `auto` would choose today, here or elsewhere. */
static void a_resumed_run_keeps_its_precision(void **state) {
    (void)state;
    struct ltm_config whole = tiny("bf16-whole");
    struct ltm_config killed = tiny("bf16-killed");
    char said[4096];
    train_in_bf16(&whole);
    killed.run.precision = LTM_PRECISION_BF16;
    assert_int_equal(train(&killed, (struct child){.kill_at = 6}, NULL, 0), -1);
    killed.run.precision = LTM_PRECISION_FP32;
    assert_int_equal(train(&killed, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "run.precision"));
    killed.run.precision = LTM_PRECISION_AUTO;
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    assert_int_equal(train(&killed, (struct child){0}, said, sizeof said), LTM_UNSUPPORTED);
    unsetenv("ONEDNN_MAX_CPU_ISA");
    assert_non_null(strstr(said, "this run uses"));
    train_whole(&killed);
    same_runs(&whole, &killed);
}

static void without_bf16_auto_is_fp32_and_bf16_is_refused_in_a_sentence(void **state) {
    (void)state;
    struct ltm_config fp32 = tiny("plain-fp32");
    struct ltm_config automatic = tiny("plain-auto");
    struct ltm_config in_bf16 = tiny("plain-bf16");
    char said[4096];
    fp32.run.precision = LTM_PRECISION_FP32;
    train_whole(&fp32);
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    train_whole(&automatic);
    in_bf16.run.precision = LTM_PRECISION_BF16;
    assert_int_equal(train(&in_bf16, (struct child){0}, said, sizeof said), LTM_UNSUPPORTED);
    unsetenv("ONEDNN_MAX_CPU_ISA");
    assert_non_null(strstr(said, "run.precision = bf16"));
    same_runs(&fp32, &automatic);
}

static void a_killed_run_resumes_to_the_same_bits(void **state) {
    (void)state;
    const struct ltm_config whole = tiny("whole");
    train_whole(&whole);
    const int moments[][3] = {{1, 0, 0}, {4, 0, 0}, {5, 7, 0}, {3, 6, 11}, {12, 0, 0}};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        char name[32];
        snprintf(name, sizeof name, "killed-%zu", i);
        const struct ltm_config killed = tiny(name);
        for (int k = 0; k < 3 && moments[i][k]; k++)
            assert_int_equal(train(&killed, (struct child){.kill_at = moments[i][k]}, NULL, 0), -1);
        train_whole(&killed);
        same_runs(&whole, &killed);
    }
}

/* Killed by the clock: also while a checkpoint is being written. Seconds differ by machine; any moment must do. */
static void a_run_killed_at_any_moment_resumes_to_the_same_bits(void **state) {
    (void)state;
    struct ltm_config whole = tiny("dense");
    struct ltm_config killed = tiny("dense-killed");
    whole.run.checkpoint_every = killed.run.checkpoint_every = 1;
    struct timespec began;
    struct timespec ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    train_whole(&whole);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    const double seconds = (double)(ended.tv_sec - began.tv_sec) + 1e-9 * (double)(ended.tv_nsec - began.tv_nsec);
    for (int i = 0; i < 12; i++)
        if (train(&killed, (struct child){.kill_after = seconds * (0.15 + 0.11 * (i % 7)) + 1e-3}, NULL, 0) == LTM_OK)
            break;
    train_whole(&killed);
    same_runs(&whole, &killed);
}

static void a_stopped_run_checkpoints_and_resumes_to_the_same_bits(void **state) {
    (void)state;
    const struct ltm_config whole = tiny("unstopped");
    const struct ltm_config stopped = tiny("stopped");
    train_whole(&whole);
    for (int step = 5; step <= 7; step += 2) {
        char said[4096];
        assert_int_equal(train(&stopped, (struct child){.stop_at = step}, said, sizeof said), LTM_INTERRUPTED);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "stopped after slow step %d of 12", step);
        assert_non_null(strstr(said, wanted));
    }
    train_whole(&stopped);
    same_runs(&whole, &stopped);
    train_whole(&stopped); /* finished: nothing more happens */
    same_runs(&whole, &stopped);
}

static void a_damaged_checkpoint_is_named_and_the_one_before_it_used(void **state) {
    (void)state;
    const struct ltm_config whole = tiny("undamaged");
    const struct ltm_config damaged = tiny("damaged");
    char path[1100];
    char said[4096];
    train_whole(&whole);
    assert_int_equal(train(&damaged, (struct child){.kill_at = 9}, NULL, 0), -1);
    snprintf(path, sizeof path, "%s/checkpoints/step-00000008/optimizer.safetensors", damaged.run.dir);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -100, SEEK_END), 0);
    fputc('x', file);
    fclose(file);
    assert_int_equal(train(&damaged, (struct child){0}, said, sizeof said), LTM_OK);
    assert_non_null(strstr(said, "step-00000008/optimizer.safetensors is damaged"));
    same_runs(&whole, &damaged);
}

static void a_disk_that_fills_up_leaves_what_was_saved(void **state) {
    (void)state;
    const struct ltm_config whole = tiny("roomy");
    const struct ltm_config full = tiny("full");
    char said[4096];
    train_whole(&whole);
    assert_int_equal(train(&full, (struct child){.kill_at = 6}, NULL, 0), -1);
    assert_int_equal(train(&full, (struct child){.file_limit = 6000}, said, sizeof said), LTM_IO);
    assert_non_null(strstr(said, "optimizer.safetensors") ? said : strstr(said, "model.safetensors"));
    train_whole(&full);
    same_runs(&whole, &full);
}

static void a_run_does_not_go_on_with_other_settings(void **state) {
    (void)state;
    struct ltm_config c = tiny("settings");
    char said[4096];
    assert_int_equal(train(&c, (struct child){.kill_at = 6}, NULL, 0), -1);
    c.slow.lr *= 2;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "slow.lr"));
    c.slow.lr /= 2;
    c.run.threads = 1; /* changes no bit, so it may */
    train_whole(&c);
}

static void a_run_goes_on_with_its_own_corpus_wherever_that_lies(void **state) {
    (void)state;
    const struct ltm_config whole = tiny("corpus-whole");
    struct ltm_config c = tiny("corpus-moved");
    char said[4096];
    char other[700];
    char moved[700];
    train_whole(&whole);
    assert_int_equal(train(&c, (struct child){.kill_at = 6}, NULL, 0), -1);
    snprintf(other, sizeof other, "%s/other", test_folder());
    test_write_corpus(other, 4001, 600, VOCAB);
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", other);
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "a corpus other than"));
    snprintf(moved, sizeof moved, "%s/moved", test_folder());
    assert_int_equal(symlink(corpus, moved), 0);
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", moved);
    train_whole(&c);
    same_runs(&whole, &c);
}

static void what_cannot_be_trained_is_said_in_a_sentence(void **state) {
    (void)state;
    char said[4096];
    struct ltm_config c = tiny("foreign");
    c.model.vocab = VOCAB - 10;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "vocabulary of 30"));
    c = tiny("unknown-vocabulary");
    c.model.vocab = LTM_AUTO;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_INVALID);
    assert_non_null(strstr(said, "model.vocab"));
    c = tiny("documents");
    c.model.packing = LTM_PACKING_DOCUMENT;
    c.model.document_end = LTM_AUTO;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_INVALID);
    assert_non_null(strstr(said, "the ends of the documents"));
    c.model.vocab = VOCAB + 2;
    c.model.document_end = VOCAB + 1;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_INVALID);
    assert_non_null(strstr(said, "no document of the corpus ends with id 41"));
    c = tiny("short");
    c.model.sequence = 4000;
    c.model.window = 100;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_INVALID);
    c = tiny("nowhere");
    snprintf(c.data.corpus, sizeof c.data.corpus, "/nowhere/at/all");
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_IO);
    assert_non_null(strstr(said, "/nowhere/at/all"));
    c = tiny("one-file"); /* its held-out text would be its training text */
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s/tiny_train_000000.bin", corpus);
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_INVALID);
    assert_non_null(strstr(said, "one file"));
    c = tiny("diverging");
    c.slow.lr = 50;
    c.slow.clip = 0;
    c.slow.warmup = 0;
    c.run.tokens *= 20;
    const int status = train(&c, (struct child){0}, said, sizeof said);
    assert_true(status == LTM_OK || (status == LTM_NUMERIC && strstr(said, "finite")));
}

static void without_latents_the_plain_decoder_trains(void **state) {
    (void)state;
    struct ltm_config c = tiny("plain");
    c.model.latents = 0;
    train_whole(&c);
    json_t *log = test_log(c.run.dir);
    const json_t *kl = json_object_get(json_array_get(log, 0), "kl");
    assert_true(json_is_real(kl) && json_real_value(kl) == 0);
    json_decref(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(in_bf16_bits_do_not_depend_on_threads),
        cmocka_unit_test(a_resumed_run_keeps_its_precision),
        cmocka_unit_test(without_bf16_auto_is_fp32_and_bf16_is_refused_in_a_sentence),
        cmocka_unit_test(a_killed_run_resumes_to_the_same_bits),
        cmocka_unit_test(a_run_killed_at_any_moment_resumes_to_the_same_bits),
        cmocka_unit_test(a_stopped_run_checkpoints_and_resumes_to_the_same_bits),
        cmocka_unit_test(a_damaged_checkpoint_is_named_and_the_one_before_it_used),
        cmocka_unit_test(a_disk_that_fills_up_leaves_what_was_saved),
        cmocka_unit_test(a_run_does_not_go_on_with_other_settings),
        cmocka_unit_test(a_run_goes_on_with_its_own_corpus_wherever_that_lies),
        cmocka_unit_test(what_cannot_be_trained_is_said_in_a_sentence),
        cmocka_unit_test(without_latents_the_plain_decoder_trains),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
