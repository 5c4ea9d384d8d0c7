/* What does not fit into memory is refused before it is tried, with words that help; a run keeps an account of its machine. */
#include "support/shards.h"
#include "support/small_config.h"
#include "support/unit.h"

#include <jansson.h>

#include "base/files.h"
#include "latent/workers.h"
#include "ltm/train.h"
#include "train/run_machine.h"
#include "train/trainer.h"

static struct ltm_config tiny(void) {
    struct ltm_config c = small_config(40, 24);
    c.model.dim = 16;
    c.model.layers = 1;
    c.model.kv_heads = 2;
    c.model.latents = 2;
    c.fast.steps = 1;
    c.slow.batch = 8;
    c.slow.group = 2;
    c.slow.warmup = 1;
    c.run.threads = 4;
    c.run.tokens = 8 * 24;
    c.run.eval_sequences = 2;
    c.run.precision = LTM_PRECISION_FP32;
    return c;
}

static void expect(const struct ltm_config *c, size_t available, const char *words) {
    struct ltm_error error = {0};
    const struct memory_limits limits = {.total = 1 << 30, .available = (int64_t)available};
    assert_int_equal(run_machine_check(c, &limits, &error), LTM_MEMORY);
    if (!strstr(error.message, words)) fail_msg("\"%s\" is not in: %s", words, error.message);
}

static void both_figures_and_what_to_lower(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct plan plan;
    assert_int_equal(plan_create(&plan, &c.model, NULL), LTM_OK);
    size_t all;
    assert_int_equal(trainer_bytes(&all, &c, &plan, NULL), LTM_OK);
    const size_t thread = workers_bytes(&plan, &c.fast, 1, 2, 24, 1, false);
    const size_t fixed = all - 4 * thread;
    plan_free(&plan);
    struct memory_limits limits = {.available = (int64_t)all};
    assert_int_equal(run_machine_check(&c, &limits, NULL), LTM_OK);
    limits.available = -1; /* not known: nothing is refused */
    assert_int_equal(run_machine_check(&c, &limits, NULL), LTM_OK);
    expect(&c, all - 1, "set run.threads = 3");
    expect(&c, fixed + thread, "set run.threads = 1");
    expect(&c, fixed / 2, "lower model.dim = 16, model.layers = 1 or the vocabulary of 40");
}

static void a_limit_is_named(void **state) {
    (void)state;
    struct ltm_error error = {0};
    const struct ltm_config c = tiny();
    const struct memory_limits limits = {.total = 1 << 30, .limit = 50000000, .available = 1000};
    assert_int_equal(run_machine_check(&c, &limits, &error), LTM_MEMORY);
    assert_non_null(strstr(error.message, "0.00 GB are available within the limit of 0.05 GB; lower"));
}

static void train_on(struct ltm_config *c) {
    snprintf(c->data.corpus, sizeof c->data.corpus, "%s/corpus", test_folder());
    snprintf(c->run.dir, sizeof c->run.dir, "%s/run", test_folder());
    test_write_corpus(c->data.corpus, 4000, 600, 40);
}

static void a_model_beyond_any_memory_is_refused_at_once(void **state) {
    (void)state;
    struct ltm_error error = {0};
    struct ltm_config c = tiny();
    train_on(&c);
    c.model.dim = 65536;
    c.model.layers = 16;
    c.model.latents = 16;
    assert_int_equal(ltm_train(&c, NULL, NULL, &error), LTM_MEMORY);
    assert_non_null(strstr(error.message, "training needs "));
}

static void a_run_keeps_its_machine(void **state) {
    (void)state;
    char path[LTM_PATH_MAX];
    struct ltm_config c = tiny();
    train_on(&c);
    assert_int_equal(ltm_train(&c, NULL, NULL, NULL), LTM_OK);
    assert_int_equal(path_join(path, sizeof path, c.run.dir, "machine.json", NULL), LTM_OK);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "threads")), 4);
    const json_t *fp32 = json_object_get(json, "fp32");
    assert_true(json_real_value(json_object_get(fp32, "all_threads_flops")) > 1e7);
    assert_true(json_is_null(json_object_get(fp32, "one_thread_flops")));
    json_decref(json);
}

static char said[2048];

static void remember(void *user, const char *line) {
    (void)user;
    if (strstr(line, "this run had another")) snprintf(said, sizeof said, "%s", line);
}

/* As if it had been begun elsewhere. */
static void a_run_that_moves_says_so_and_keeps_both_accounts(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    char path[LTM_PATH_MAX];
    char kept[LTM_PATH_MAX];
    const struct ltm_train_hooks hooks = {.watch = {.message = remember}};
    train_on(&c);
    snprintf(c.run.dir, sizeof c.run.dir, "%.500s/moved", test_folder());
    assert_int_equal(ltm_train(&c, &hooks, NULL, NULL), LTM_OK);
    assert_int_equal(ltm_train(&c, &hooks, NULL, NULL), LTM_OK);
    assert_string_equal(said, ""); /* it stayed where it was */
    assert_int_equal(path_join(path, sizeof path, c.run.dir, "machine.json", NULL), LTM_OK);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json_object_get(json, "commit"));
    json_object_set_new(json, "openblas_kernel", json_string("Sparc"));
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    assert_int_equal(ltm_train(&c, &hooks, NULL, NULL), LTM_OK);
    assert_non_null(strstr(said, "another openblas_kernel until now: Sparc, now "));
    assert_int_equal(path_join(kept, sizeof kept, c.run.dir, "machine-until-00000001.json", NULL), LTM_OK);
    json = json_load_file(kept, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "openblas_kernel")), "Sparc");
    json_decref(json);
    json = json_load_file(path, 0, NULL);
    assert_string_not_equal(json_string_value(json_object_get(json, "openblas_kernel")), "Sparc");
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_figures_and_what_to_lower),
        cmocka_unit_test(a_limit_is_named),
        cmocka_unit_test(a_model_beyond_any_memory_is_refused_at_once),
        cmocka_unit_test(a_run_keeps_its_machine),
        cmocka_unit_test(a_run_that_moves_says_so_and_keeps_both_accounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
