/* A checkpoint may come from anybody: its parts must belong together. */
#include "support/small_config.h"
#include "support/trainer_rig.h"
#include "text/model_bytes.h"

#include "train/checkpoint.h"
#include "train/trained_model.h"

enum { VOCAB = 32 };

static struct ltm_config tiny(void) {
    struct ltm_config c = small_config(VOCAB, 9);
    c.model.layers = 1;
    c.model.heads = 1;
    c.model.window = 5;
    c.model.latents = 1;
    c.slow.batch = 2;
    c.run.threads = 1;
    c.run.precision = LTM_PRECISION_FP32;
    ltm_config_resolve(&c);
    return c;
}

/* A run's folder with one checkpoint of a model of VOCAB tokens, and a tokenizer of 29 pieces and `more`. */
static const char *write_run(const char *name, int more, const char *digest) {
    const struct ltm_config c = tiny();
    const struct checkpoint_state state = {.step = 1, .best_step = 1};
    const char *run = at(name);
    const char *tokenizer = make_model("pieces.model", more, true, true);
    struct ltm_tokenizer *opened;
    struct rig rig;
    assert_ok(ltm_tokenizer_open(&opened, tokenizer, &error));
    assert_int_equal(ltm_tokenizer_vocab(opened), 29 + more);
    open_rig(&rig, &c);
    assert_ok(folder_create(run, &error));
    assert_ok(checkpoint_write(run, rig.decoder, &rig.trainer.optimiser, &c, &state, tokenizer,
                               digest ? digest : ltm_tokenizer_digest(opened), &error));
    close_rig(&rig);
    ltm_tokenizer_close(opened);
    return run;
}

static void a_tokenizer_of_as_many_pieces_or_fewer_serves(void **state) {
    (void)state;
    for (int more = 0; more <= VOCAB - 29; more += VOCAB - 29) {
        struct ltm_model *model;
        assert_ok(ltm_model_open(&model, write_run(more ? "as-many" : "fewer", more, NULL), &error));
        assert_non_null(ltm_model_tokenizer(model));
        ltm_model_close(model);
    }
}

static void a_tokenizer_with_tokens_that_the_model_lacks_is_refused(void **state) {
    (void)state;
    struct ltm_model *model;
    assert_int_equal(ltm_model_open(&model, write_run("more", VOCAB - 29 + 1, NULL), &error), LTM_MISMATCH);
    assert_null(model);
    assert_says("has 33 pieces, but the model beside it has only 32 tokens");
}

static void another_tokenizer_is_refused(void **state) {
    (void)state;
    struct ltm_model *model;
    assert_int_equal(ltm_model_open(&model, write_run("other", 0, "0123456789abcdef"), &error), LTM_MISMATCH);
    assert_says("is not the tokenizer that the model was trained with");
}

/* The weights that a checkpoint's scores are of are opened: their average where that did better. */
static void what_did_better_is_served(void **state) {
    (void)state;
    for (int averaged = 0; averaged <= 1; averaged++) {
        struct ltm_config c = tiny();
        const struct checkpoint_state done = {.step = 1, .best_step = 1, .averaged = averaged};
        const char *run = at(averaged ? "averaged" : "raw");
        struct ltm_model *model;
        struct rig rig;
        char path[700];
        c.slow.ema = 0.5;
        open_rig(&rig, &c);
        const size_t n = rig.decoder->plan.table.size;
        for (size_t i = 0; i < n; i++) rig.trainer.optimiser.average[i] = 2 * rig.decoder->weights[i];
        assert_ok(folder_create(run, &error));
        assert_ok(checkpoint_write(run, rig.decoder, &rig.trainer.optimiser, &c, &done, NULL, "", &error));
        assert_ok(ltm_model_open(&model, run, &error));
        assert_memory_equal(model->decoder->weights, averaged ? rig.trainer.optimiser.average : rig.decoder->weights,
                            n * sizeof(float));
        ltm_model_close(model);
        close_rig(&rig);
        snprintf(path, sizeof path, "%s/checkpoints/step-00000001/ema.safetensors", run);
        assert_int_equal(remove(path), 0);
        assert_int_equal(ltm_model_open(&model, run, &error) == LTM_OK, false);
    }
}

/* Replaces what stands behind `key` in the checkpoint's state.json, and leaves out its own checksum, as before there was one. */
static void write_state(const char *run, const char *key, const char *value) {
    char path[600];
    char *text;
    char *after;
    size_t bytes;
    FILE *file;
    snprintf(path, sizeof path, "%s/checkpoints/step-00000001/state.json", run);
    assert_ok(file_read_text(&text, &bytes, path, 1 << 16, &error));
    after = strstr(text, ",\n  \"checksum\"");
    assert_non_null(after);
    strcpy(after, "\n}");
    after = strstr(text, key);
    assert_non_null(after);
    assert_non_null(file = fopen(path, "w"));
    fprintf(file, "%.*s%s: %s%s", (int)(after - text), text, key, value, after + strcspn(after, ",\n"));
    assert_int_equal(fclose(file), 0);
    free(text);
}

static ltm_status resume(const char *run, int64_t *step) {
    const struct ltm_config c = tiny();
    struct checkpoint_state state = {0};
    struct rig rig;
    open_rig(&rig, &c);
    const ltm_status status =
        checkpoint_read_newest(run, rig.decoder, &rig.trainer.optimiser, &c, &state, NULL, &error);
    *step = state.step;
    close_rig(&rig);
    return status;
}

static void a_state_that_no_run_has_is_refused(void **state) {
    (void)state;
    static const char *const wrong[][2] = {{"\"step\"", "-3"},
                                           {"\"step\"", "9223372036854775807"},
                                           {"\"step\"", "1e3"},
                                           {"\"log_bytes\"", "-1"},
                                           {"\"log_bytes\"", "\"many\""},
                                           {"\"step\"", "2"}, /* the folder and the model are of step 1 */
                                           {"\"skipped\"", "2"},
                                           {"\"skipped\"", "-7"},
                                           {"\"diverged\"", "9223372036854775807"},
                                           {"\"loss_variance\"", "-1.0"},
                                           {"\"best_step\"", "5"}};
    int64_t step;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char name[32];
        snprintf(name, sizeof name, "state-%zu", i);
        const char *run = write_run(name, 0, NULL);
        assert_ok(resume(run, &step));
        assert_int_equal(step, 1);
        write_state(run, wrong[i][0], wrong[i][1]);
        assert_int_equal(resume(run, &step), LTM_CORRUPT);
    }
}

/* Bit rot anywhere in state.json is found by its own checksum. */
static void a_state_with_a_wrong_byte_is_refused(void **state) {
    (void)state;
    const char *run = write_run("rotten", 0, NULL);
    char path[600];
    char *text;
    size_t bytes;
    int64_t step;
    snprintf(path, sizeof path, "%s/checkpoints/step-00000001/state.json", run);
    assert_ok(file_read_text(&text, &bytes, path, 1 << 16, &error));
    const size_t name =
        (size_t)(strstr(text, "\"checksum\"") - text); /* without it there is none, and the rest is whole */
    for (size_t i = 0; i < bytes; i++) {
        if (i >= name && i < name + sizeof "checksum" + 1) continue;
        text[i] ^= 1;
        assert_ok(file_write_text(path, text, &error));
        if (resume(run, &step) != LTM_CORRUPT) fail_msg("byte %zu: %c", i, text[i]);
        text[i] ^= 1;
    }
    assert_ok(file_write_text(path, text, &error));
    assert_ok(resume(run, &step));
    assert_int_equal(step, 1);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tokenizer_of_as_many_pieces_or_fewer_serves),
        cmocka_unit_test(a_tokenizer_with_tokens_that_the_model_lacks_is_refused),
        cmocka_unit_test(another_tokenizer_is_refused),
        cmocka_unit_test(what_did_better_is_served),
        cmocka_unit_test(a_state_that_no_run_has_is_refused),
        cmocka_unit_test(a_state_with_a_wrong_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
