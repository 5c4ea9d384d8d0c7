/* A model's file that promises more than it holds is refused before memory is asked for. */
#include <stdlib.h>

#include "support/error.h"
#include "support/files.h"
#include "support/model_keys.h"
#include "support/small_config.h"

#include "base/files.h"
#include "base/safetensors.h"
#include "model/model_file.h"

static const char *path;

static struct ltm_config tiny(void) {
    struct ltm_config c = small_config(32, 16);
    c.model.layers = 1;
    c.model.heads = 1;
    c.model.window = 4;
    c.model.latents = 2;
    return c;
}

/* Weights of the tiny model under a configuration that says something else. */
static void write_under(const struct ltm_config *claimed) {
    const struct ltm_config c = tiny();
    struct decoder *decoder;
    assert_int_equal(decoder_create(&decoder, &c.model, &error), LTM_OK);
    for (size_t i = 0; i < decoder->plan.table.size; i++) decoder->weights[i] = (float)i;
    assert_int_equal(model_file_write(path, decoder, claimed, 7, "0123456789abcdef", &error), LTM_OK);
    decoder_free(decoder);
}

static ltm_status read_back(struct decoder **decoder) {
    struct ltm_config config;
    int64_t step;
    char digest[20];
    *decoder = NULL;
    return model_file_read(path, decoder, &config, &step, digest, &error);
}

static void assert_refused(const char *part) {
    struct decoder *decoder;
    assert_int_equal(read_back(&decoder), LTM_CORRUPT);
    assert_null(decoder);
    assert_says(part);
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    const struct ltm_config c = tiny();
    struct decoder *decoder;
    write_under(&c);
    if (read_back(&decoder) != LTM_OK) fail_msg("%s", error.message);
    assert_true(decoder->weights[decoder->plan.table.size - 1] == (float)(decoder->plan.table.size - 1));
    decoder_free(decoder);
}

/* The configuration, and every weight under its name. */
static void what_is_written_with_each_key_reads_back(void **state) {
    (void)state;
    for (int i = 0; i < MODEL_KEYS; i++) {
        struct ltm_config c = tiny();
        struct ltm_config found;
        struct decoder *decoder;
        struct decoder *back;
        int64_t step;
        char digest[20];
        c.model = model_with_key(c.model, i);
        assert_int_equal(decoder_create(&decoder, &c.model, &error), LTM_OK);
        for (size_t j = 0; j < decoder->plan.table.size; j++) decoder->weights[j] = (float)j;
        assert_int_equal(model_file_write(path, decoder, &c, 7, "0123456789abcdef", &error), LTM_OK);
        if (model_file_read(path, &back, &found, &step, digest, &error) != LTM_OK) fail_msg("%s", error.message);
        assert_memory_equal(&found.model, &c.model, sizeof c.model);
        assert_int_equal(back->plan.table.count, decoder->plan.table.count);
        assert_memory_equal(back->weights, decoder->weights, decoder->plan.table.size * sizeof(float));
        decoder_free(decoder), decoder_free(back);
    }
}

static void a_larger_shape_than_the_weights_is_refused(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    c.model.dim = 65536; /* 17 GB a matrix */
    write_under(&c);
    assert_refused("has the shape");
    c = tiny();
    c.model.layers = 1000;
    c.model.latents = 0;
    write_under(&c);
    assert_refused("contains no tensor \"layers.1.");
}

static void a_hundred_bytes_cannot_ask_for_terabytes(void **state) {
    (void)state;
    const struct safetensors_pair pairs[] = {{"format", "ltm-1"},
                                             {"model.dim", "65536"},
                                             {"model.layers", "1000"},
                                             {"latent.count", "0"},
                                             {"model.vocab", "65536"}};
    assert_int_equal(safetensors_write(path, NULL, 0, pairs, 5, &error), LTM_OK);
    assert_refused("contains no tensor \"tok_embeddings.weight\"");
}

static void a_sequence_is_in_proportion_to_the_weights(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    c.model.sequence = 1 << 20; /* at this width it is little */
    struct decoder *decoder;
    write_under(&c);
    assert_int_equal(read_back(&decoder), LTM_OK);
    decoder_free(decoder);

    struct ltm_config wide = c;
    wide.model.dim = 32;
    struct ltm_model_config shape = wide.model;
    shape.sequence = 16;
    assert_int_equal(decoder_create(&decoder, &shape, &error), LTM_OK);
    assert_int_equal(model_file_write(path, decoder, &wide, 7, "", &error), LTM_OK);
    decoder_free(decoder);
    assert_refused("model.sequence = 1048576, too large for its weights: the maximum is 524288");
}

int main(void) {
    path = test_path("model.safetensors");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(what_is_written_with_each_key_reads_back),
        cmocka_unit_test(a_larger_shape_than_the_weights_is_refused),
        cmocka_unit_test(a_hundred_bytes_cannot_ask_for_terabytes),
        cmocka_unit_test(a_sequence_is_in_proportion_to_the_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
