/* A tiny model with random weights and a tokenizer of its own, and task files beside it. */
#ifndef TESTS_FEWSHOT_FIXTURE_H
#define TESTS_FEWSHOT_FIXTURE_H

#include "support/shards.h"
#include "support/small_config.h"
#include "support/unit.h"

#include "base/files.h"
#include "ltm/fewshot.h"
#include "train/trained_model.h"

static inline void fixture_put(const char *name, const char *text) {
    assert_int_equal(file_write_text(test_path("%s", name), text, NULL), LTM_OK);
}

/* Weights so large that predictions differ much from token to token and from z to z; `change`: NULL, or what is otherwise. */
static inline struct ltm_model *fixture_model_of(int latents, int sequence, void (*change)(struct ltm_model_config *)) {
    static bool have_tokenizer;
    const char *const text = test_path("text.txt");
    const char *const tok = test_path("tok.model");
    struct ltm_error error = {0};
    if (!have_tokenizer) {
        fixture_put("text.txt",
                    "the cat sat on the mat and the dog sat by the door\nred green blue one two three four\n"
                    "Question: what is it?\nAnswer: it is the cat #### 7\nthe sun and the moon and the sea\n");
        struct ltm_tokenizer_train_options options = ltm_tokenizer_train_defaults();
        options.output = tok;
        options.vocab = 300;
        options.threads = 1;
        options.input = (struct ltm_text_input){.paths = &text, .count = 1};
        if (ltm_tokenizer_train(&options, NULL, &error) != LTM_OK) fail_msg("%s", error.message);
        have_tokenizer = true;
    }
    struct ltm_model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    if (ltm_tokenizer_open(&model->tokenizer, tok, &error) != LTM_OK) fail_msg("%s", error.message);
    model->config = small_config(ltm_tokenizer_vocab(model->tokenizer), sequence);
    model->config.model.dim = 16;
    model->config.model.latents = latents;
    if (change) change(&model->config.model);
    model->config.fast =
        (struct ltm_fast_config){.method = LTM_FAST_NATURAL, .steps = 3, .lr = 0.3, .curvature_rate = 0.3, .trust = 1};
    model->config.run.precision = LTM_PRECISION_FP32;
    strcpy(model->digest, ltm_tokenizer_digest(model->tokenizer));
    assert_int_equal(decoder_create(&model->decoder, &model->config.model, NULL), LTM_OK);
    weights_initialise(model->decoder->weights, &model->decoder->plan.table, 1, 5);
    for (int i = 0; i < model->decoder->plan.table.count; i++) {
        const struct weight *w = &model->decoder->plan.table.weights[i];
        if (w->rank > 1)
            for (int j = 0; j < w->rows * w->columns; j++) model->decoder->weights[w->offset + (size_t)j] *= 20;
    }
    return model;
}

static inline struct ltm_model *fixture_model(int latents, int sequence) {
    return fixture_model_of(latents, sequence, NULL);
}

#endif
