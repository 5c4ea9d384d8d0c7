/* Which corpus each sequence of a mixture is of, and how data.corpora is read. */
#include <math.h>

#include "support/unit.h"

#include "config/corpora.h"
#include "text/mixture.h"

/* Sequence i is the token 100,000,000 · part + i. */
struct part {
    struct sequence_source source;
    int32_t number;
};

static bool read_part(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                      float *weights) {
    (void)length, (void)targets, (void)weights;
    *tokens = ((const struct part *)source)->number * 100000000 + (int32_t)i;
    return false;
}

static int64_t place(const struct sequence_source *source, int64_t i) {
    (void)source;
    return i;
}

static const struct part part[] = {{{.count = 40, .read = read_part, .place = place}, 0},
                                   {{.count = 9, .read = read_part, .place = place}, 1},
                                   {{.count = 1, .read = read_part, .place = place}, 2}};
static const struct sequence_source *const parts[] = {&part[0].source, &part[1].source, &part[2].source};

static void each_part_has_its_share_at_any_moment_in_its_own_order(void **state) {
    (void)state;
    static const double shares[] = {0.7, 1.0 / 6, 0.4 / 3};
    struct mixture m;
    int64_t have[3] = {0};
    assert_int_equal(mixture_by_share(&m, parts, shares, 3, NULL), LTM_OK);
    const struct sequence_source *source = mixture_source(&m);
    for (int64_t i = 0; i < 3 * MIXTURE_PERIOD; i++) {
        int32_t token;
        source->read(source, i, 1, &token, NULL, NULL);
        const int k = token / 100000000;
        assert_int_equal(token % 100000000, have[k]);
        assert_int_equal(source->place(source, i), have[k]);
        have[k]++;
        for (int j = 0; j < 3; j++)
            assert_true(fabs((double)have[j] - (double)m.each[j] / MIXTURE_PERIOD * (double)(i + 1)) < 1.5);
    }
    assert_true(have[0] == 21000 && have[1] == 5001 && have[2] == 3999);
    mixture_free(&m);
}

static void one_part_is_read_as_it_is(void **state) {
    (void)state;
    static const double all = 1;
    struct mixture m;
    assert_int_equal(mixture_by_share(&m, parts + 1, &all, 1, NULL), LTM_OK);
    assert_ptr_equal(mixture_source(&m), parts[1]);
    mixture_joined(&m, parts + 1, 1);
    assert_ptr_equal(mixture_source(&m), parts[1]);
    mixture_free(&m);
}

static void joined_parts_follow_one_another(void **state) {
    (void)state;
    struct mixture m;
    int64_t i = 0;
    mixture_joined(&m, parts, 3);
    const struct sequence_source *source = mixture_source(&m);
    assert_int_equal(source->count, 50);
    for (int k = 0; k < 3; k++)
        for (int64_t j = 0; j < parts[k]->count; j++, i++) {
            int32_t token;
            source->read(source, i, 1, &token, NULL, NULL);
            assert_int_equal(token, k * 100000000 + j);
        }
}

static ltm_status read_text(struct corpora *corpora, const char *text, struct ltm_error *error) {
    struct ltm_config c;
    ltm_config_defaults(&c);
    assert_int_equal(ltm_config_set(&c, "data.corpora", text, NULL), LTM_OK);
    return corpora_read(corpora, &c, error);
}

static void shares_count_against_each_other(void **state) {
    (void)state;
    struct corpora corpora;
    assert_int_equal(read_text(&corpora, "a/b:7  c:d:2.5 e:.5", NULL), LTM_OK);
    assert_int_equal(corpora.count, 3);
    assert_string_equal(corpora.each[0].path, "a/b");
    assert_string_equal(corpora.each[1].path, "c:d");
    assert_true(corpora.each[0].share == 0.7 && corpora.each[1].share == 0.25 && corpora.each[2].share == 0.05);
    assert_int_equal(read_text(&corpora, "a:3", NULL), LTM_OK);
    assert_true(corpora.count == 1 && corpora.each[0].share == 1);
}

static void what_is_no_mixture_is_refused_in_a_sentence(void **state) {
    (void)state;
    static const char *const wrong[][2] = {{"a", "has \"a\", which is not FOLDER:SHARE"},
                                           {"a:1 :2", "has \":2\", which is not"},
                                           {"a:0 b:1", "with a share above 0"},
                                           {"a:-1 b:2", "with a share above 0"},
                                           {"a:x", "which is not"},
                                           {"a:nan", "which is not"},
                                           {"a:1 b:2 a:1", "names a twice"},
                                           {"a:1 b:2 a//:1", "names a twice"},
                                           {"a:1 b:99999", "gives a a share of 1e-05"},
                                           {"a:1 b:1 c:1 d:1 e:1 f:1 g:1 h:1 i:1", "more than 8 corpora"}};
    struct corpora corpora;
    struct ltm_error error;
    struct ltm_config c;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(read_text(&corpora, wrong[i][0], &error), LTM_INVALID);
        if (!strstr(error.message, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], error.message);
    }
    ltm_config_defaults(&c);
    assert_int_equal(ltm_config_set(&c, "data.corpora", "a:1", NULL), LTM_OK);
    assert_int_equal(ltm_config_check(&c, NULL), LTM_OK);
    assert_int_equal(ltm_config_set(&c, "data.corpus", "b", NULL), LTM_OK);
    assert_int_equal(ltm_config_check(&c, &error), LTM_INVALID);
    assert_non_null(strstr(error.message, "data.corpus and data.corpora are both set"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_has_its_share_at_any_moment_in_its_own_order),
        cmocka_unit_test(one_part_is_read_as_it_is),
        cmocka_unit_test(joined_parts_follow_one_another),
        cmocka_unit_test(shares_count_against_each_other),
        cmocka_unit_test(what_is_no_mixture_is_refused_in_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
