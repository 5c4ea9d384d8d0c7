/* Training on several corpora: the bits of a run, its scores, and what a resume refuses. */
#include <math.h>

#include "support/child_runs.h"

/* A second corpus, of other numbers of tokens. */
static int make_corpora(void **state) {
    make_corpus(state);
    test_write_corpus(test_path("second"), 900, 300, VOCAB);
    return 0;
}

static struct ltm_config mixed(const char *name, double first, double second) {
    struct ltm_config c = tiny(name);
    char text[LTM_PATH_MAX] = "";
    const int length = snprintf(text, sizeof text, "%s:%g", corpus, first);
    if (second > 0) snprintf(text + length, sizeof text - (size_t)length, " %s:%g", test_path("second"), second);
    assert_int_equal(ltm_config_set(&c, "data.corpus", "", NULL), LTM_OK);
    assert_int_equal(ltm_config_set(&c, "data.corpora", text, NULL), LTM_OK);
    return c;
}

static void a_mixture_of_one_is_that_corpus(void **state) {
    (void)state;
    const struct ltm_config plain = tiny("plain");
    const struct ltm_config one = mixed("one", 3, 0);
    train_whole(&plain);
    train_whole(&one);
    same_runs(&plain, &one);
}

static void its_bits_depend_neither_on_threads_nor_on_kills(void **state) {
    (void)state;
    struct ltm_config whole = mixed("mixed", 3, 1);
    struct ltm_config killed = mixed("mixed-killed", 0.75, 0.25);
    char said[4096];
    whole.run.threads = 1;
    killed.run.threads = 3;
    whole.slow.ema = killed.slow.ema = 0.9;
    assert_int_equal(train(&whole, (struct child){0}, said, sizeof said), LTM_OK);
    assert_non_null(strstr(said, "0.54 passes over the 4000 training tokens of"));
    assert_non_null(strstr(said, "corpus, 75 % of all"));
    assert_non_null(strstr(said, "0.80 passes over the 900 training tokens of"));
    assert_int_equal(train(&killed, (struct child){.kill_at = 6}, NULL, 0), -1);
    train_whole(&killed);
    same_runs(&whole, &killed);
    assert_int_equal(train(&whole, (struct child){0}, said, sizeof said), LTM_OK); /* finished: nothing more happens */
    struct ltm_config other = mixed("mixed", 2, 1);
    other.slow.ema = 0.9;
    assert_int_equal(train(&other, (struct child){0}, said, sizeof said), LTM_MISMATCH);
    assert_non_null(strstr(said, "began with a corpus other than"));
}

/* The log has each corpus's scores, as a run on that one alone would take them, and their mean by share. */
static void the_mean_is_by_share(void **state) {
    (void)state;
    const struct ltm_config c = mixed("mixed", 3, 1); /* by the test before */
    json_t *log = test_log(c.run.dir);
    size_t i;
    int scored = 0;
    json_t *record;
    json_array_foreach(log, i, record) {
        static const char *const keys[] = {"recon", "kl", "bound"};
        if (!json_object_get(record, "heldout")) {
            assert_null(json_object_get(record, "corpora"));
            continue;
        }
        const json_t *first = json_array_get(json_object_get(record, "corpora"), 0);
        const json_t *second = json_array_get(json_object_get(record, "corpora"), 1);
        assert_string_equal(json_string_value(json_object_get(first, "corpus")), corpus);
        for (size_t k = 0; k < 3; k++) {
            const double mean = 0.75 * json_number_value(json_object_get(first, keys[k])) +
                                0.25 * json_number_value(json_object_get(second, keys[k]));
            assert_true(fabs(mean - json_number_value(json_object_get(record, keys[k]))) < 1e-12);
        }
        assert_true(json_number_value(json_object_get(second, "bound_error")) > 0);
        assert_true(json_number_value(json_object_get(second, "share")) == 0.25);
        scored++;
    }
    assert_int_equal(scored, 3);
    json_decref(log);
}

static void documents_are_mixed_too(void **state) {
    (void)state;
    struct ltm_config c = mixed("documents", 1, 1);
    c.model.packing = LTM_PACKING_DOCUMENT;
    c.model.document_end = 5;
    c.run.tokens /= 3;
    train_whole(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mixture_of_one_is_that_corpus),
        cmocka_unit_test(its_bits_depend_neither_on_threads_nor_on_kills),
        cmocka_unit_test(the_mean_is_by_share),
        cmocka_unit_test(documents_are_mixed_too),
    };
    return cmocka_run_group_tests(tests, make_corpora, NULL);
}
