/* What the tests of faults share: ltm run as a user runs it, with a fault (preload_files.c, preload_memory.c), a signal or a
 * limit; and two runs compared to the bit.
 *
 * FAULTS=all in the environment (make torture) tries every call and more kills; without it a sample, in seconds. FAULTS_SEED is
 * the seed of what is drawn. */
#ifndef TESTS_FAULTS_HARNESS_H
#define TESTS_FAULTS_HARNESS_H

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "support/files.h"
#include "support/runs.h"
#include "support/unit.h"

#include "base/files.h"
#include "base/random.h"

enum { KILLED = -1, SAID = 16384, SECONDS_MOST = 120 };

struct launch {
    const char *in;      /* folder to start in, within the test's own */
    char command[400];   /* arguments of ltm, between spaces */
    const char *library; /* to preload: "preload_files"; NULL = none */
    char fault[3][64];   /* settings for it, "FAULT_CALL=7" */
    double after, again; /* seconds until `signal` is sent, and until it is sent once more; 0 = never */
    int signal;
    bool logged;                     /* the seconds begin when run/log.jsonl has grown */
    rlim_t file_limit, memory_limit; /* bytes; 0 = none */
    const char *threads;             /* of OpenBLAS; NULL = "1" */
    const char *out;                 /* file in that folder for stdout; NULL = /dev/null */
};

struct ended {
    int code; /* of exit, or KILLED */
    int signal;
    char said[SAID]; /* on stderr */
};

static char ltm_path[PATH_MAX], library_folder[PATH_MAX - 64];

static inline bool all_of_them(void) {
    const char *faults = getenv("FAULTS");
    return faults && strcmp(faults, "all") == 0;
}

/* Numbers for kills and signals, below `below`. */
static inline uint32_t drawn(uint32_t below) {
    static uint32_t seed;
    static uint32_t count;
    if (seed == 0) {
        const char *given = getenv("FAULTS_SEED");
        seed = given ? (uint32_t)strtoul(given, NULL, 10) : (uint32_t)time(NULL) ^ (uint32_t)getpid();
        print_message("# FAULTS_SEED=%u\n", seed);
    }
    return random_bits((struct random_key){.seed = seed, .purpose = 97}, count++) % below;
}

static inline const char *within(const char *folder, const char *name) {
    return test_path("%s%s%s", folder, *name ? "/" : "", name);
}

static inline void limit(int which, rlim_t bytes) {
    if (bytes) setrlimit(which, &(struct rlimit){bytes, bytes});
}

/* The child's part. No gnuplot: reports then draw their pictures themselves, at once. */
static inline _Noreturn void become_ltm(const struct launch *l) {
    char command[sizeof l->command];
    char library[PATH_MAX];
    char *rest;
    char *arguments[40] = {ltm_path};
    int count = 1;
    snprintf(command, sizeof command, "%s", l->command);
    for (char *word = strtok_r(command, " ", &rest); word && count < 39; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    const int err = open(within(l->in, "err"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int out = open(l->out ? within(l->in, l->out) : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (chdir(within(l->in, "")) != 0 || err < 0 || out < 0 || dup2(err, STDERR_FILENO) < 0 ||
        dup2(out, STDOUT_FILENO) < 0)
        _exit(99);
    setenv("PATH", "/nowhere", 1);
    setenv("OPENBLAS_NUM_THREADS", l->threads ? l->threads : "1", 1);
    if (l->library) {
        snprintf(library, sizeof library, "%s/%s.so", library_folder, l->library);
        setenv("LD_PRELOAD", library, 1);
#ifdef __SANITIZE_ADDRESS__ /* it would rather come first, but nothing that it watches is interposed (preload_files.c) */
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
#endif
    }
    for (int i = 0; i < 3 && l->fault[i][0]; i++) putenv((char *)(uintptr_t)l->fault[i]);
    limit(RLIMIT_FSIZE, l->file_limit);
    limit(RLIMIT_AS, l->memory_limit);
    if (l->memory_limit)
        limit(RLIMIT_CPU, SECONDS_MOST); /* of work, whatever else the machine does: what spins is ended */
    execv(ltm_path, arguments);
    _exit(98);
}

static inline void wait_seconds(double seconds) {
    nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
}

static inline off_t log_bytes(const char *folder) {
    struct stat info;
    return stat(within(folder, "run/log.jsonl"), &info) == 0 ? info.st_size : 0;
}

static inline struct ended run_ltm(const struct launch *l) {
    struct ended ended = {.code = KILLED};
    const off_t before = log_bytes(l->in);
    int how;
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) become_ltm(l);
    for (int i = 0; l->logged && i < 20000 && log_bytes(l->in) <= before; i++) wait_seconds(1e-3);
    if (l->after > 0) wait_seconds(l->after), kill(pid, l->signal);
    if (l->again > 0) wait_seconds(l->again), kill(pid, l->signal);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    if (WIFEXITED(how))
        ended.code = WEXITSTATUS(how);
    else
        ended.signal = WTERMSIG(how);
    FILE *file = fopen(within(l->in, "err"), "r");
    if (file) {
        ended.said[fread(ended.said, 1, SAID - 1, file)] = 0;
        fclose(file);
    }
    return ended;
}

/* The last line that was said. */
static inline const char *last_line(const struct ended *ended) {
    static char line[2048];
    const char *end = ended->said + strlen(ended->said);
    while (end > ended->said && end[-1] == '\n') end--;
    const char *from = end;
    while (from > ended->said && from[-1] != '\n') from--;
    snprintf(line, sizeof line, "%.*s", (int)(end - from), from);
    return line;
}

static inline void must_do(const struct launch *l) {
    const struct ended ended = run_ltm(l);
    if (ended.code != 0) fail_msg("ltm %s: exit %d, signal %d\n%s", l->command, ended.code, ended.signal, ended.said);
}

/* Done, or refused in one sentence: `ltm: …`, and a code to it. Returns whether it was done. */
static inline bool done_or_refused(const struct launch *l, const struct ended *ended) {
    if (ended->code == 0) return true;
    const char *line = last_line(ended);
    const char *first = strstr(ended->said, "ltm: ");
    if (ended->code == 1 && strncmp(line, "ltm: ", 5) == 0 && first && !strstr(first + 1, "\nltm: ")) return false;
    fail_msg("ltm %s (%s %s %s): exit %d, signal %d, in place of one sentence it said\n%s", l->command, l->fault[0],
             l->fault[1], l->fault[2], ended->code, ended->signal, ended->said);
    return false;
}

/* The slow step from which a resume went on; 0 for a run that began anew. */
static inline long resumed_at(const struct ended *ended) {
    const char *at = strstr(ended->said, "at slow step ");
    return at ? atol(at + strlen("at slow step ")) : 0;
}

/* How many calls a command makes that undergoes no fault. */
static inline long count_calls(struct launch l) {
    char *text;
    size_t bytes;
    snprintf(l.fault[0], sizeof l.fault[0], "FAULT_COUNT=calls");
    memcpy(l.fault[1], l.fault[2], sizeof l.fault[1]); /* which calls count */
    l.fault[2][0] = 0;
    must_do(&l);
    assert_int_equal(file_read_text(&text, &bytes, within(l.in, "calls"), 100, NULL), LTM_OK);
    const long calls = atol(text);
    free(text);
    assert_true(calls > 0);
    return calls;
}

static inline void set_fault(struct launch *l, long call, const char *what, const char *also) {
    snprintf(l->fault[0], sizeof l->fault[0], "FAULT_CALL=%ld", call);
    snprintf(l->fault[1], sizeof l->fault[1], "FAULT_DO=%s", what);
    snprintf(l->fault[2], sizeof l->fault[2], "%s", also);
}

static inline void start_over(const char *folder) {
    assert_int_equal(folder_remove(within(folder, ""), NULL), LTM_OK);
    assert_int_equal(folder_create(within(folder, ""), NULL), LTM_OK);
}

/* ---- Two runs ---- */

static inline void same_bytes(const char *a, const char *b, const char *name) {
    test_same_bytes(within(a, name), within(b, name), 0, 0);
}

static inline void same_state(const char *a, const char *b) {
    json_t *state_a = json_load_file(within(a, "run/checkpoints/last/state.json"), 0, NULL);
    json_t *state_b = json_load_file(within(b, "run/checkpoints/last/state.json"), 0, NULL);
    assert_true(state_a && state_b);
    test_drop_clock(state_a);
    test_drop_clock(state_b);
    test_same_json(state_a, state_b, "states");
    json_decref(state_a);
    json_decref(state_b);
}

/* Nothing is left there but what an undisturbed run leaves: no draft, no hidden folder. */
static inline void same_names(const char *a, const char *b, const char *folder) {
    char **names_a;
    char **names_b;
    size_t count_a;
    size_t count_b;
    assert_int_equal(folder_list(&names_a, &count_a, within(a, folder), NULL), LTM_OK);
    assert_int_equal(folder_list(&names_b, &count_b, within(b, folder), NULL), LTM_OK);
    for (size_t i = 0; i < count_a && i < count_b; i++)
        if (strcmp(names_a[i], names_b[i]) != 0)
            fail_msg("%s of %s has %s, of %s %s", folder, a, names_a[i], b, names_b[i]);
    assert_int_equal(count_a, count_b);
    folder_list_free(names_a, count_a);
    folder_list_free(names_b, count_b);
}

/* Weights, optimiser, tokenizer, state and log, in folders a/run and b/run. */
static inline void same_runs(const char *a, const char *b) {
    char best_a[64] = {0};
    char best_b[64] = {0};
    test_same_logs(within(a, "run"), within(b, "run"));
    same_bytes(a, b, "run/checkpoints/last/model.safetensors");
    same_bytes(a, b, "run/checkpoints/last/optimizer.safetensors");
    same_bytes(a, b, "run/checkpoints/last/tokenizer.model");
    same_bytes(a, b, "run/config.ini");
    same_state(a, b);
    assert_true(readlink(within(a, "run/checkpoints/best"), best_a, sizeof best_a - 1) > 0);
    assert_true(readlink(within(b, "run/checkpoints/best"), best_b, sizeof best_b - 1) > 0);
    assert_string_equal(best_a, best_b);
}

/* And every name: the same checkpoints, no drafts left. */
static inline void same_folders(const char *a, const char *b) {
    same_runs(a, b);
    same_names(a, b, "run/checkpoints");
    same_names(a, b, "run");
}

/* ---- A corpus and a model that trains in a moment ---- */

static inline int set_up_harness(void **state) {
    (void)state;
    const char *ltm = getenv("LTM");
    const char *build = getenv("BUILD");
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/tests/faults", build ? build : "build");
    if (!realpath(ltm ? ltm : "build/ltm", ltm_path) || !realpath(folder, library_folder)) return -1;
    FILE *text = fopen(within("", "text.txt"), "w");
    if (!text) return -1;
    static const char *const words[] = {"the", "and",  "of", "that", "in",   "shall", "unto", "for", "his",
                                        "a",   "they", "be", "is",   "with", "not",   "all",  "him", "from"};
    for (uint32_t i = 0; i < 9000; i++) {
        const uint32_t bits = random_bits((struct random_key){.seed = 3, .purpose = 97}, i);
        fprintf(text, "%s%s", words[bits % 18 * (bits >> 8) % 18], bits >> 27 == 0 ? "\n---\n" : " ");
    }
    fclose(text);
    text = fopen(within("", "tiny.ini"), "w");
    if (!text) return -1;
    fputs("[model]\ndim = 8\nlayers = 1\nheads = 1\nsequence = 16\nwindow = 8\n[latent]\ncount = 2\n[fast]\nsteps = 1\n"
          "[slow]\nbatch = 4\nwarmup = 2\n[data]\ncorpus = ../corpus\n"
          "[run]\ndir = run\ntokens = 384\nthreads = 1\nprecision = fp32\neval_every = 3\neval_sequences = 3\n"
          "checkpoint_every = 2\n",
          text);
    fclose(text);
    must_do(&(struct launch){.in = "",
                             .command = "tokenizer train -o tok.model --vocab-size 280 --separator --- text.txt"});
    must_do(&(struct launch){
        .in = "", .command = "corpus build -o corpus --tokenizer tok.model --separator --- --heldout 0.1 text.txt"});
    start_over("whole");
    must_do(&(struct launch){.in = "whole", .command = "train ../tiny.ini"});
    return 0;
}

#endif
