/* ltm_inspect: detects what a path is and describes it; checkpoints, runs and configurations here, their
 * data in inspect_data.c. */
#include "ltm/inspect.h"

#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/json.h"
#include "base/numbers.h"
#include "base/safetensors.h"
#include "config/config_keys.h"
#include "inspect/inspect_data.h"
#include "ltm/corpus.h"
#include "ltm/model.h"
#include "ltm/tokenizer.h"
#include "ltm/train.h"
#include "ltm/twin.h"
#include "model/decoder_stream.h"
#include "text/json_lines.h"
#include "text/shards.h"
#include "train/checkpoint.h"
#include "train/depth.h"
#include "train/trainer.h"

/* ---- Configurations ---- */

/* `metadata`: of the model's file, which does not contain all keys; or NULL. */
static void put_config(json_t *out, const struct ltm_config *config, const json_t *metadata) {
    size_t count;
    const struct config_key *keys = config_key_table(&count);
    json_t *all = json_object();
    for (size_t i = 0; i < count; i++) {
        char value[LTM_PATH_MAX];
        double real;
        int64_t integer;
        json_t *json = NULL;
        if (metadata && !json_object_get(metadata, keys[i].name) && !config_key_is_of_model(keys[i].name)) continue;
        config_key_print(config, &keys[i], value);
        if (keys[i].kind == CONFIG_REAL && number_parse_real(value, &real)) json = json_real(real);
        if (keys[i].kind <= CONFIG_COUNT && number_parse_integer(value, &integer)) json = json_integer(integer);
        json_object_set_new(all, keys[i].name, json ? json : json_string(value)); /* "auto" is a string too */
    }
    json_object_set_new(out, "configuration", all);
}

/* The weights and operations of each block and each stage. */
static void put_plan(json_t *out, const struct plan *plan) {
    json_t *blocks = json_array();
    json_t *stages = json_array();
    for (int b = 0; b < plan->table.block_count; b++)
        json_array_append_new(blocks, json_pack("{s:s, s:I}", "name", plan->table.blocks[b].name, "parameters",
                                                (json_int_t)block_size(&plan->table.blocks[b])));
    for (int a = 0; a < plan->count; a++)
        json_array_append_new(stages, json_pack("{s:s, s:s, s:f}", "stage", plan->applications[a].kind->name, "block",
                                                plan->table.blocks[plan->applications[a].block].name, "forward_flops",
                                                plan->applications[a].kind->flops(&plan->config)));
    json_object_set_new(out, "blocks", blocks);
    json_object_set_new(out, "plan", stages);
}

static ltm_status put_model(json_t *out, const struct ltm_model_config *model, struct ltm_error *error) {
    struct plan plan;
    PASS_UP(plan_create(&plan, model, error));
    json_object_set_new(out, "parameters", json_integer((json_int_t)plan.table.size));
    if (plan.recurrent) json_object_set_new(out, "parameters_recurrent", json_integer((json_int_t)plan.recurrent));
    json_object_set_new(out, "forward_flops_per_token", json_real(plan.flops));
    json_object_set_new(out, "text_state_bytes", json_integer((json_int_t)decoder_stream_slot_bytes(&plan)));
    put_plan(out, &plan);
    plan_free(&plan);
    return LTM_OK;
}

static void put_steps(json_t *out, const struct ltm_config *config) {
    json_object_set_new(out, "slow_steps", json_integer(ltm_training_steps(config)));
}

/* The plain decoders to compare with, and how close they are. */
static void put_twins(json_t *out, const struct ltm_config *config) {
    json_t *all = json_array();
    for (int kind = 0; ltm_twin_name(kind); kind++) {
        struct ltm_config twin;
        if (ltm_config_twin(&twin, config, (enum ltm_twin)kind, NULL) != LTM_OK) continue;
        const double tokens = (double)ltm_training_tokens(&twin);
        json_array_append_new(all, json_pack("{s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:f}", "twin", ltm_twin_name(kind),
                                             "dim", twin.model.dim, "heads", twin.model.heads, "ffn_multiple",
                                             twin.model.ffn_multiple, "window", twin.model.window, "parameters",
                                             (json_int_t)ltm_parameter_count(&twin.model), "tokens", (json_int_t)tokens,
                                             "training_flops", ltm_training_flops(&twin) * tokens));
    }
    if (json_array_size(all) > 0) json_object_set(out, "twins_without_latents", all);
    json_decref(all);
}

/* What training allocates. */
static ltm_status put_memory(json_t *out, const struct ltm_config *config, struct ltm_error *error) {
    size_t bytes;
    struct plan plan;
    const struct ltm_model_config model = depth_model(config);
    ltm_status status = plan_create(&plan, &model, error);
    if (status == LTM_OK) status = trainer_bytes(&bytes, config, &plan, error);
    if (status == LTM_OK) json_object_set_new(out, "training_memory_bytes", json_integer((json_int_t)bytes));
    plan_free(&plan);
    return status;
}

static ltm_status load_config(struct ltm_config *config, const char *path, struct ltm_error *error) {
    ltm_config_defaults(config);
    ltm_status status = ltm_config_load(config, path, error);
    return status == LTM_OK ? ltm_config_check(config, error) : status;
}

static ltm_status put_configuration(json_t *out, const struct ltm_config *given, struct ltm_error *error) {
    struct ltm_config config = *given;
    PASS_UP(ltm_config_check(&config, error));
    put_config(out, &config, NULL);
    put_steps(out, &config);
    ltm_config_resolve(&config);
    PASS_UP(ltm_vocabulary_find(&config, error));
    if (config.model.vocab == LTM_AUTO) {
        json_object_set_new(out, "parameters", json_null()); /* the tokenizer does not exist yet */
        return LTM_OK;
    }
    PASS_UP(put_model(out, &config.model, error));
    json_object_set_new(out, "training_flops",
                        json_real(ltm_training_flops(&config) * (double)ltm_training_tokens(&config)));
    put_twins(out, &config);
    return put_memory(out, &config, error);
}

static ltm_status inspect_configuration(json_t *out, const char *path, struct ltm_error *error) {
    struct ltm_config config;
    PASS_UP(load_config(&config, path, error));
    return put_configuration(out, &config, error);
}

/* ---- Checkpoints ---- */

static ltm_status read_state(json_t **state, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    ltm_status status = path_join(path, sizeof path, folder, "state.json", error);
    return status == LTM_OK ? inspect_read_json(state, path, error) : status;
}

static void copy_value(json_t *out, const char *key, const json_t *from, const char *from_key) {
    json_t *value = json_object_get(from, from_key);
    if (value) json_object_set(out, key, value);
}

static void put_file_sizes(json_t *out, const char *folder, const json_t *checksums) {
    const char *name;
    json_t *value;
    json_t *files = json_object();
    json_object_foreach((json_t *)checksums, name, value) {
        char path[LTM_PATH_MAX];
        struct stat info;
        if (path_join(path, sizeof path, folder, name, NULL) == LTM_OK && stat(path, &info) == 0)
            json_object_set_new(files, name, json_integer(info.st_size));
    }
    json_object_set_new(out, "file_bytes", files);
}

/* The configuration in the metadata, and the model's size. */
static ltm_status put_trained_config(json_t *out, const json_t *metadata, const char *folder, struct ltm_error *error) {
    struct ltm_config config;
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    ltm_status status = LTM_OK;
    ltm_config_defaults(&config);
    for (size_t i = 0; i < count && status == LTM_OK; i++) {
        const char *value = json_string_value(json_object_get(metadata, keys[i].name));
        if (value) status = ltm_config_set(&config, keys[i].name, value, error);
    }
    if (status == LTM_OK) status = ltm_config_check(&config, error);
    if (status != LTM_OK)
        return fail(error, LTM_CORRUPT, "%s/model.safetensors contains an invalid configuration", folder);
    put_config(out, &config, metadata);
    return config.model.vocab == LTM_AUTO ? LTM_OK : put_model(out, &config.model, error);
}

/* Of a solver what decides is the share of held-out puzzles that are not whole, and no bound. */
static void put_best(json_t *out, const json_t *state) {
    const bool solves = json_object_get(json_object_get(state, "checksums"), "solver.safetensors");
    copy_value(out, solves ? "best_unsolved" : "best_bound", state, "best_bound");
    copy_value(out, "best_step", state, "best_step");
}

static ltm_status inspect_checkpoint(json_t *out, const char *folder, struct ltm_error *error) {
    static const char *const shown[] = {"step", "seconds"};
    ltm_status status = LTM_OK;
    char path[LTM_PATH_MAX];
    json_t *state = NULL;
    json_t *file = json_object();
    TRY(checkpoint_verify(folder, true, error));
    TRY(read_state(&state, folder, error));
    TRY(path_join(path, sizeof path, folder, "model.safetensors", error));
    TRY(inspect_safetensors(file, path, error));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) copy_value(out, shown[i], state, shown[i]);
    put_best(out, state);
    copy_value(out, "averaged", state, "averaged");
    json_object_set_new(out, "checksums", json_string("verified"));
    put_file_sizes(out, folder, json_object_get(state, "checksums"));
    const json_t *metadata = json_object_get(file, "metadata");
    copy_value(out, "format", metadata, "format");
    copy_value(out, "tokenizer_digest", metadata, "tokenizer.digest");
    TRY(put_trained_config(out, metadata, folder, error));
    TRY(inspect_stream(out, path, error));
    copy_value(out, "tensors", file, "tensors");
cleanup:
    json_decref(state);
    json_decref(file);
    return status;
}

/* ---- Runs ---- */

/* A damaged checkpoint is part of the description, not the end of it. */
static ltm_status put_checkpoints(json_t *out, const char *run, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char checkpoints[LTM_PATH_MAX];
    char folder[LTM_PATH_MAX];
    char **names = NULL;
    size_t count = 0;
    json_t *list = json_array();
    TRY(path_join(checkpoints, sizeof checkpoints, run, "checkpoints", error));
    if (folder_exists(checkpoints)) TRY(folder_list(&names, &count, checkpoints, error));
    for (size_t i = 0; i < count; i++) {
        struct ltm_error wrong = {0};
        json_t *state = NULL;
        if (strncmp(names[i], "step-", 5) != 0 && strcmp(names[i], "best") != 0) continue;
        TRY(path_join(folder, sizeof folder, checkpoints, names[i], error));
        const bool whole =
            checkpoint_verify(folder, true, &wrong) == LTM_OK && read_state(&state, folder, &wrong) == LTM_OK;
        if (wrong.code == LTM_MEMORY) TRY(fail_with(error, &wrong));
        if (strcmp(names[i], "best") == 0) {
            put_best(out, state);
            copy_value(out, "best_averaged", state, "averaged"); /* its weights are slow.ema's average */
            if (!whole) json_object_set_new(out, "best_error", json_string(wrong.message));
        } else {
            json_t *entry = json_pack("{s:s, s:b}", "name", names[i], "whole", whole);
            copy_value(entry, "step", state, "step");
            if (!whole) json_object_set_new(entry, "error", json_string(wrong.message));
            json_array_append_new(list, entry);
        }
        json_decref(state);
    }
cleanup:
    json_object_set_new(out, "checkpoints", list);
    folder_list_free(names, count);
    return status;
}

/* The number of lines of the log, and the last lines of a slow step and a held-out scoring. */
static ltm_status put_log(json_t *out, const char *run, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    struct file_map map;
    int64_t lines = 0;
    enum { LINE_MOST = 1 << 20 }; /* ours are far shorter */
    json_t *last = NULL;
    json_t *heldout = NULL;
    ltm_status status = path_join(path, sizeof path, run, "log.jsonl", error);
    if (status != LTM_OK || !file_exists(path)) return status;
    PASS_UP(file_map(&map, path, error));
    const char *text = map.data ? (const char *)map.data : "";
    const char *end = text + map.size;
    for (const char *next; text < end; text = next + 1) {
        next = memchr(text, '\n', (size_t)(end - text));
        if (!next) break; /* a line that is still being written */
        lines++;
        json_t *line = NULL;
        if (next - text < LINE_MOST) status = json_read(&line, text, (size_t)(next - text), 0, error);
        if (status == LTM_MEMORY) break;
        status = LTM_OK;
        json_t **which = json_is_true(json_object_get(line, "heldout")) ? &heldout : &last;
        if (!line) continue;
        json_decref(*which);
        *which = line;
    }
    file_unmap(&map);
    json_object_set_new(out, "log_lines", json_integer(lines));
    if (last) json_object_set_new(out, "last_step", last);
    if (heldout) json_object_set_new(out, "last_heldout", heldout);
    return status;
}

static ltm_status inspect_run(json_t *out, const char *folder, struct ltm_error *error) {
    struct ltm_config config;
    char path[LTM_PATH_MAX];
    PASS_UP(path_join(path, sizeof path, folder, "config.ini", error));
    PASS_UP(load_config(&config, path, error));
    put_config(out, &config, NULL);
    put_steps(out, &config);
    PASS_UP(ltm_vocabulary_find(&config, error));
    if (config.model.vocab != LTM_AUTO) PASS_UP(put_model(out, &config.model, error));
    PASS_UP(put_checkpoints(out, folder, error));
    return put_log(out, folder, error);
}

/* ---- What a path is ---- */

struct kind {
    const char *name;
    ltm_status (*inspect)(json_t *out, const char *path, struct ltm_error *error);
};

static const struct kind checkpoint_kind = {"checkpoint", inspect_checkpoint}, run_kind = {"run", inspect_run},
                         corpus_kind = {"corpus", inspect_corpus}, shard_kind = {"shard", inspect_shard},
                         tokenizer_kind = {"tokenizer", inspect_tokenizer},
                         configuration_kind = {"configuration", inspect_configuration},
                         safetensors_kind = {"safetensors", inspect_safetensors},
                         puzzles_kind = {"puzzles", inspect_puzzles};

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text);
    const size_t tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static bool holds(const char *folder, const char *name) {
    char path[LTM_PATH_MAX];
    return path_join(path, sizeof path, folder, name, NULL) == LTM_OK && file_exists(path);
}

static bool holds_shards(const char *folder) {
    char **names;
    size_t count;
    bool found = false;
    if (folder_list(&names, &count, folder, NULL) != LTM_OK) return false;
    for (size_t i = 0; i < count; i++) found = found || ends_with(names[i], ".bin");
    folder_list_free(names, count);
    return found;
}

/* RUN/checkpoints: step-00000100 …, to which best and last point. */
static bool holds_checkpoints(const char *folder) {
    char **names;
    size_t count;
    bool found = false;
    if (!folder_exists(folder) || folder_list(&names, &count, folder, NULL) != LTM_OK) return false;
    for (size_t i = 0; i < count; i++) found = found || strncmp(names[i], "step-", 5) == 0;
    folder_list_free(names, count);
    return found;
}

static const struct kind *kind_of_folder(const char *path) {
    if (holds(path, "state.json") || holds(path, "model.safetensors")) return &checkpoint_kind;
    if (holds(path, "config.ini")) return &run_kind;
    if (holds(path, "corpus.json") || holds_shards(path)) return &corpus_kind;
    return NULL;
}

/* By file suffix; shards and safetensors also by their first bytes. */
static ltm_status kind_of_file(const struct kind **kind, const char *path, struct ltm_error *error) {
    struct file_map map;
    PASS_UP(file_map(&map, path, error));
    int32_t magic = 0;
    if (map.size >= sizeof magic) memcpy(&magic, map.data, sizeof magic);
    const bool begins_like_safetensors = map.size > 9 && map.data[8] == '{' && map.data[7] == 0;
    file_unmap(&map);
    *kind = magic == SHARD_MAGIC || ends_with(path, ".bin")              ? &shard_kind
            : ends_with(path, ".ini")                                    ? &configuration_kind
            : ends_with(path, ".model")                                  ? &tokenizer_kind
            : json_lines_named(path)                                     ? &puzzles_kind
            : ends_with(path, ".safetensors") || begins_like_safetensors ? &safetensors_kind
                                                                         : NULL;
    return LTM_OK;
}

static void begin(json_t *out, const char *kind, const char *path) {
    json_object_set_new(out, "kind", json_string(kind));
    json_object_set_new(out, "path", json_string(path));
}

static ltm_status finish(char **json, const json_t *out, const char *path, struct ltm_error *error) {
    *json = json_text(out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    return *json ? LTM_OK : fail(error, LTM_MEMORY, "out of memory for what %s holds", path);
}

ltm_status ltm_inspect_config(const struct ltm_config *config, const char *path, char **json, struct ltm_error *error) {
    json_t *out = json_object();
    *json = NULL;
    begin(out, configuration_kind.name, path);
    ltm_status status = put_configuration(out, config, error);
    if (status == LTM_OK) status = finish(json, out, path, error);
    json_decref(out);
    return status;
}

ltm_status ltm_inspect(const char *path, char **json, struct ltm_error *error) {
    const struct kind *kind = NULL;
    ltm_status status = LTM_OK;
    json_t *out = json_object();
    *json = NULL;
    if (folder_exists(path))
        kind = kind_of_folder(path);
    else
        TRY(kind_of_file(&kind, path, error));
    if (!kind && holds_checkpoints(path))
        TRY(fail(error, LTM_INVALID,
                 "%s contains the checkpoints of a run; inspect one of them, such as %s/last, or the run, %s/..", path,
                 path, path));
    if (!kind) {
        status =
            fail(error, LTM_INVALID,
                 "%s is not something that ltm writes: no checkpoint, shard, corpus, run, tokenizer, configuration, "
                 "safetensors file or file of puzzles (.jsonl)",
                 path);
        goto cleanup;
    }
    begin(out, kind->name, path);
    TRY(kind->inspect(out, path, error));
    status = finish(json, out, path, error);
cleanup:
    json_decref(out);
    return status;
}
