/* Beyond the end of a run: longer, to the bits of a run that was so from the first. */
#include "support/child_runs.h"

#include "base/files.h"
#include "train/checkpoint.h"

/* Finished at step 12, its rate falling from step 7 on: made longer it has the bits of a run that was so from the first, and the
 * shorter one stays whole, as a folder of its own. */
static void a_finished_run_goes_on_from_before_its_decay(void **state) {
    (void)state;
    struct ltm_config whole = tiny("longer");
    struct ltm_config finished = tiny("finished");
    char said[4096];
    char found[1100];
    whole.slow.schedule = finished.slow.schedule = LTM_SLOW_WSD;
    train_whole(&finished);
    json_t *before = test_log(finished.run.dir);
    whole.run.tokens = 20 * finished.run.tokens / STEPS;
    train_whole(&whole);
    const char *kept = test_path("finished/tokens-%lld", (long long)finished.run.tokens);
    finished.run.tokens = whole.run.tokens;
    assert_int_equal(train(&finished, (struct child){.stop_at = 13}, said, sizeof said), LTM_INTERRUPTED);
    assert_non_null(strstr(said, "run.tokens was 2880 and is 4800: going back to slow step 7"));
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
    train_whole(&c);
    c.run.tokens *= 2;
    assert_int_equal(train(&c, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "(it may change up to step 3)"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_run_goes_on_from_before_its_decay),
        cmocka_unit_test(a_run_that_decays_keeps_its_length),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
