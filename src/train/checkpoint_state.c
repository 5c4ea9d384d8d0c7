#include "train/checkpoint_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "config/config_keys.h"

static const char format_name[] = "ltm-1", own_sum[] = ",\n  \"checksum\": \"";

/* ---- Writing ---- */

static json_t *state_json(const struct checkpoint_state *state) {
    json_t *root = json_object();
    json_object_set_new(root, "format", json_string(format_name));
    json_object_set_new(root, "step", json_integer(state->step));
    json_object_set_new(root, "seconds", json_real(state->seconds));
    if (isfinite(state->best_bound)) {
        json_object_set_new(root, "best_bound", json_real(state->best_bound));
        json_object_set_new(root, "best_step", json_integer(state->best_step));
    }
    json_object_set_new(root, "corpus", json_string(state->corpus));
    json_object_set_new(root, "log_bytes", json_integer(state->log_bytes));
    json_object_set_new(root, "skipped", json_integer(state->skipped));
    json_object_set_new(root, "skipped_in_a_row", json_integer(state->in_a_row));
    json_object_set_new(root, "diverged", json_integer(state->diverged));
    json_object_set_new(root, "spikes", json_integer(state->spikes));
    json_object_set_new(root, "loss_mean", json_real(state->loss.mean));
    json_object_set_new(root, "loss_variance", json_real(state->loss.variance));
    json_object_set_new(root, "loss_count", json_integer(state->loss.count));
    if (state->heldout_due) json_object_set_new(root, "heldout_due", json_true());
    if (state->averaged) json_object_set_new(root, "averaged", json_true());
    if (state->weights_only) json_object_set_new(root, "weights_only", json_true());
    return root;
}

/* The last member: a checksum of all the text before it. NULL without memory. */
static char *seal(const char *text) {
    const size_t before = strlen(text) - strlen("\n}");
    const size_t bytes = before + sizeof own_sum + 16 + sizeof "\"\n}";
    char hex[17];
    char *sealed = malloc(bytes);
    if (!sealed) return NULL;
    checksum_hex(hex, text, before);
    snprintf(sealed, bytes, "%.*s%s%s\"\n}", (int)before, text, own_sum, hex);
    return sealed;
}

ltm_status checkpoint_state_write(const char *folder, const struct checkpoint_state *state, const char *const *files,
                                  int count, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    char hex[17];
    char *text = NULL;
    char *sealed = NULL;
    json_t *root = state_json(state);
    json_t *sums = json_object();
    for (int i = 0; i < count; i++) {
        TRY(path_join(path, sizeof path, folder, files[i], error));
        if (!file_exists(path)) continue;
        TRY(checksum_file(hex, path, error));
        json_object_set_new(sums, files[i], json_string(hex));
    }
    json_object_set(root, "checksums", sums);
    TRY(path_join(path, sizeof path, folder, "state.json", error));
    text = json_text(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    sealed = text ? seal(text) : NULL;
    status = sealed ? file_write_text(path, sealed, error) : fail_memory(error, 4096, "a checkpoint's state");
cleanup:
    json_decref(sums);
    json_decref(root);
    free(text);
    free(sealed);
    return status;
}

/* ---- Reading ---- */

int64_t checkpoint_step_of(const char *name) {
    int64_t step;
    int end = 0;
    if (sscanf(name, "step-%" SCNd64 "%n", &step, &end) != 1 || name[end] != 0 || step < 0) return -1;
    return step;
}

/* Whether the text has the checksum that stands at its end. */
static bool seal_is_whole(const char *text) {
    char hex[17];
    char end[sizeof hex + sizeof "\"\n}"];
    const char *at = strstr(text, own_sum);
    if (!at) return false;
    checksum_hex(hex, text, (size_t)(at - text));
    snprintf(end, sizeof end, "%s\"\n}", hex);
    return strcmp(at + strlen(own_sum), end) == 0;
}

/* A number that is not there is 0, which is one that a run can have. */
static bool is_count(const json_t *root, const char *key, int64_t most) {
    const json_t *value = json_object_get(root, key);
    return !value || (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= most);
}

static bool is_number(const json_t *root, const char *key) {
    const json_t *value = json_object_get(root, key);
    return !value || json_is_number(value);
}

/* What else a resume reckons with: places in the data from its step, Adam's correction from the steps that were made. */
static bool is_possible(const json_t *root) {
    static const char *const of_steps[] = {"best_step", "skipped", "skipped_in_a_row", "spikes", "loss_count"};
    static const char *const numbers[] = {"seconds", "best_bound", "loss_mean", "loss_variance"};
    const int64_t step = json_integer_value(json_object_get(root, "step"));
    const int64_t most = (int64_t)RUN_TOKENS_MOST;
    bool possible = json_is_integer(json_object_get(root, "step")) && is_count(root, "step", most) &&
                    is_count(root, "log_bytes", INT64_MAX) && is_count(root, "diverged", most) &&
                    json_is_object(json_object_get(root, "checksums")) &&
                    json_number_value(json_object_get(root, "loss_variance")) >= 0;
    for (size_t i = 0; i < sizeof of_steps / sizeof *of_steps; i++)
        possible = possible && is_count(root, of_steps[i], step);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) possible = possible && is_number(root, numbers[i]);
    return possible;
}

/* `name` is the folder's. */
static ltm_status check(const json_t *root, const char *text, const char *name, const char *path,
                        struct ltm_error *error) {
    const json_t *format = json_object_get(root, "format");
    if (json_object_get(root, "checksum") && !seal_is_whole(text))
        return fail(error, LTM_CORRUPT, "%s is damaged: its text does not match its checksum", path);
    if (format && (!json_is_string(format) || strcmp(json_string_value(format), format_name) != 0))
        return fail(error, LTM_UNSUPPORTED, "%s has an unknown format; this ltm reads \"%s\"", path, format_name);
    if (!is_possible(root))
        return fail(error, LTM_CORRUPT, "%s is damaged: it lacks checksums or has impossible values", path);
    const int64_t step = json_integer_value(json_object_get(root, "step"));
    const int64_t named = checkpoint_step_of(name);
    if (named >= 0 && named != step)
        return fail(error, LTM_CORRUPT, "%s is damaged or belongs to another checkpoint: it says step %lld", path,
                    (long long)step);
    return LTM_OK;
}

ltm_status checkpoint_state_read(json_t **root, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    char *text = NULL;
    size_t bytes;
    const char *slash = strrchr(folder, '/');
    ltm_status status = path_join(path, sizeof path, folder, "state.json", error);
    *root = NULL;
    if (status == LTM_OK) status = file_read_text(&text, &bytes, path, 1 << 20, error);
    if (status != LTM_OK) return status;
    status = json_read(root, text, bytes, JSON_REJECT_DUPLICATES, error);
    if (status == LTM_OK)
        status = check(*root, text, slash ? slash + 1 : folder, path, error);
    else if (status == LTM_CORRUPT)
        fail_within(error, status, "%s is damaged", path);
    free(text);
    if (status != LTM_OK) {
        json_decref(*root);
        *root = NULL;
    }
    return status;
}

const char *checkpoint_state_sum(const json_t *root, const char *file) {
    return json_string_value(json_object_get(json_object_get(root, "checksums"), file));
}

static int64_t count_of(const json_t *root, const char *key) { return json_integer_value(json_object_get(root, key)); }

static double number_of(const json_t *root, const char *key) { return json_number_value(json_object_get(root, key)); }

void checkpoint_state_take(struct checkpoint_state *state, const json_t *root) {
    const bool has_best = json_object_get(root, "best_bound") != NULL;
    state->step = count_of(root, "step");
    state->seconds = number_of(root, "seconds");
    state->best_bound = has_best ? number_of(root, "best_bound") : INFINITY;
    state->best_step = has_best ? count_of(root, "best_step") : -1;
    state->log_bytes = count_of(root, "log_bytes");
    state->skipped = count_of(root, "skipped");
    state->in_a_row = count_of(root, "skipped_in_a_row");
    state->diverged = count_of(root, "diverged");
    state->spikes = count_of(root, "spikes");
    state->heldout_due = json_is_true(json_object_get(root, "heldout_due"));
    state->averaged = json_is_true(json_object_get(root, "averaged"));
    state->loss = (struct loss_average){number_of(root, "loss_mean"), number_of(root, "loss_variance"),
                                        count_of(root, "loss_count")};
}
