/* Too little memory: every allocation that fails, of every command, ends in a sentence that names memory, or was not needed; and
 * limits of address space and of file size do. Nothing half written shows under its name. */
#include "faults/works.h"

static bool names_memory(const char *line) {
    return strstr(line, "memory") || strstr(line, "allocate"); /* what the C library says */
}

/* Places (preload_memory.c) in order, or a sample of them. */
static void every_allocation(const struct work *work, long stride, const char *lasting) {
    struct launch fails = begin_work(work, "cut");
    struct launch plain = fails;
    long refused = 0;
    long tried = 0;
    fails.library = "preload_memory";
    set_fault(&fails, 0, "nothing", "FAULT_PLACES=1");
    const long calls = count_calls(fails);
    if (all_of_them()) stride = 1 + calls / 1000;
    for (long call = stride == 1 ? 1 : 1 + (long)drawn((uint32_t)stride); call <= calls; call += stride) {
        begin_work(work, "cut");
        set_fault(&fails, call, "nothing", "FAULT_PLACES=1");
        snprintf(fails.fault[1], sizeof fails.fault[1], "%s", lasting);
        const struct ended ended = run_ltm(&fails);
        tried++;
        only_whole(within("cut", work->result), within("reference", work->result), work->leaves);
        if (done_or_refused(&fails, &ended)) {
            same_result(work, "cut", "reference");
            continue;
        }
        refused++;
        if (!names_memory(last_line(&ended)))
            fail_msg("ltm %s: allocation %ld: no word of memory\n%s", work->command, call, ended.said);
        if (!all_of_them() || call % 10 == 0) must_do(&plain), same_result(work, "cut", "reference");
    }
    print_message("# %.30s, %s: %ld of %ld allocations failed, %ld times it was refused\n", work->command, lasting,
                  tried, calls, refused);
}

static void every_command_survives_failing_allocations(void **state) {
    (void)state;
    for (int i = 0; i < WORKS; i++) {
        const struct launch whole = begin_work(&works[i], "reference");
        must_do(&whole);
        every_allocation(&works[i], 233, "FAULT_DO=once");
        every_allocation(&works[i], 233, "FAULT_LASTING=1");
    }
}

/* A run that is begun, and one that goes on from a checkpoint, which is not taken for damaged. */
static void a_run_survives_failing_allocations(void **state) {
    (void)state;
    struct launch plain = {.in = "cut", .command = "train ../tiny.ini"};
    struct launch fails = plain;
    long refused = 0;
    long tried = 0;
    fails.library = "preload_memory";
    copy_folder("begun", "cut");
    set_fault(&fails, 0, "nothing", "FAULT_PLACES=1");
    const long calls = count_calls(fails);
    const long stride = all_of_them() ? 1 : 97;
    for (long call = stride == 1 ? 1 : 1 + (long)drawn((uint32_t)stride); call <= calls; call += stride) {
        copy_folder("begun", "cut");
        set_fault(&fails, call, "nothing", "FAULT_PLACES=1");
        const struct ended ended = run_ltm(&fails);
        tried++;
        if (strstr(ended.said, "damaged"))
            fail_msg("allocation %ld: a whole checkpoint is called damaged\n%s", call, ended.said);
        if (!done_or_refused(&fails, &ended)) {
            refused++;
            if (!names_memory(last_line(&ended))) fail_msg("allocation %ld: no word of memory\n%s", call, ended.said);
            const struct ended after = run_ltm(&plain);
            if (after.code != 0 || resumed_at(&after) < 4)
                fail_msg("allocation %ld: then exit %d\n%s", call, after.code, after.said);
        }
        same_runs("whole", "cut");
    }
    print_message("# train: %ld of %ld allocations failed, %ld times it was refused\n", tried, calls, refused);
}

/* OpenBLAS asks for its threads' buffers for ever where there is no room for them: it is told before it can. Where not even libraries
 * load, the loader says so. */
static void too_little_address_space_for_openblas_is_told(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("the sanitizer needs more address space than any limit leaves\n");
    skip();
#endif
    struct launch limited = {.in = "cut", .command = "--version", .threads = "2"};
    for (rlim_t megabytes = 40; megabytes <= 400; megabytes += 40) {
        limited.memory_limit = megabytes << 20;
        const struct ended ended = run_ltm(&limited);
        if (ended.signal) fail_msg("%d MB: signal %d", (int)megabytes, ended.signal);
        if (ended.code != 0 && ended.code != 127 && !names_memory(last_line(&ended)))
            fail_msg("%d MB: no word of memory\n%s", (int)megabytes, ended.said);
    }
}

static void limited_address_space_ends_in_a_sentence(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("the sanitizer needs more address space than any limit leaves\n");
    skip();
#endif
    struct launch limited = {.in = "cut", .command = "train ../tiny.ini"};
    setenv("OMP_NUM_THREADS", "1", 1);
    for (rlim_t megabytes = 240; megabytes <= 480; megabytes += all_of_them() ? 20 : 120) {
        copy_folder("begun", "cut");
        limited.memory_limit = megabytes << 20;
        const struct ended ended = run_ltm(&limited);
        if (!done_or_refused(&limited, &ended)) {
            if (!names_memory(last_line(&ended))) fail_msg("%d MB: no word of memory\n%s", (int)megabytes, ended.said);
            const struct launch plain = {.in = "cut", .command = "train ../tiny.ini"};
            must_do(&plain);
        }
        same_runs("whole", "cut");
    }
    struct launch large = {.in = "cut",
                           .command = "train ../tiny.ini model.dim=1024 model.layers=2 run.dir=large",
                           .memory_limit = (rlim_t)400 << 20};
    const struct ended ended = run_ltm(&large);
    assert_false(done_or_refused(&large, &ended));
    assert_true(names_memory(last_line(&ended)));
    unsetenv("OMP_NUM_THREADS");
}

static int set_up_memory(void **state) {
    if (set_up_works(state) != 0) return -1;
    begin_run();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_survives_failing_allocations),
        cmocka_unit_test(every_command_survives_failing_allocations),
        cmocka_unit_test(too_little_address_space_for_openblas_is_told),
        cmocka_unit_test(limited_address_space_ends_in_a_sentence),
    };
    return cmocka_run_group_tests(tests, set_up_memory, NULL);
}
