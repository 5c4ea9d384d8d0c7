/* Disks that fill up and calls that fail, at every call: one sentence and no half-written file, or the work is done; what was
 * saved is there, and the same command then comes to the same end. */
#include "faults/works.h"

/* How a call fails. A full disk stays full; an error of the hardware may come once; a write may be cut short or interrupted. */
static const struct way {
    const char *what, *also;
    long stride; /* of the sample that make test takes */
} ways[] = {{"full", "", 41}, {"5", "", 83}, {"short", "FAULT_LASTING=1", 211}, {"4", "", 151}};

/* Once read errors too, which leave nothing. */
static const struct way reads[] = {{"5", "FAULT_ONLY=read", 101}, {"short", "FAULT_ONLY=read", 151}};

enum { WAYS = sizeof ways / sizeof *ways, READS = sizeof reads / sizeof *reads };

static long first_call(const struct way *way) { return all_of_them() ? 1 : 1 + (long)drawn((uint32_t)way->stride); }

static long next_call(const struct way *way, long call) { return call + (all_of_them() ? 1 : way->stride); }

/* A run that was killed after its checkpoint of step 4 goes on under the fault, or is refused; then it goes on in earnest. */
static void a_run_survives(const struct way *way) {
    struct launch plain = {.in = "cut", .command = "train ../tiny.ini"};
    struct launch fails = plain;
    long refused = 0;
    long tried = 0;
    fails.library = "preload_files";
    copy_folder("begun", "cut");
    set_fault(&fails, 0, way->what, way->also);
    const long calls = count_calls(fails);
    for (long call = first_call(way); call <= calls; call = next_call(way, call)) {
        copy_folder("begun", "cut");
        set_fault(&fails, call, way->what, way->also);
        const struct ended ended = run_ltm(&fails);
        tried++;
        if (!done_or_refused(&fails, &ended)) refused++;
        const struct ended after = run_ltm(&plain);
        if (after.code != 0) fail_msg("call %ld: then exit %d\n%s", call, after.code, after.said);
        if (resumed_at(&after) < 4)
            fail_msg("call %ld: went on at step %ld, not 4\n%s", call, resumed_at(&after), after.said);
        same_folders("whole", "cut");
    }
    print_message("# train, %s %s: %ld of %ld calls failed, %ld times it was refused\n", way->what, way->also, tried,
                  calls, refused);
}

static void a_run_survives_every_failing_call(void **state) {
    (void)state;
    begin_run();
    for (int i = 0; i < WAYS; i++) a_run_survives(&ways[i]);
    for (int i = 0; i < READS; i++) a_run_survives(&reads[i]);
}

/* What cannot be read is a part of what it tells. */
static bool describes_damage(const struct work *work) { return strncmp(work->command, "inspect", 7) == 0; }

static void a_command_survives(const struct work *work, const struct way *way) {
    struct launch fails = begin_work(work, "cut");
    struct launch plain = fails;
    long refused = 0;
    long tried = 0;
    fails.library = "preload_files";
    set_fault(&fails, 0, way->what, way->also);
    const long calls = count_calls(fails);
    for (long call = first_call(way); call <= calls; call = next_call(way, call)) {
        begin_work(work, "cut");
        set_fault(&fails, call, way->what, way->also);
        const struct ended ended = run_ltm(&fails);
        tried++;
        only_whole(within("cut", work->result), within("reference", work->result), work->leaves);
        if (!done_or_refused(&fails, &ended))
            refused++;
        else if (!describes_damage(work))
            same_result(work, "cut", "reference");
        must_do(&plain);
        same_result(work, "cut", "reference");
    }
    print_message("# %.20s, %s %s: %ld of %ld calls failed, %ld times it was refused\n", work->command, way->what,
                  way->also, tried, calls, refused);
}

static void every_command_survives_failing_calls(void **state) {
    (void)state;
    for (int i = 0; i < WORKS; i++) {
        const struct launch whole = begin_work(&works[i], "reference");
        must_do(&whole);
        for (int k = 0; k < WAYS && works[i].leaves != ONLY_PRINTS; k++) a_command_survives(&works[i], &ways[k]);
        for (int k = 0; k < READS; k++) a_command_survives(&works[i], &reads[k]);
    }
}

/* Of the few files that a page of several runs is made of, none may be left out because it could not be read. */
static void a_comparison_leaves_nothing_out(void **state) {
    (void)state;
    static const struct way every = {"5", "FAULT_ONLY=read", 1};
    const struct work *work = works;
    while (!strstr(work->command, "report run ../")) work++;
    const struct launch whole = begin_work(work, "reference");
    must_do(&whole);
    a_command_survives(work, &every);
}

/* A disk that is full in earnest, where this may be had: a file system of 100 kB in memory, which then grows. */
static void a_run_survives_a_full_disk(void **state) {
    (void)state;
    char mount[3 * PATH_MAX];
    const struct launch plain = {.in = "cut", .command = "train ../tiny.ini"};
    start_over("cut");
    snprintf(mount, sizeof mount, "mount -t tmpfs -o size=100k none '%s' 2>/dev/null", within("cut", ""));
    if (system(mount) != 0) {
        print_message("# skipped: only root may mount a file system\n");
        skip();
    }
    const struct ended ended = run_ltm(&plain);
    const bool refused = !done_or_refused(&plain, &ended) && strstr(last_line(&ended), "No space left on device");
    snprintf(mount, sizeof mount, "mount -o remount,size=10m '%s'", within("cut", ""));
    const bool grown = system(mount) == 0;
    const struct ended after = run_ltm(&plain);
    snprintf(mount, sizeof mount, "cp -r '%s/run' '%s' && umount '%s'", within("cut", ""), within("begun", "grown"),
             within("cut", ""));
    const bool away = system(mount) == 0;
    if (!refused) fail_msg("exit %d\n%s", ended.code, ended.said);
    assert_true(grown && away);
    if (after.code != 0) fail_msg("then exit %d\n%s", after.code, after.said);
    start_over("cut");
    snprintf(mount, sizeof mount, "mv '%s' '%s'", within("begun", "grown"), within("cut", "run"));
    assert_int_equal(system(mount), 0);
    same_folders("whole", "cut");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_survives_every_failing_call),
        cmocka_unit_test(every_command_survives_failing_calls),
        cmocka_unit_test(a_comparison_leaves_nothing_out),
        cmocka_unit_test(a_run_survives_a_full_disk),
    };
    return cmocka_run_group_tests(tests, set_up_works, NULL);
}
