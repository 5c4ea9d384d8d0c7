/* A long run takes no more memory than a short one: 100,000 slow steps, held-out scores, checkpoints and the log in one process. */
#include <unistd.h>

#include "support/shards.h"
#include "support/small_config.h"
#include "support/unit.h"

#include "ltm/train.h"

/* Some pages come and go; a leak of 8 bytes a step would be 780 KB. Measured: 4 KB. */
enum { STEPS = 100000, FIRST = 2000, ROOM_KB = 256 };

static long resident_kb(void) {
    long pages = 0;
    long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) skip();
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

struct watched {
    long first, last;
};

static void on_step(void *user, const struct ltm_train_record *record) {
    struct watched *watched = user;
    if (record->heldout) return;
    if (record->step == FIRST) watched->first = resident_kb();
    if (record->step == record->steps) watched->last = resident_kb();
}

static void memory_does_not_grow(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("the sanitizer keeps what is freed for a while, and finds leaks itself\n");
    skip();
#endif
    char corpus[600];
    struct ltm_config c = small_config(40, 8);
    struct ltm_error error = {0};
    struct ltm_train_result result;
    struct watched watched = {0};
    const struct ltm_train_hooks hooks = {.user = &watched, .on_step = on_step};
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", corpus);
    snprintf(c.run.dir, sizeof c.run.dir, "%s/run", test_folder());
    test_write_corpus(corpus, 4000, 600, 40);
    c.model.layers = 1;
    c.model.heads = 1;
    c.model.window = 4;
    c.model.latents = 1;
    c.fast.steps = 1;
    c.slow.batch = 1;
    c.run.tokens = STEPS * 8;
    c.run.eval_every = c.run.checkpoint_every = 1000; /* both have come before the first look */
    c.run.eval_sequences = 4;
    c.run.threads = 1;
    c.run.precision = LTM_PRECISION_FP32;
    if (ltm_train(&c, &hooks, &result, &error) != LTM_OK) fail_msg("%s", error.message);
    assert_int_equal(result.step, STEPS);
    print_message("%ld KB resident after %d slow steps, %ld KB after %d\n", watched.first, FIRST, watched.last, STEPS);
    assert_true(watched.first > 0 && watched.last < watched.first + ROOM_KB);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_does_not_grow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
