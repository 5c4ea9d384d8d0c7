#include "train/resume_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/processes.h"
#include "config/config_keys.h"
#include "config/corpora.h"
#include "ltm.h"
#include "train/growth.h"
#include "train/schedule.h"

/* Whether a run of other length would have come to this step with the same bits; only then can it go on as one. */
static ltm_status check_tokens(const struct ltm_config *was, const struct ltm_config *is, int64_t step,
                               struct ltm_error *error) {
    const double before = slow_steady_steps(&was->slow, (double)ltm_training_steps(was));
    const double now = slow_steady_steps(&is->slow, (double)ltm_training_steps(is));
    const int64_t steady = growth_is_on(is) ? 0 : (int64_t)(before < now ? before : now);
    if (was->run.tokens == is->run.tokens || step <= steady) return LTM_OK;
    return fail(error, LTM_MISMATCH,
                "the run in %s began with run.tokens = %lld, now it is %lld, and at slow step %lld its rate already "
                "depends on that (it may change up to step %lld); restore it to resume, or train from its "
                "weights in another run.dir (ltm train --from)",
                is->run.dir, (long long)was->run.tokens, (long long)is->run.tokens, (long long)step, (long long)steady);
}

int64_t resume_stable_step(const struct ltm_config *config) {
    const double steady = slow_steady_steps(&config->slow, (double)ltm_training_steps(config));
    return steady > config->slow.warmup && !growth_is_on(config) ? (int64_t)steady : 0;
}

ltm_status resume_check(const struct ltm_config *was, const struct ltm_config *is, int64_t step, bool *decayed,
                        struct ltm_error *error) {
    size_t count;
    if (decayed) *decayed = false;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char before[LTM_PATH_MAX];
        char now[LTM_PATH_MAX];
        PASS_UP(ltm_config_get(was, keys[i].name, before, sizeof before, error));
        PASS_UP(ltm_config_get(is, keys[i].name, now, sizeof now, error));
        /* Before there was bf16, auto was written as it stood and meant fp32. */
        if (strcmp(keys[i].name, "run.precision") == 0 && strcmp(before, "auto") == 0) strcpy(before, "fp32");
        if (strcmp(before, now) != 0 && config_key_is_of_model(keys[i].name) &&
            strcmp(keys[i].name, "run.tokens") != 0 /* by check_tokens */)
            return fail(error, LTM_MISMATCH,
                        "the run in %s began with %s = %.200s, now it is %.200s; restore it to resume, "
                        "or set another run.dir to start over",
                        is->run.dir, keys[i].name, before, now);
    }
    const ltm_status status = check_tokens(was, is, step, error);
    if (decayed) *decayed = status != LTM_OK;
    return status;
}

static bool may_differ(const char *key, bool scores) {
    return strcmp(key, "run.threads") == 0 || strcmp(key, "data.corpus") == 0 || strcmp(key, "data.corpora") == 0 ||
           strcmp(key, "data.tokenizer") == 0 || strcmp(key, "data.heldout") == 0 || strcmp(key, "eval.dump") == 0 ||
           (scores ? strcmp(key, "run.dir") == 0 : strncmp(key, "eval.", 5) == 0);
}

/* What process 0 was started with. */
struct start {
    char version[64], inputs[64];
    char values[][LTM_PATH_MAX]; /* of all keys */
};

static ltm_status compare(const struct start *first, const struct ltm_config *config, const char *inputs, bool scores,
                          struct ltm_error *error) {
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    char value[LTM_PATH_MAX];
    if (strcmp(first->version, LTM_VERSION) != 0)
        return fail(error, LTM_MISMATCH, "this is ltm %s, but process 0 is %s; start the same program everywhere",
                    LTM_VERSION, first->version);
    for (size_t i = 0; i < count; i++) {
        PASS_UP(ltm_config_get(config, keys[i].name, value, sizeof value, error));
        if (strcmp(value, first->values[i]) != 0 && !may_differ(keys[i].name, scores))
            return fail(error, LTM_MISMATCH,
                        "%s = %.200s here, but %.200s in process 0; start all processes with the same configuration",
                        keys[i].name, value, first->values[i]);
    }
    if (strcmp(first->inputs, inputs) != 0)
        return fail(error, LTM_MISMATCH,
                    "%s%.300s differs from that of process 0 (other %s); use the same one in all processes",
                    scores ? "the model or its corpus" : "the corpus ", scores ? "" : corpora_text(config),
                    scores ? "weights or tokens" : "tokens or another tokenizer");
    return LTM_OK;
}

ltm_status processes_check_config(const struct ltm_config *config, const char *inputs, bool scores,
                                  struct ltm_error *error) {
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    const size_t bytes = sizeof(struct start) + count * LTM_PATH_MAX;
    struct start *first = NULL;
    ltm_status status = LTM_OK;
    if (processes_count() == 1) return LTM_OK;
    TRY(processes_agree(memory_zeroed((void **)&first, 1, bytes, "settings", error), error));
    snprintf(first->version, sizeof first->version, "%s", LTM_VERSION);
    snprintf(first->inputs, sizeof first->inputs, "%s", inputs);
    for (size_t i = 0; i < count; i++) ltm_config_get(config, keys[i].name, first->values[i], LTM_PATH_MAX, NULL);
    TRY(processes_broadcast(first, bytes, error));
    TRY(processes_agree(compare(first, config, inputs, scores, error), error));
cleanup:
    free(first);
    return status;
}
