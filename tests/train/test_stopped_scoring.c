/* A stop that comes within a slow step, or while held-out text is scored, is heeded at once; the resume takes the step or the score anew, to
 * the same figures. */
#include <jansson.h>

#include "support/shards.h"
#include "support/small_config.h"
#include "support/unit.h"

#include "base/files.h"
#include "ltm/train.h"

enum { VOCAB = 40, BATCH = 4, LENGTH = 24, STEPS = 3, HELDOUT = 12 };

static char corpus[600];

static int make_corpus(void **state) {
    (void)state;
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    test_write_corpus(corpus, 4000, 600, VOCAB);
    return 0;
}

static struct ltm_config tiny(const char *run) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.fast.steps = 2;
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.run.tokens = STEPS * BATCH * LENGTH;
    c.run.eval_every = 1;
    c.run.eval_sequences = HELDOUT;
    c.run.checkpoint_every = 0;
    c.run.threads = 1;
    c.run.precision = LTM_PRECISION_FP32;
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", corpus);
    snprintf(c.run.dir, sizeof c.run.dir, "%s/%s", test_folder(), run);
    return c;
}

/* What is stopped at: the training step `step`, or when `scored` held-out sequences are scored after it, or `groups` of the next one are
 * done. */
struct plan_of_stop {
    int64_t step, scored, now, most, groups;
};

static volatile sig_atomic_t stop;

static void on_step(void *user, const struct ltm_train_record *record) {
    struct plan_of_stop *p = user;
    if (!record->heldout) p->now = record->step;
    if (!record->heldout && record->step == p->step && p->scored + p->groups == 0) stop = 1;
}

static void on_progress(void *user, const struct ltm_progress *progress) {
    struct plan_of_stop *p = user;
    if (strcmp(progress->what, "slow step") == 0 && p->groups > 0 && p->now == p->step &&
        progress->done >= (double)p->groups) {
        assert_int_equal((int)progress->total, BATCH / 2);
        stop = 1;
    }
    if (strcmp(progress->what, "scoring") != 0 || p->now != p->step) return;
    p->most = (int64_t)progress->done;
    if (p->scored > 0 && p->most >= p->scored) stop = 1;
}

static ltm_status train(const struct ltm_config *c, struct plan_of_stop *p, struct ltm_error *error) {
    const struct ltm_train_hooks hooks = {
        .watch = {.user = p, .progress = on_progress}, .user = p, .on_step = on_step, .stop = &stop};
    struct ltm_train_result result;
    stop = 0;
    return ltm_train(c, &hooks, &result, error);
}

/* Loss, or bound, of each line, in order. */
static int figures(double all[2 * STEPS + 1], const struct ltm_config *c) {
    char path[1100];
    char *text;
    char *rest;
    size_t bytes;
    int count = 0;
    snprintf(path, sizeof path, "%s/log.jsonl", c->run.dir);
    assert_int_equal(file_read_text(&text, &bytes, path, 1 << 20, NULL), LTM_OK);
    for (char *line = strtok_r(text, "\n", &rest); line && count <= 2 * STEPS; line = strtok_r(NULL, "\n", &rest)) {
        json_t *record = json_loads(line, 0, NULL);
        json_t *bound = json_object_get(record, "bound");
        all[count++] = json_real_value(bound ? bound : json_object_get(record, "loss"));
        json_decref(record);
    }
    free(text);
    return count;
}

static void a_stop_breaks_off_the_scoring(void **state) {
    (void)state;
    struct ltm_error error;
    double whole[2 * STEPS + 1];
    double cut[2 * STEPS + 1];
    const struct ltm_config reference = tiny("whole");
    assert_int_equal(train(&reference, &(struct plan_of_stop){0}, &error), LTM_OK);
    assert_int_equal(figures(whole, &reference), 2 * STEPS);
    for (int64_t step = 1; step <= STEPS; step++)
        for (int64_t scored = 0; scored <= 2; scored += 2) {
            char name[40];
            snprintf(name, sizeof name, "cut-%d-%d", (int)step, (int)scored);
            const struct ltm_config c = tiny(name);
            struct plan_of_stop p = {.step = step, .scored = scored};
            assert_int_equal(train(&c, &p, &error), LTM_INTERRUPTED);
            assert_true(p.most < HELDOUT);
            assert_int_equal(p.now, step);
            assert_int_equal(figures(cut, &c), 2 * step - 1);
            p = (struct plan_of_stop){.step = step, .scored = 2, .now = step}; /* and again, in the score that is due */
            assert_int_equal(train(&c, &p, &error), LTM_INTERRUPTED);
            assert_true(p.most < HELDOUT);
            assert_int_equal(figures(cut, &c), 2 * step - 1);
            assert_int_equal(train(&c, &(struct plan_of_stop){0}, &error), LTM_OK);
            assert_int_equal(figures(cut, &c), 2 * STEPS);
            assert_memory_equal(cut, whole, 2 * STEPS * sizeof *whole);
        }
}

static void a_stop_breaks_off_the_slow_step(void **state) {
    (void)state;
    struct ltm_error error;
    double whole[2 * STEPS + 1];
    double cut[2 * STEPS + 1];
    struct ltm_config c = tiny("unbroken");
    assert_int_equal(train(&c, &(struct plan_of_stop){0}, &error), LTM_OK);
    assert_int_equal(figures(whole, &c), 2 * STEPS);
    for (int64_t step = 0; step < STEPS; step++) {
        char name[40];
        snprintf(name, sizeof name, "broken-%d", (int)step);
        c = tiny(name);
        assert_int_equal(train(&c, &(struct plan_of_stop){.step = step, .groups = 1}, &error), LTM_INTERRUPTED);
        assert_non_null(strstr(error.message, step ? "stopped after slow step" : "within the first of 3 slow steps"));
        assert_int_equal(figures(cut, &c), 2 * step);
        assert_int_equal(train(&c, &(struct plan_of_stop){0}, &error), LTM_OK);
        assert_int_equal(figures(cut, &c), 2 * STEPS);
        assert_memory_equal(cut, whole, 2 * STEPS * sizeof *whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_stop_breaks_off_the_scoring),
                                       cmocka_unit_test(a_stop_breaks_off_the_slow_step)};
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
