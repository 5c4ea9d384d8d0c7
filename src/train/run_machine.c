#include "train/run_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/processes.h"
#include "base/progress.h"
#include "train/depth.h"
#include "train/trainer.h"

enum { ADVICE_SIZE = 200 };

/* What to change so that training fits. */
static void advise(char advice[ADVICE_SIZE], const struct ltm_config *c, double fixed, double a_thread,
                   double available) {
    const int threads = (int)((available - fixed) / a_thread);
    if (available >= fixed + a_thread)
        snprintf(advice, ADVICE_SIZE, "set run.threads = %d", threads);
    else if (fixed < 0.9 * available)
        snprintf(advice, ADVICE_SIZE, "%slower %s = %d", c->run.threads > 1 ? "set run.threads = 1 and " : "",
                 c->slow.group > 1 ? "slow.group" : "model.sequence",
                 c->slow.group > 1 ? c->slow.group : c->model.sequence);
    else
        snprintf(advice, ADVICE_SIZE, "lower model.dim = %d, model.layers = %d or the vocabulary of %d", c->model.dim,
                 c->model.layers, c->model.vocab);
}

static ltm_status check_plan(const struct ltm_config *c, const struct plan *plan, const struct memory_limits *limits,
                             struct ltm_error *error) {
    struct ltm_config alone = *c;
    char advice[ADVICE_SIZE];
    char limit[64] = "";
    size_t all_bytes;
    size_t alone_bytes;
    alone.run.threads = 1;
    PASS_UP(trainer_bytes(&all_bytes, c, plan, error));
    PASS_UP(trainer_bytes(&alone_bytes, &alone, plan, error));
    const double all = (double)all_bytes;
    const double available = (double)limits->available;
    if (limits->available < 0 || all <= available) return LTM_OK;
    const double a_thread = (double)trainer_passes_bytes(c, plan, 1, processes_count());
    const double fixed = (double)alone_bytes - a_thread;
    advise(advice, c, fixed, a_thread, available);
    if (limits->limit > 0) snprintf(limit, sizeof limit, " within the limit of %.2f GB", (double)limits->limit / 1e9);
    return fail(error, LTM_MEMORY,
                "training needs %.2f GB of memory (%.2f for weights, gradients and optimiser, and %.2f per "
                "thread), but %.2f GB are available%s; %s",
                all / 1e9, fixed / 1e9, a_thread / 1e9, available / 1e9, limit, advice);
}

ltm_status run_machine_check(const struct ltm_config *config, const struct memory_limits *limits,
                             struct ltm_error *error) {
    struct plan plan;
    const struct ltm_model_config model = depth_model(config);
    ltm_status status = plan_create(&plan, &model, error);
    if (status == LTM_OK) status = check_plan(config, &plan, limits, error);
    plan_free(&plan);
    return status;
}

/* What is not the same in both accounts, or NULL. */
static const char *difference(const json_t *was, const json_t *is) {
    static const char *const keys[] = {"version",      "commit",   "compiler",        "flags",  "processor",
                                       "instructions", "openblas", "openblas_kernel", "onednn", "system"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!json_equal(json_object_get(was, keys[i]), json_object_get(is, keys[i]))) return keys[i];
    return NULL;
}

static const char *value_of(const json_t *account, const char *key) {
    const char *value = json_string_value(json_object_get(account, key));
    return value ? value : "not known";
}

/* Before `text` takes the place of the account at `path`. One that cannot be read explains nothing, and is replaced. */
static ltm_status keep_account_of_before(const char *path, const char *text, const struct ltm_config *config,
                                         int64_t step, const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char name[64];
    char kept[LTM_PATH_MAX];
    char *before = NULL;
    size_t bytes;
    json_t *was = NULL;
    json_t *is = NULL;
    if (step == 0 || file_read_text(&before, &bytes, path, 1 << 20, NULL) != LTM_OK) return LTM_OK;
    if ((status = json_read(&was, before, bytes, 0, error)) == LTM_OK)
        status = json_read(&is, text, strlen(text), 0, error);
    if (status == LTM_CORRUPT) status = LTM_OK;
    const char *key = was && is ? difference(was, is) : NULL;
    if (!key) goto cleanup;
    snprintf(name, sizeof name, "machine-until-%08lld.json", (long long)step);
    TRY(path_join(kept, sizeof kept, config->run.dir, name, error));
    TRY(file_write_text(kept, before, error));
    watch_message(watch,
                  "this run had another %s until now: %.200s, now %.200s; results may no longer be "
                  "bit-identical to a run on one machine (see %s and machine.json)",
                  key, value_of(was, key), value_of(is, key), name);
cleanup:
    json_decref(was);
    json_decref(is);
    free(before);
    return status;
}

ltm_status run_machine_keep(const struct ltm_config *config, int64_t step, double speed, const struct ltm_watch *watch,
                            struct ltm_error *error) {
    struct ltm_machine machine;
    char path[LTM_PATH_MAX];
    char *text = NULL;
    ltm_status status;
    ltm_doctor(&(struct ltm_doctor_options){.threads = config->run.threads}, &machine);
    for (int i = 0; i < machine.findings; i++)
        if (machine.finding[i].kind != LTM_FINDING_NOTE) watch_message(watch, "%s", machine.finding[i].text);
    if (config->run.precision == LTM_PRECISION_FP32)
        machine.fp32.all = speed;
    else
        machine.bf16.all = speed;
    TRY(path_join(path, sizeof path, config->run.dir, "machine.json", error));
    TRY(ltm_machine_json(&machine, &text, error));
    TRY(keep_account_of_before(path, text, config, step, watch, error));
    TRY(file_write_text(path, text, error));
cleanup:
    free(text);
    return status;
}
