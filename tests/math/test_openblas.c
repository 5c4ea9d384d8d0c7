/* OpenBLAS on processors that it does not know: the right kernel is chosen again, and wrong ones are left. */
#include "support/unit.h"

#include <cblas.h>

#include "math/matmul.h"
#include "math/openblas.h"

void gotoblas_dynamic_init(void) __attribute__((weak));
void gotoblas_dynamic_quit(void) __attribute__((weak));

static const struct processor plain = {0}, sandybridge = {.avx = true}, haswell = {.avx = true, .avx2 = true},
                              server = {.avx = true, .avx2 = true, .avx512 = true, .avx512_bf16 = true};

static void expect(const struct processor *processor, const char *kernel, const char *setting, bool correct,
                   const char *expected) {
    const char *candidates[OPENBLAS_CANDIDATES];
    char text[256] = "";
    const size_t count = openblas_candidates(candidates, processor, kernel, setting, correct);
    for (size_t i = 0; i < count; i++) snprintf(text + strlen(text), 64, "%s ", candidates[i]);
    assert_string_equal(text, expected);
}

static void unknown_processors_get_the_widest_kernel_they_can_run(void **state) {
    (void)state;
    expect(&server, "Prescott", "", true, "SkylakeX Haswell Sandybridge ");
    expect(&server, "Nehalem", "", true, "SkylakeX Haswell Sandybridge ");
    expect(&server, "Haswell", "", true, "SkylakeX ");
    expect(&haswell, "Prescott", "", true, "Haswell Sandybridge ");
    expect(&sandybridge, "Core2", "", true, "Sandybridge ");
}

static void good_choices_stay(void **state) {
    (void)state;
    expect(&server, "SkylakeX", "", true, "");
    expect(&server, "Cooperlake", "", true, "");
    expect(&server, "SAPPHIRERAPIDS", "", true, "");
    expect(&haswell, "Zen", "", true, "");
    expect(&plain, "Nehalem", "", true, "");
    expect(&plain, "neoversen1", "", true, "");
}

static void the_user_wins(void **state) {
    (void)state;
    expect(&server, "Prescott", "Prescott", true, "");
    expect(&server, "Haswell", "haswell", false, "");
}

static void a_wrong_kernel_is_replaced_by_any_right_one(void **state) {
    (void)state;
    expect(&server, "SkylakeX", "", false, "Haswell Sandybridge Nehalem ");
    expect(&server, "Cooperlake", "", false, "SkylakeX Haswell Sandybridge Nehalem ");
    expect(&server, "Prescott", "", false, "SkylakeX Haswell Sandybridge Nehalem ");
    expect(&haswell, "Zen", "", false, "Haswell Sandybridge Nehalem ");
}

/* Leaves OpenBLAS as it is on a processor that it does not know: with its slowest kernel, and no setting of the user's. */
static void misdetect(void) {
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv("OPENBLAS_CORETYPE");
    assert_string_equal(openblas_get_corename(), "Prescott");
}

static const char *wrong; /* the kernel that the check finds wrong */
static bool right_but_for_wrong(void) { return !wrong || strcmp(openblas_get_corename(), wrong) != 0; }

/* Only where there are kernels to choose from. */
static bool can_choose(struct processor *processor) {
    processor_read(processor);
    if (gotoblas_dynamic_init && gotoblas_dynamic_quit && processor->avx2) return true;
    skip();
    return false;
}

static void a_misdetected_processor_is_mended(void **unused) {
    struct processor processor;
    struct openblas_state state;
    (void)unused;
    if (!can_choose(&processor)) return;
    misdetect();
    openblas_settle(&state, &processor, right_but_for_wrong);
    assert_true(state.correct && !state.wrong_first);
    assert_string_equal(state.detected, "Prescott");
    assert_string_equal(state.kernel, processor.avx512 ? "SkylakeX" : "Haswell");
    assert_string_equal(state.kernel, openblas_get_corename());
    assert_string_equal(state.better, "");
    assert_null(getenv("OPENBLAS_CORETYPE"));
}

static void a_kernel_that_computes_wrong_results_is_passed_over(void **unused) {
    struct processor processor;
    struct openblas_state state;
    (void)unused;
    if (!can_choose(&processor)) return;
    misdetect();
    wrong = processor.avx512 ? "SkylakeX" : "Haswell";
    openblas_settle(&state, &processor, right_but_for_wrong);
    wrong = NULL;
    assert_true(state.correct);
    assert_string_equal(state.kernel, processor.avx512 ? "Haswell" : "Sandybridge");
    assert_string_equal(state.better, processor.avx512 ? "SkylakeX" : "Haswell");
}

static bool never(void) { return false; }

static void where_every_kernel_is_wrong_the_detected_one_is_left_and_said_to_be_wrong(void **unused) {
    struct processor processor;
    struct openblas_state state;
    (void)unused;
    if (!can_choose(&processor)) return;
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    openblas_settle(&state, &processor, never);
    assert_true(!state.correct && state.wrong_first);
    assert_string_equal(state.kernel, state.detected);
}

/* All of it through the program's own way in: the products that follow are right. */
static void products_after_a_misdetection_are_right(void **unused) {
    struct processor processor;
    (void)unused;
    if (!can_choose(&processor)) return;
    misdetect();
    assert_int_equal(matmul_start(NULL), LTM_OK);
    assert_string_equal(matmul_openblas()->detected, "Prescott");
    assert_string_equal(openblas_get_corename(), processor.avx512 ? "SkylakeX" : "Haswell");
    assert_true(matmul_openblas()->correct);
}

int main(void) {
    unsetenv("OPENBLAS_CORETYPE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_processors_get_the_widest_kernel_they_can_run),
        cmocka_unit_test(good_choices_stay),
        cmocka_unit_test(the_user_wins),
        cmocka_unit_test(a_wrong_kernel_is_replaced_by_any_right_one),
        cmocka_unit_test(a_misdetected_processor_is_mended),
        cmocka_unit_test(a_kernel_that_computes_wrong_results_is_passed_over),
        cmocka_unit_test(where_every_kernel_is_wrong_the_detected_one_is_left_and_said_to_be_wrong),
        cmocka_unit_test(products_after_a_misdetection_are_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
