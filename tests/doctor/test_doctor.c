/* What doctor finds wrong, from machines made up for the test; and the machine at hand, looked at and measured. */
#include "support/unit.h"

#include <math.h>

#include <jansson.h>

#include "doctor/bandwidth.h"
#include "doctor/doctor_findings.h"

static struct ltm_machine machine;
static struct doctor_facts facts;

/* A machine that nothing is wrong with. */
static int healthy(void **state) {
    (void)state;
    machine = (struct ltm_machine){.processor = "a processor",
                                   .cores = 4,
                                   .threads = 4,
                                   .memory_total = INT64_C(16000000000),
                                   .memory_available = INT64_C(12000000000),
                                   .onednn = "oneDNN 2.6.3",
                                   .fp32 = {true, true, "", 100e9, 390e9},
                                   .bf16 = {true, true, "", 900e9, 2000e9}};
    facts = (struct doctor_facts){.processor = {.avx = true, .avx2 = true, .avx512 = true, .amx_bf16 = true},
                                  .openblas = {"SkylakeX", "SkylakeX", "", true, false, ""},
                                  .online = 4,
                                  .built_avx2 = true,
                                  .built_avx512 = true,
                                  .share = 1};
    return 0;
}

/* Just one finding, of this kind, with these words. */
static void expect(enum ltm_finding_kind kind, const char *words) {
    doctor_find(&machine, &facts);
    for (int i = 0; i < machine.findings; i++)
        print_message("%d %s\n", machine.finding[i].kind, machine.finding[i].text);
    assert_int_equal(machine.findings, 1);
    assert_int_equal(machine.finding[0].kind, kind);
    assert_non_null(strstr(machine.finding[0].text, words));
    healthy(NULL);
}

static void nothing_is_found_where_nothing_is_wrong(void **state) {
    (void)state;
    doctor_find(&machine, &facts);
    assert_int_equal(machine.findings, 0);
    machine.fp32.one = machine.fp32.all = machine.bf16.one = machine.bf16.all = NAN;
    facts.share = NAN;
    doctor_find(&machine, &facts);
    assert_int_equal(machine.findings, 0);
}

static void openblas_is_judged(void **state) {
    (void)state;
    facts.openblas = (struct openblas_state){"Prescott", "SkylakeX", "", true, false, ""};
    expect(LTM_FINDING_NOTE, "chose 'Prescott'; ltm makes it use 'SkylakeX'");
    facts.openblas = (struct openblas_state){"SkylakeX", "Haswell", "", true, true, "SkylakeX"};
    expect(LTM_FINDING_NOTE, "'SkylakeX', computes wrong products here; ltm uses 'Haswell'");
    facts.openblas = (struct openblas_state){"Prescott", "Prescott", "Prescott", true, false, "SkylakeX"};
    expect(LTM_FINDING_ADVICE, "OPENBLAS_CORETYPE=Prescott asks for a slower kernel than 'SkylakeX'");
    facts.openblas = (struct openblas_state){"SkylakeX", "SkylakeX", "Unheard", true, false, ""};
    expect(LTM_FINDING_ADVICE, "OPENBLAS_CORETYPE=Unheard names a kernel that this OpenBLAS lacks");
    facts.openblas = (struct openblas_state){"Haswell", "Haswell", "", true, false, "SkylakeX"};
    expect(LTM_FINDING_ADVICE, "or a newer OpenBLAS");
    facts.openblas = (struct openblas_state){"Haswell", "Haswell", "", false, true, ""};
    expect(LTM_FINDING_FAULT, "install another version of OpenBLAS");
    facts.openblas = (struct openblas_state){"Haswell", "Haswell", "Haswell", false, true, ""};
    expect(LTM_FINDING_FAULT, "unset the environment variable OPENBLAS_CORETYPE");
}

static void bf16_is_judged(void **state) {
    (void)state;
    machine.bf16 = (struct ltm_matrix_speed){false, false, "this ltm was built without oneDNN", NAN, NAN};
    strcpy(machine.onednn, "none");
    expect(LTM_FINDING_ADVICE, "apt-get install libdnnl-dev");
    machine.bf16 = (struct ltm_matrix_speed){false, false, "it computes wrong products", NAN, NAN};
    expect(LTM_FINDING_FAULT, "it computes wrong products. ltm trains in fp32");
    machine.bf16 = (struct ltm_matrix_speed){false, false, "it cannot", NAN, NAN};
    facts.onednn_limited = true;
    expect(LTM_FINDING_ADVICE, "DNNL_MAX_CPU_ISA");
    machine.bf16.all = 100e9;
    expect(LTM_FINDING_NOTE, "no faster than fp32");
    machine.bf16 = (struct ltm_matrix_speed){false, false, "it cannot", NAN, NAN};
    facts.processor.amx_bf16 = false; /* nothing is lost without it */
    doctor_find(&machine, &facts);
    assert_int_equal(machine.findings, 0);
}

static void threads_are_judged(void **state) {
    (void)state;
    machine.threads = 8;
    expect(LTM_FINDING_ADVICE, "8 threads are requested, but only 4 cores can be used");
    facts.online = 64;
    expect(LTM_FINDING_NOTE, "4 of the machine's 64 cores");
    machine.quota = 1.5;
    expect(LTM_FINDING_ADVICE, "grants this process 1.5 cores' worth of time");
    machine.quota = 4;
    doctor_find(&machine, &facts);
    assert_int_equal(machine.findings, 0);
    facts.omp_threads = 16;
    expect(LTM_FINDING_ADVICE, "OMP_NUM_THREADS=16");
    facts.omp_limit = 2;
    expect(LTM_FINDING_ADVICE, "OMP_THREAD_LIMIT=2");
    machine.fp32.all = 210e9;
    expect(LTM_FINDING_ADVICE, "4 threads together are 2.1 times as fast as one");
    facts.share = 0.5;
    expect(LTM_FINDING_ADVICE, "other programs took 50 %");
}

static void memory_and_build_are_judged(void **state) {
    (void)state;
    machine.memory_available = 400000000;
    machine.memory_limit = 500000000;
    expect(LTM_FINDING_ADVICE, "400 MB of memory are available");
    machine.memory_available = -1;
    facts.built_avx512 = false;
    expect(LTM_FINDING_ADVICE, "built for older processors");
}

static json_t *parse(const struct ltm_machine *m) {
    char *text;
    assert_int_equal(ltm_machine_json(m, &text, NULL), LTM_OK);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_non_null(json);
    return json;
}

static void json_holds_what_is_known_and_null_for_the_rest(void **state) {
    (void)state;
    machine.memory_available = -1;
    machine.fp32.one = NAN;
    machine.threads = 5;
    strcpy(machine.processor, "caf\xe9"); /* Latin-1 */
    doctor_find(&machine, &facts);
    json_t *json = parse(&machine);
    assert_true(json_is_null(json_object_get(json, "processor")));
    assert_true(json_is_null(json_object_get(json, "memory_available_bytes")));
    assert_true(json_is_null(json_object_get(json, "memory_limit_bytes")));
    assert_int_equal(json_integer_value(json_object_get(json, "cores")), 4);
    json_t *fp32 = json_object_get(json, "fp32");
    assert_true(json_is_null(json_object_get(fp32, "one_thread_flops")));
    assert_true(json_real_value(json_object_get(fp32, "all_threads_flops")) == 390e9);
    json_t *finding = json_array_get(json_object_get(json, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(finding, "kind")), "advice");
    json_decref(json);
}

static void this_machine_is_looked_at_without_measuring(void **state) {
    struct ltm_machine here;
    (void)state;
    ltm_doctor(&(struct ltm_doctor_options){.threads = 3}, &here);
    assert_true(here.cores >= 1 && here.threads == 3 && here.memory_total > 0);
    assert_true(here.fp32.available && here.fp32.correct && isnan(here.fp32.one) && isnan(here.bandwidth_all));
    assert_non_null(strstr(here.openblas, "OpenBLAS"));
    assert_true(*here.openblas_kernel && *here.onednn && here.bf16.available == !*here.bf16.missing);
    json_decref(parse(&here));
}

static void bandwidth_is_a_rate(void **state) {
    (void)state;
    const double rate = bandwidth_triad(2, 1000000, 0.02);
    assert_true(rate > 1e7 && isfinite(rate));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_found_where_nothing_is_wrong, healthy),
        cmocka_unit_test_setup(openblas_is_judged, healthy),
        cmocka_unit_test_setup(bf16_is_judged, healthy),
        cmocka_unit_test_setup(threads_are_judged, healthy),
        cmocka_unit_test_setup(memory_and_build_are_judged, healthy),
        cmocka_unit_test_setup(json_holds_what_is_known_and_null_for_the_rest, healthy),
        cmocka_unit_test(this_machine_is_looked_at_without_measuring),
        cmocka_unit_test(bandwidth_is_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
