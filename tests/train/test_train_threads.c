/* A run's bits: the same for any number of threads, after any interruption, at any moment; and what a resume refuses.
 *
 * Every training runs in a child process of its own, as a user's would: it can be killed, and OpenMP starts afresh. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "support/runs.h"
#include "support/shards.h"
#include "support/small_config.h"
#include "support/unit.h"

#include "base/files.h"
#include "ltm/train.h"
#include "train/checkpoint.h"

enum { VOCAB = 40, STEPS = 12 };

static char corpus[600];

static int make_corpus(void **state) {
    (void)state;
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    test_write_corpus(corpus, 4000, 600, VOCAB);
    return 0;
}

static struct ltm_config tiny(const char *run) {
    struct ltm_config c = small_config(VOCAB, 24);
    c.model.dim = 16;
    c.fast.steps = 2;
    c.fast.init_logvar = 0;
    c.slow.batch = 10;
    c.slow.group = 2;
    c.slow.warmup = 3;
    c.run.tokens = STEPS * 10 * 24;
    c.run.eval_every = 5;
    c.run.eval_sequences = 9;
    c.run.checkpoint_every = 4;
    c.run.threads = 2;
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", corpus);
    snprintf(c.run.dir, sizeof c.run.dir, "%s/%s", test_folder(), run);
    return c;
}

struct child {
    int kill_at;       /* SIGKILL itself after this step; 0 = never */
    int stop_at;       /* ask for a stop during this step; 0 = never */
    long file_limit;   /* largest file in bytes, as a disk that fills up; 0 = none */
    double kill_after; /* SIGKILL after so many seconds; 0 = never */
};

static volatile sig_atomic_t stop_flag;

static void on_step(void *user, const struct ltm_train_record *record) {
    const struct child *child = user;
    if (child->kill_at && record->step == child->kill_at && !record->heldout) raise(SIGKILL);
    if (child->stop_at && record->step == child->stop_at) stop_flag = 1;
}

static void tell(void *user, const char *line) {
    (void)user;
    fprintf(stderr, "%s\n", line);
}

/* Train in a child process. Returns its ltm_status, or -1 where it was killed; `said` gets its error sentence and messages. */
static int train(const struct ltm_config *config, struct child child, char *said, size_t size) {
    char path[700];
    snprintf(path, sizeof path, "%s/said", test_folder());
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen(path, "w", stderr)) _exit(99);
        if (child.file_limit) {
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)child.file_limit, (rlim_t)child.file_limit});
        }
        struct ltm_error error = {0};
        const struct ltm_train_hooks hooks = {
            .watch = {.message = tell}, .user = &child, .on_step = on_step, .stop = &stop_flag};
        const ltm_status status = ltm_train(config, &hooks, NULL, &error);
        if (status != LTM_OK) fprintf(stderr, "%s\n", error.message);
        fflush(stderr);
        _exit((int)status);
    }
    if (child.kill_after > 0) {
        nanosleep(&(struct timespec){0, (long)(child.kill_after * 1e9)}, NULL);
        kill(pid, SIGKILL);
    }
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    if (said) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        said[fread(said, 1, size - 1, file)] = 0;
        fclose(file);
    }
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static void train_whole(const struct ltm_config *config) {
    char said[4096];
    if (train(config, (struct child){0}, said, sizeof said) != LTM_OK) fail_msg("%s", said);
}

static const char *last_checkpoint(const struct ltm_config *c, const char *file) {
    return test_path("%s/checkpoints/last/%s", strrchr(c->run.dir, '/') + 1, file);
}

/* The same file: it says nothing of folder, threads and corpus. */
static void same_weights(const struct ltm_config *a, const struct ltm_config *b, const char *file) {
    test_same_bytes(last_checkpoint(a, file), last_checkpoint(b, file), 0, 0);
}

/* Where the data of a model file begin, behind its header, which tells the settings. */
static size_t data_at(const char *path) {
    uint64_t header;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    fclose(file);
    return 8 + (size_t)header;
}

static void same_optimiser(const struct ltm_config *a, const struct ltm_config *b) {
    static const char file[] = "optimizer.safetensors";
    test_same_bytes(last_checkpoint(a, file), last_checkpoint(b, file), 0, 0);
}

static void same_runs(const struct ltm_config *a, const struct ltm_config *b) {
    char best_a[64] = {0};
    char best_b[64] = {0};
    test_same_logs(a->run.dir, b->run.dir);
    same_weights(a, b, "model.safetensors");
    same_optimiser(a, b);
    assert_true(readlink(last_checkpoint(a, "../best"), best_a, sizeof best_a - 1) > 0);
    assert_true(readlink(last_checkpoint(b, "../best"), best_b, sizeof best_b - 1) > 0);
    assert_string_equal(best_a, best_b);
}

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
    assert_non_null(strstr(said, "run began"));
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

    stopped = tiny("wsd-decaying");
    stopped.slow.schedule = LTM_SLOW_WSD;
    assert_int_equal(train(&stopped, (struct child){.stop_at = 9}, NULL, 0), LTM_INTERRUPTED);
    stopped.run.tokens = whole.run.tokens;
    assert_int_equal(train(&stopped, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said,
                           "run.tokens = 2880, now it is 7200, and at slow step 9 its rate already depends on that "
                           "(it may change up to step 7)"));
    stopped.run.tokens = tokens;
    train_whole(&stopped);
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
    assert_non_null(strstr(said, "another corpus"));
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
        cmocka_unit_test(with_muon_bits_depend_neither_on_threads_nor_on_kills),
        cmocka_unit_test(an_average_has_the_bits_of_an_undisturbed_run),
        cmocka_unit_test(in_bf16_bits_do_not_depend_on_threads),
        cmocka_unit_test(a_resumed_run_keeps_its_precision),
        cmocka_unit_test(without_bf16_auto_is_fp32_and_bf16_is_refused_in_a_sentence),
        cmocka_unit_test(a_killed_run_resumes_to_the_same_bits),
        cmocka_unit_test(a_run_killed_at_any_moment_resumes_to_the_same_bits),
        cmocka_unit_test(a_stopped_run_checkpoints_and_resumes_to_the_same_bits),
        cmocka_unit_test(a_damaged_checkpoint_is_named_and_the_one_before_it_used),
        cmocka_unit_test(a_disk_that_fills_up_leaves_what_was_saved),
        cmocka_unit_test(a_run_does_not_go_on_with_other_settings),
        cmocka_unit_test(a_run_stopped_in_its_stable_part_may_become_longer),
        cmocka_unit_test(a_run_goes_on_with_its_own_corpus_wherever_that_lies),
        cmocka_unit_test(what_cannot_be_trained_is_said_in_a_sentence),
        cmocka_unit_test(without_latents_the_plain_decoder_trains),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
