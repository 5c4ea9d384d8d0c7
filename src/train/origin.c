#include "train/origin.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/progress.h"
#include "ltm/names.h"
#include "model/model_file.h"
#include "train/checkpoint.h"

ltm_status origin_settle(struct ltm_config *config, struct ltm_error *error) {
    char checkpoints[LTM_PATH_MAX];
    char path[LTM_PATH_MAX];
    struct ltm_config before;
    PASS_UP(path_join(checkpoints, sizeof checkpoints, config->run.dir, "checkpoints", error));
    PASS_UP(path_join(path, sizeof path, config->run.dir, "config.ini", error));
    if (!folder_exists(checkpoints) || !file_exists(path)) return LTM_OK;
    ltm_config_defaults(&before);
    PASS_UP(ltm_config_load(&before, path, error));
    if (config->run.from[0] && strcmp(config->run.from, before.run.from) != 0)
        return fail(error, LTM_MISMATCH,
                    "the run in %.300s began with %s%.300s, now run.from is %.300s; leave it out to "
                    "resume, or set another run.dir to start over",
                    config->run.dir, before.run.from[0] ? "the weights of " : "new weights", before.run.from,
                    config->run.from);
    snprintf(config->run.from, sizeof config->run.from, "%s", before.run.from);
    snprintf(config->run.from_digest, sizeof config->run.from_digest, "%s", before.run.from_digest);
    return LTM_OK;
}

/* The file of the weights that a path means. */
static ltm_status find_file(char *file, size_t size, const char *path, struct ltm_error *error) {
    char folder[LTM_PATH_MAX];
    if (file_exists(path) && !folder_exists(path)) {
        snprintf(file, size, "%s", path);
        return LTM_OK;
    }
    PASS_UP(checkpoint_find(folder, sizeof folder, path, error));
    PASS_UP(checkpoint_verify(folder, false, error));
    return checkpoint_served(file, size, folder, error);
}

static ltm_status check_digest(struct ltm_config *config, const char *file, struct ltm_error *error) {
    char hex[17];
    PASS_UP(checksum_file(hex, file, error));
    if (config->run.from_digest[0] && strcmp(config->run.from_digest, hex) != 0)
        return fail(error, LTM_MISMATCH,
                    "%s has the digest %s, but run.from_digest is %s; name the weights with that digest, or leave "
                    "run.from_digest out",
                    file, hex, config->run.from_digest);
    snprintf(config->run.from_digest, sizeof config->run.from_digest, "%s", hex);
    return LTM_OK;
}

static ltm_status check_tokenizer(const struct ltm_config *was, const char *was_digest, const struct ltm_config *is,
                                  const char *digest, const char *file, struct ltm_error *error) {
    static const char remedy[] = "build the corpus with the tokenizer.model beside those weights "
                                 "(ltm corpus build --tokenizer), or start with new weights";
    if (was_digest[0] && digest[0] && strcmp(was_digest, digest) != 0)
        return fail(error, LTM_MISMATCH, "%s was trained with tokenizer %s, but this run has %s; %s", file, was_digest,
                    digest, remedy);
    if (was->model.vocab == is->model.vocab) return LTM_OK;
    return fail(error, LTM_MISMATCH, "%s has a vocabulary of %d, but this run has %d; %s", file, was->model.vocab,
                is->model.vocab, remedy);
}

/* Two that both have such weights, but for different uses. */
static ltm_status check_meaning(const struct ltm_config *was, const struct ltm_config *is, const char *file,
                                struct ltm_error *error) {
    const struct ltm_model_config *a = &was->model;
    const struct ltm_model_config *b = &is->model;
    const struct {
        const char *key;
        bool differs;
    } keys[] = {{"model.memory", a->memory && b->memory && a->memory != b->memory},
                {"latent.read", a->latents && b->latents && a->latent_read != b->latent_read}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char before[64];
        char now[64];
        if (!keys[i].differs) continue;
        PASS_UP(ltm_config_get(was, keys[i].key, before, sizeof before, error));
        PASS_UP(ltm_config_get(is, keys[i].key, now, sizeof now, error));
        return fail(error, LTM_MISMATCH,
                    "%s has %s = %s, but this run has %s, whose weights of the same names do something else; use %s",
                    file, keys[i].key, before, now, before);
    }
    return LTM_OK;
}

/* Weights of the same shapes would mean something else. */
static ltm_status check_shape(const struct ltm_config *was, const struct ltm_config *is, const char *file,
                              struct ltm_error *error) {
    static const char *const keys[] = {"model.dim", "model.heads", "model.kv_heads", "model.ffn"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char before[64];
        char now[64];
        PASS_UP(ltm_config_get(was, keys[i], before, sizeof before, error));
        PASS_UP(ltm_config_get(is, keys[i], now, sizeof now, error));
        if (strcmp(before, now) != 0)
            return fail(error, LTM_MISMATCH,
                        "%s has %s = %s, but this run has %s; weights carry over only if they are equal", file, keys[i],
                        before, now);
    }
    PASS_UP(check_meaning(was, is, file, error));
    if (is->model.layers % was->model.layers == 0) return LTM_OK;
    return fail(
        error, LTM_MISMATCH,
        "%s has model.layers = %d, but this run has %d; use that number or a multiple of it, which repeats the layers",
        file, was->model.layers, is->model.layers);
}

/* The weight that one called `name` begins as, or -1. */
static int counterpart(const struct weight_table *table, const char *name, int layers) {
    char wanted[sizeof table->weights->name];
    int layer;
    int end = 0;
    snprintf(wanted, sizeof wanted, "%s", name);
    if (sscanf(name, "layers.%d%n", &layer, &end) == 1)
        snprintf(wanted, sizeof wanted, "layers.%d%s", layer % layers, name + end);
    const struct weight *found = weights_find(table, wanted);
    return found ? (int)(found - table->weights) : -1;
}

static ltm_status carry(float *weights, const struct weight_table *table, const struct decoder *from, int layers,
                        bool *is_new, bool *left, const char *file, struct ltm_error *error) {
    const struct weight_table *others = &from->plan.table;
    for (int i = 0; i < others->count; i++) left[i] = true;
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        const int other = counterpart(others, w->name, layers);
        is_new[i] = other < 0;
        if (is_new[i]) continue;
        const struct weight *o = &others->weights[other];
        if (o->rows != w->rows || o->columns != w->columns)
            return fail(error, LTM_MISMATCH, "%s is (%d, %d) in %s, but (%d, %d) in this run", w->name, o->rows,
                        o->columns, file, w->rows, w->columns);
        left[other] = false;
        memcpy(weights + w->offset, from->weights + o->offset, weight_size(w) * sizeof *weights);
    }
    return LTM_OK;
}

enum { KINDS = 48 };

/* Of the marked weights, by name: layers.*.attention.wq.weight (4). */
static void tell(const struct ltm_watch *watch, const char *what, const struct weight_table *table,
                 const bool *marked) {
    struct {
        char name[sizeof table->weights->name];
        int count;
    } kinds[KINDS] = {0};
    char text[1600] = "";
    size_t used = 0;
    size_t numbers = 0;
    int count = 0;
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        char name[sizeof w->name];
        int end = 0;
        int k = 0;
        if (!marked[i]) continue;
        count++;
        numbers += weight_size(w);
        sscanf(w->name, "layers.%*d%n", &end);
        snprintf(name, sizeof name, "%s%s", end ? "layers.*" : "", w->name + end);
        while (k < KINDS - 1 && kinds[k].count && strcmp(kinds[k].name, name) != 0) k++;
        if (!kinds[k].count) snprintf(kinds[k].name, sizeof name, "%s", k < KINDS - 1 ? name : "others");
        kinds[k].count++;
    }
    for (int k = 0; k < KINDS && kinds[k].count && used < sizeof text; k++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s (%d)", k ? ", " : ": ", kinds[k].name,
                                 kinds[k].count);
    watch_message(watch, "%s: %d weight%s of %zu numbers%s", what, count, ltm_plural(count), numbers, text);
}

ltm_status origin_read(float *weights, const struct weight_table *table, struct ltm_config *config, const char *digest,
                       const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char file[LTM_PATH_MAX];
    char was_digest[20];
    struct ltm_config was;
    struct decoder *from = NULL;
    bool *marks = NULL; /* of the run's weights: new; behind them those of the file: left out */
    int64_t step;
    TRY(find_file(file, sizeof file, config->run.from, error));
    TRY(model_file_read(file, &from, &was, &step, was_digest, error));
    TRY(check_digest(config, file, error));
    TRY(check_tokenizer(&was, was_digest, config, digest, file, error));
    TRY(check_shape(&was, config, file, error));
    TRY(NEW_ARRAY(marks, (size_t)(table->count + from->plan.table.count), "names of weights", error));
    bool *left = marks + table->count;
    const int layers = was.model.layers;
    TRY(carry(weights, table, from, layers, marks, left, file, error));
    watch_message(watch, "starts from the weights of %s (slow step %lld, digest %s)", file, (long long)step,
                  config->run.from_digest);
    if (layers < config->model.layers)
        watch_message(watch, "layers are repeated: layer l of %d starts as layer l mod %d", config->model.layers,
                      layers);
    tell(watch, "new, with the usual initialisation", table, marks);
    tell(watch, "left out", &from->plan.table, left);
    for (int i = 0; i < table->count; i++) marks[i] = !marks[i];
    tell(watch, "carried over", table, marks);
cleanup:
    decoder_free(from);
    free(marks);
    return status;
}
