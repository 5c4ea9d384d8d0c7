/* Runs of a tiny model in child processes, as a user's would be: they can be killed, and OpenMP starts afresh. */
#ifndef TESTS_CHILD_RUNS_H
#define TESTS_CHILD_RUNS_H

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/runs.h"
#include "support/shards.h"
#include "support/small_config.h"
#include "support/unit.h"

#include "ltm/train.h"

enum { VOCAB = 40, STEPS = 12 };

static char corpus[600];

static inline int make_corpus(void **state) {
    (void)state;
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    test_write_corpus(corpus, 4000, 600, VOCAB);
    return 0;
}

static inline struct ltm_config tiny(const char *run) {
    struct ltm_config c = small_config(VOCAB, 24);
    c.model.dim = 16;
    c.fast.steps = 2;
    c.fast.init_logvar = 0;
    c.slow.batch = 10;
    c.slow.group = 2;
    c.slow.warmup = 3;
    c.run.tokens = STEPS * 10 * 24;
    c.run.eval_every = 5;
    c.run.eval_sequences = 9;
    c.run.checkpoint_every = 4;
    c.run.threads = 2;
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", corpus);
    snprintf(c.run.dir, sizeof c.run.dir, "%s/%s", test_folder(), run);
    return c;
}

struct child {
    int kill_at;       /* SIGKILL itself after this step; 0 = never */
    int stop_at;       /* ask for a stop during this step; 0 = never */
    long file_limit;   /* largest file in bytes, as a disk that fills up; 0 = none */
    double kill_after; /* SIGKILL after so many seconds; 0 = never */
};

static volatile sig_atomic_t stop_flag;

static inline void on_step(void *user, const struct ltm_train_record *record) {
    const struct child *child = user;
    if (child->kill_at && record->step == child->kill_at && !record->heldout) raise(SIGKILL);
    if (child->stop_at && record->step == child->stop_at) stop_flag = 1;
}

static inline void tell(void *user, const char *line) {
    (void)user;
    fprintf(stderr, "%s\n", line);
}

/* Train in a child process. Returns its ltm_status, or -1 where it was killed; `said` gets its error sentence and messages. */
static inline int train(const struct ltm_config *config, struct child child, char *said, size_t size) {
    char path[700];
    snprintf(path, sizeof path, "%s/said", test_folder());
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen(path, "w", stderr)) _exit(99);
        if (child.file_limit) {
            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)child.file_limit, (rlim_t)child.file_limit});
        }
        struct ltm_error error = {0};
        const struct ltm_train_hooks hooks = {
            .watch = {.message = tell}, .user = &child, .on_step = on_step, .stop = &stop_flag};
        const ltm_status status = ltm_train(config, &hooks, NULL, &error);
        if (status != LTM_OK) fprintf(stderr, "%s\n", error.message);
        fflush(stderr);
        _exit((int)status);
    }
    if (child.kill_after > 0) {
        nanosleep(&(struct timespec){0, (long)(child.kill_after * 1e9)}, NULL);
        kill(pid, SIGKILL);
    }
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    if (said) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        said[fread(said, 1, size - 1, file)] = 0;
        fclose(file);
    }
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static inline void train_whole(const struct ltm_config *config) {
    char said[4096];
    if (train(config, (struct child){0}, said, sizeof said) != LTM_OK) fail_msg("%s", said);
}

static inline const char *last_checkpoint(const struct ltm_config *c, const char *file) {
    return test_path("%s/checkpoints/last/%s", strrchr(c->run.dir, '/') + 1, file);
}

/* Where the data of a model file begin, behind its header, which tells the settings. */
static inline size_t data_at(const char *path) {
    uint64_t header;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(&header, sizeof header, 1, file), 1);
    fclose(file);
    return 8 + (size_t)header;
}

/* The same file: it says nothing of folder, threads and corpus. */
static inline void same_weights(const struct ltm_config *a, const struct ltm_config *b, const char *file) {
    test_same_bytes(last_checkpoint(a, file), last_checkpoint(b, file), 0, 0);
}

static inline void same_optimiser(const struct ltm_config *a, const struct ltm_config *b) {
    static const char file[] = "optimizer.safetensors";
    test_same_bytes(last_checkpoint(a, file), last_checkpoint(b, file), 0, 0);
}

static inline void same_runs(const struct ltm_config *a, const struct ltm_config *b) {
    char best_a[64] = {0};
    char best_b[64] = {0};
    test_same_logs(a->run.dir, b->run.dir);
    same_weights(a, b, "model.safetensors");
    same_optimiser(a, b);
    assert_true(readlink(last_checkpoint(a, "../best"), best_a, sizeof best_a - 1) > 0);
    assert_true(readlink(last_checkpoint(b, "../best"), best_b, sizeof best_b - 1) > 0);
    assert_string_equal(best_a, best_b);
}

#endif
