/* What a caller's error record says: the newest failure, or an older one told as of something larger. */
#include "support/unit.h"

#include "base/error.h"

static void a_failure_is_written_and_returned(void **state) {
    (void)state;
    struct ltm_error error = {0};
    assert_int_equal(fail(&error, LTM_IO, "cannot read %s", "x\ny"), LTM_IO);
    assert_int_equal(error.code, LTM_IO);
    assert_string_equal(error.message, "cannot read x\\ny");
    assert_int_equal(fail(NULL, LTM_IO, "nobody asks"), LTM_IO);
}

static void a_cause_stands_behind_where_it_was(void **state) {
    (void)state;
    struct ltm_error error = {0};
    fail(&error, LTM_CORRUPT, "a quote is left open");
    assert_int_equal(fail_within(&error, LTM_INVALID, "line %d of %s", 3, "x.jsonl"), LTM_INVALID);
    assert_int_equal(error.code, LTM_INVALID);
    assert_string_equal(error.message, "line 3 of x.jsonl: a quote is left open");
    assert_int_equal(fail_within(NULL, LTM_CORRUPT, "line 3"), LTM_CORRUPT);
}

static void a_cause_from_another_record_is_the_same(void **state) {
    (void)state;
    struct ltm_error mine = {0};
    struct ltm_error error = {0};
    fail(&error, LTM_INVALID, "of long ago");
    fail_memory(&mine, 0, "a thread");
    assert_int_equal(fail_with(&error, &mine), LTM_MEMORY);
    assert_string_equal(error.message, mine.message);
    assert_int_equal(error.code, LTM_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_written_and_returned),
        cmocka_unit_test(a_cause_stands_behind_where_it_was),
        cmocka_unit_test(a_cause_from_another_record_is_the_same),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
