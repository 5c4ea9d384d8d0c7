/* A run that is killed, stopped or loses power, at every moment and at random ones, ends with the bits of one that is not. */
#include "faults/harness.h"

static const char train[] = "train ../tiny.ini";

/* Killed at call n, for all n or a sample; then it goes on. Once a checkpoint is there to go on from, it stays so: the later the
 * kill, the later the step. */
static void kill_at_every_call(const char *how) {
    struct launch cut = {.in = "cut", .library = "preload_files"};
    struct launch rest = {.in = "cut"};
    snprintf(cut.command, sizeof cut.command, "%s", train);
    snprintf(rest.command, sizeof rest.command, "%s", train);
    start_over("cut");
    const long calls = count_calls(cut);
    const long stride = all_of_them() ? 1 : 70;
    long furthest = 0;
    long kills = 0;
    for (long call = 1 + (stride > 1 ? (long)drawn((uint32_t)stride) : 0); call <= calls; call += stride) {
        start_over("cut");
        set_fault(&cut, call, how, "");
        assert_int_equal(run_ltm(&cut).signal, SIGKILL);
        kills++;
        const struct ended ended = run_ltm(&rest);
        if (ended.code != 0) fail_msg("%s at call %ld: then exit %d\n%s", how, call, ended.code, ended.said);
        if (resumed_at(&ended) < furthest)
            fail_msg("%s at call %ld: went on at step %ld, after an earlier kill at %ld", how, call, resumed_at(&ended),
                     furthest);
        furthest = resumed_at(&ended);
        same_folders("whole", "cut");
    }
    assert_true(furthest >= (all_of_them() ? 4 : 1));
    print_message("# %s: %ld kills, of %ld calls\n", how, kills, calls);
}

static void killed_at_every_call(void **state) {
    (void)state;
    kill_at_every_call("kill");
}

static void killed_within_every_call(void **state) {
    (void)state;
    kill_at_every_call("tear");
}

static void power_lost_at_every_call(void **state) {
    (void)state;
    kill_at_every_call("power");
}

static void power_lost_with_zeros_in_files(void **state) {
    (void)state;
    kill_at_every_call("zeros");
}

/* What the fast loop makes of held-out sequences under the run's weights, to a file. */
static void posteriors(const char *folder) {
    must_do(&(struct launch){.in = folder, .command = "eval run ../corpus eval.sequences=3 eval.dump=posteriors"});
}

/* One run killed again and again, whatever it is doing: by the clock, at a call or within one, by a loss of power. Each time it
 * goes on; when it is done and there were not kills enough, the next begins. */
static void killed_at_random_again_and_again(void **state) {
    (void)state;
    static const char *const ways[] = {"clock", "clock", "kill", "tear", "power", "zeros"};
    const int wanted = all_of_them() ? 150 : 10;
    int kills = 0;
    int by_clock = 0;
    int runs = 0;
    struct launch whole = {.in = "long"};
    snprintf(whole.command, sizeof whole.command, "%s run.tokens=%d run.checkpoint_every=1 run.threads=2", train,
             64 * (all_of_them() ? 200 : 20));
    start_over("long");
    must_do(&whole);
    posteriors("long");
    for (bool done = true; kills < wanted || !done;) {
        const char *way = ways[drawn(sizeof ways / sizeof *ways)];
        struct launch cut = whole;
        cut.in = "cut";
        if (done) start_over("cut");
        if (kills >= wanted)
            ; /* to its end */
        else if (strcmp(way, "clock") == 0) {
            cut.after = 0.05 + 1e-3 * drawn(250);
            cut.signal = SIGKILL;
        } else {
            cut.library = "preload_files";
            set_fault(&cut, 1 + drawn(110), way, "");
        }
        const struct ended ended = run_ltm(&cut);
        done = ended.code == 0;
        if (!done && ended.signal != SIGKILL) fail_msg("exit %d\n%s", ended.code, ended.said);
        kills += !done;
        by_clock += !done && cut.after > 0;
        if (!done) continue;
        posteriors("cut");
        same_folders("long", "cut");
        same_bytes("long", "cut", "posteriors");
        runs++;
    }
    print_message("# %d kills, %d of them by the clock; %d runs to the same end\n", kills, by_clock, runs);
}

/* ---- Signals ---- */

/* A stop in the middle: a checkpoint, 130, the same end. Twice: at once, and the last checkpoint stands. */
static void stopped_by(int number, bool twice) {
    struct launch whole = {.in = "cut"};
    snprintf(whole.command, sizeof whole.command, "%s run.checkpoint_every=0 run.eval_every=0 run.tokens=100k", train);
    struct launch stop = whole;
    stop.after = 0.01;
    stop.signal = number;
    stop.logged = true;
    start_over("cut");
    long step = 0;
    for (int i = 0; i < 2; i++) {
        const struct ended ended = run_ltm(&stop);
        long last = 0;
        assert_int_equal(ended.code, 130);
        const char *said = strstr(ended.said, "ltm: stopped after slow step ");
        if (!said || sscanf(said, "ltm: stopped after slow step %ld of", &last) != 1 || last <= step)
            fail_msg("%s", ended.said);
        assert_true(step == resumed_at(&ended));
        step = last;
    }
    if (twice) {
        stop.again = 1e-4;
        stop.after = 0.01;
        const struct ended ended = run_ltm(&stop);
        assert_int_equal(ended.code, 130);
        assert_true(resumed_at(&ended) == step);
    }
    must_do(&whole);
    same_runs("signals", "cut");
}

static void stopped_by_signals(void **state) {
    (void)state;
    struct launch whole = {.in = "signals"};
    snprintf(whole.command, sizeof whole.command, "%s run.checkpoint_every=0 run.eval_every=0 run.tokens=100k", train);
    start_over("signals");
    must_do(&whole);
    stopped_by(SIGTERM, true);
    stopped_by(SIGINT, false);
    stopped_by(SIGHUP, false);
    stopped_by(SIGXCPU, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_every_call),
        cmocka_unit_test(killed_within_every_call),
        cmocka_unit_test(power_lost_at_every_call),
        cmocka_unit_test(power_lost_with_zeros_in_files),
        cmocka_unit_test(killed_at_random_again_and_again),
        cmocka_unit_test(stopped_by_signals),
    };
    return cmocka_run_group_tests(tests, set_up_harness, NULL);
}
