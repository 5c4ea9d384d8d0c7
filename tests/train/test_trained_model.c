/* A checkpoint may come from anybody: its parts must belong together. */
#include "support/trainer_rig.h"
#include "text/model_bytes.h"

#include "train/checkpoint.h"
#include "train/trained_model.h"

enum { VOCAB = 32 };

static struct ltm_config tiny(void) {
    struct ltm_config c;
    ltm_config_defaults(&c);
    c.model = (struct ltm_model_config){.dim = 8,
                                        .layers = 1,
                                        .heads = 1,
                                        .kv_heads = 1,
                                        .ffn_multiple = 8,
                                        .sequence = 9,
                                        .window = 5,
                                        .vocab = VOCAB,
                                        .latents = 1};
    c.slow.batch = 2;
    c.run.threads = 1;
    ltm_config_resolve(&c);
    return c;
}

/* A run's folder with one checkpoint of a model of VOCAB tokens, and a tokenizer of 29 pieces and `more`. */
static const char *write_run(const char *name, int more, const char *digest) {
    const struct ltm_config c = tiny();
    const struct checkpoint_state state = {.step = 1, .best_step = 1};
    const char *run = at(name), *tokenizer = make_model("pieces.model", more, true, true);
    struct ltm_tokenizer *opened;
    struct rig rig;
    assert_ok(ltm_tokenizer_open(&opened, tokenizer, &error));
    assert_int_equal(ltm_tokenizer_vocab(opened), 29 + more);
    open_rig(&rig, &c);
    assert_ok(folder_create(run, &error));
    assert_ok(checkpoint_write(run, rig.decoder, &rig.trainer.adam, &c, &state, tokenizer,
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
    assert_says("has 33 pieces, and the model beside it knows 32 tokens only");
}

static void another_tokenizer_is_refused(void **state) {
    (void)state;
    struct ltm_model *model;
    assert_int_equal(ltm_model_open(&model, write_run("other", 0, "0123456789abcdef"), &error), LTM_MISMATCH);
    assert_says("is not the tokenizer that the model was trained with");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tokenizer_of_as_many_pieces_or_fewer_serves),
        cmocka_unit_test(a_tokenizer_with_tokens_that_the_model_lacks_is_refused),
        cmocka_unit_test(another_tokenizer_is_refused),
    };
    return cmocka_run_group_tests_name("trained_model", tests, make_folder, remove_folder);
}
