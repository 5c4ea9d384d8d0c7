#include "train/same_run.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* Keys that change no bit of the result; and paths, since a corpus is known by its content. */
static bool may_change(const char *key) {
    static const char *const free_keys[] = {"run.dir",        "run.threads",          "run.eval_sequences",
                                            "run.eval_every", "run.checkpoint_every", "data.corpus",
                                            "data.tokenizer"};
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++)
        if (strcmp(key, free_keys[i]) == 0) return true;
    return strncmp(key, "eval.", 5) == 0;
}

ltm_status same_run(const struct ltm_config *was, const struct ltm_config *is, struct ltm_error *error) {
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char before[LTM_PATH_MAX], now[LTM_PATH_MAX];
        ltm_status status = ltm_config_get(was, keys[i].name, before, sizeof before, error);
        if (status == LTM_OK) status = ltm_config_get(is, keys[i].name, now, sizeof now, error);
        if (status != LTM_OK) return status;
        /* Before there was bf16, auto was written as it stood and meant fp32. */
        if (strcmp(keys[i].name, "run.precision") == 0 && strcmp(before, "auto") == 0) strcpy(before, "fp32");
        if (strcmp(before, now) != 0 && !may_change(keys[i].name))
            return fail(error, LTM_MISMATCH,
                        "the run in %s began with %s = %.200s, now it is %.200s; set it back to go on, or set another "
                        "run.dir to begin anew",
                        is->run.dir, keys[i].name, before, now);
    }
    return LTM_OK;
}
