/* Fuzz target: safetensors files, as bare tensors, as a model and as optimiser state. */
#define FUZZ_NAME "safetensors"
#include "fuzz/fuzz.h"

#include "base/safetensors.h"
#include "ltm/inspect.h"
#include "model/model_file.h"
#include "train/moments_file.h"

static unsigned sum_of(const unsigned char *bytes, size_t count) {
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) sum += bytes[i];
    return sum;
}

static void visit(void *user, const char *key, const char *value) {
    FUZZ_CHECK(key && value);
    *(size_t *)user += strlen(key) + strlen(value);
}

/* Every byte that a tensor claims is there, and belongs to it alone. */
static void look_at_tensors(const struct safetensors *file, size_t size) {
    size_t metadata = 0;
    size_t bytes = 0;
    volatile unsigned sum = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct safetensors_tensor *tensor = safetensors_at(file, i);
        FUZZ_CHECK(safetensors_dtype(file, i));
        FUZZ_CHECK(safetensors_find(file, tensor->name) == tensor);
        sum += sum_of(tensor->data, tensor->bytes);
        bytes += tensor->bytes;
    }
    (void)sum;
    FUZZ_CHECK(bytes <= size);
    safetensors_each_metadata(file, visit, &metadata);
}

/* A file is read into moments of the shape that its own configuration has. */
static void read_moments(const struct safetensors *file, const struct decoder *decoder) {
    struct ltm_error error = {0};
    struct optimiser_shards shards;
    const struct ltm_slow_config slow = {.optimiser = LTM_OPTIMISER_ADAMW};
    FUZZ_CHECK(optimiser_shards_create(&shards, &decoder->plan.table, false, 1, 0, &error) == LTM_OK);
    struct optimiser optimiser;
    FUZZ_CHECK(optimiser_create(&optimiser, &slow, &decoder->plan.table, &shards, 1, &error) == LTM_OK);
    fuzz_ok(moments_read(&optimiser, &decoder->plan.table, file, &error), &error);
    optimiser_free(&optimiser);
    optimiser_shards_free(&shards);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ltm_error error = {0};
    struct safetensors *file = NULL;
    struct decoder *decoder = NULL;
    struct ltm_config config;
    int64_t step;
    char digest[20];
    char *json = NULL;
    const char *path = fuzz_put("model.safetensors", data, size);
    const bool whole = fuzz_ok(safetensors_open(&file, path, &error), &error);
    if (whole) look_at_tensors(file, size);
    if (fuzz_ok(model_file_read(path, &decoder, &config, &step, digest, &error), &error)) {
        FUZZ_CHECK(whole);
        FUZZ_CHECK(decoder->plan.table.size * sizeof(float) <= size);
        read_moments(file, decoder);
    }
    if (whole && fuzz_ok(ltm_inspect(path, &json, &error), &error)) free(json);
    decoder_free(decoder);
    safetensors_close(file);
    return 0;
}
