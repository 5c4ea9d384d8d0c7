#include "files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "ltm/model.h"
#include "ltm/train.h"
#include "text/sequences.h"
#include "text/token_stream.h"
#include "train/checkpoint.h"
#include "train/optimiser.h"

enum { TOKENS = 1 << 24, SHARD_HEADER = 256 };

static void must(ltm_status status, const struct ltm_error *error) {
    if (status == LTM_OK) return;
    fprintf(stderr, "bench: %s\n", error->message);
    exit(1);
}

/* A shard in llm.c's format. */
static void write_shard(const char *folder, const char *name, int count, int vocab) {
    char path[LTM_PATH_MAX];
    int32_t header[SHARD_HEADER] = {20240520, 1, count};
    uint16_t *tokens = calloc((size_t)count, sizeof *tokens);
    for (int i = 0; i < count; i++)
        tokens[i] = (uint16_t)(random_bits((struct random_key){.seed = 1}, (uint32_t)i) % (uint32_t)vocab);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(header, sizeof header, 1, file) != 1 ||
        fwrite(tokens, sizeof *tokens, (size_t)count, file) != (size_t)count || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    free(tokens);
}

static double data_seconds_per_token(const char *corpus, int length) {
    enum { ROUNDS = 4 };
    struct ltm_error error;
    struct token_stream *stream;
    struct sequence_order order;
    int32_t *tokens = calloc((size_t)length + 1, sizeof *tokens);
    must(token_stream_open(&stream, corpus, "train", &error), &error);
    must(sequence_order_init(&order, token_stream_count(stream), length, 1, &error), &error);
    double seconds = 0;
    for (int r = 0; r < ROUNDS; r++) { /* the last has everything in the page cache */
        const double began = seconds_now();
        for (int64_t i = 0; i < order.per_epoch; i++)
            token_stream_read(stream, sequence_start(&order, i), (size_t)length + 1, tokens);
        seconds = seconds_now() - began;
    }
    const double read = (double)order.per_epoch * length;
    token_stream_close(stream);
    free(tokens);
    return seconds / read;
}

static double checkpoint_seconds(const char *run, const struct ltm_config *config) {
    enum { ROUNDS = 3 };
    struct ltm_error error;
    struct decoder *decoder;
    struct optimiser_shards shards;
    struct optimiser optimiser;
    double seconds = 0;
    must(decoder_create(&decoder, &config->model, &error), &error);
    weights_initialise(decoder->weights, &decoder->plan.table, 1, 1);
    must(optimiser_shards_create(&shards, &decoder->plan.table, false, 1, 0, &error), &error);
    must(optimiser_create(&optimiser, &config->slow, &decoder->plan.table, &shards, config->run.threads, &error),
         &error);
    must(folder_create(run, &error), &error);
    for (int i = 1; i <= ROUNDS; i++) {
        const struct checkpoint_state state = {.step = i, .best_bound = INFINITY};
        const double began = seconds_now();
        must(checkpoint_write(run, decoder, &optimiser, config, &state, NULL, "", &error), &error);
        seconds = seconds_now() - began;
    }
    optimiser_free(&optimiser);
    optimiser_shards_free(&shards);
    decoder_free(decoder);
    return seconds;
}

struct first_step {
    double began;
    volatile sig_atomic_t stop;
};

static void on_step(void *user, const struct ltm_train_record *record) {
    struct first_step *first = user;
    if (!first->stop) first->began = seconds_now() - record->seconds;
    first->stop = 1;
}

static double begin_seconds(const struct ltm_config *config) {
    struct ltm_error error;
    struct ltm_train_result result;
    struct first_step first = {0};
    const struct ltm_train_hooks hooks = {.user = &first, .on_step = on_step, .stop = &first.stop};
    const double called = seconds_now();
    const ltm_status status = ltm_train(config, &hooks, &result, &error);
    if (status != LTM_INTERRUPTED) must(status, &error);
    return first.began - called;
}

json_t *bench_files(const struct ltm_model_config *model, int fast_steps, bool in_bf16) {
    char folder[512];
    char corpus[600];
    char run[600];
    struct ltm_config config;
    struct ltm_error error;
    const char *given = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/ltm-bench-XXXXXX", given ? given : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
    snprintf(corpus, sizeof corpus, "%s/corpus", folder);
    snprintf(run, sizeof run, "%s/run", folder);
    must(folder_create(corpus, &error), &error);
    write_shard(corpus, "bench_train_000000.bin", TOKENS, model->vocab);
    write_shard(corpus, "bench_val_000000.bin", TOKENS / 16, model->vocab);

    ltm_config_defaults(&config);
    config.model = *model;
    config.fast.steps = fast_steps;
    config.run.threads = omp_get_num_procs();
    config.run.precision = in_bf16 ? LTM_PRECISION_BF16 : LTM_PRECISION_FP32;
    config.slow.batch = config.run.threads;
    config.slow.group = 1;
    config.run.eval_every = 0;
    config.run.tokens = 16LL * config.slow.batch * model->sequence;
    snprintf(config.data.corpus, sizeof config.data.corpus, "%s", corpus);
    snprintf(config.run.dir, sizeof config.run.dir, "%s", run);
    const double begin = begin_seconds(&config);
    const double data = data_seconds_per_token(corpus, model->sequence);
    must(folder_remove(run, &error), &error);
    const double checkpoint = checkpoint_seconds(run, &config);
    must(folder_remove(folder, &error), &error);
    return json_pack("{s:f, s:f, s:f, s:f}", "begin_seconds", begin, "data_ns_per_token", data * 1e9,
                     "checkpoint_seconds", checkpoint, "checkpoint_bytes", 12.0 * (double)ltm_parameter_count(model));
}
