#include "train/trained_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "math/bf16.h"
#include "math/matmul.h"
#include "model/model_file.h"
#include "train/checkpoint.h"

static ltm_status open_tokenizer(struct ltm_model *model, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    ltm_status status = path_join(path, sizeof path, folder, "tokenizer.model", error);
    if (status != LTM_OK || !file_exists(path)) return status;
    PASS_UP(ltm_tokenizer_open(&model->tokenizer, path, error));
    if (strcmp(ltm_tokenizer_digest(model->tokenizer), model->digest) != 0)
        return fail(error, LTM_MISMATCH, "%s is not the tokenizer that the model was trained with (%s, not %s)", path,
                    ltm_tokenizer_digest(model->tokenizer), model->digest);
    const int pieces = ltm_tokenizer_vocab(model->tokenizer);
    const int vocab = model->config.model.vocab;
    if (pieces > vocab)
        return fail(error, LTM_MISMATCH, "%s has %d pieces, but the model beside it has only %d tokens", path, pieces,
                    vocab);
    return LTM_OK;
}

ltm_status ltm_model_open(struct ltm_model **model, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct ltm_model *made = NULL;
    struct ltm_config defaults;
    char folder[LTM_PATH_MAX];
    char file[LTM_PATH_MAX];
    *model = NULL;
    TRY(matmul_start(error));
    TRY(checkpoint_find(folder, sizeof folder, path, error));
    TRY(checkpoint_verify(folder, false, error));
    TRY(NEW_ARRAY(made, 1, "a model", error));
    TRY(checkpoint_served(file, sizeof file, folder, error));
    TRY(model_file_read(file, &made->decoder, &made->config, &made->step, made->digest, error));
    if (made->config.model.kind == LTM_MODEL_SOLVER)
        TRY(fail(error, LTM_UNSUPPORTED,
                 "%s is a solver of puzzles (model.kind = solver), which reads no text: ltm train, eval, inspect and "
                 "report take one",
                 path));
    TRY(open_tokenizer(made, folder, error));
    /* What was settled for the machine and the scores of the training is no part of the model. */
    ltm_config_defaults(&defaults);
    made->config.eval = defaults.eval;
    made->config.run.threads = defaults.run.threads;
    *model = made;
    made = NULL;
cleanup:
    ltm_model_close(made);
    return status;
}

void ltm_model_close(struct ltm_model *model) {
    if (!model) return;
    decoder_free(model->decoder);
    ltm_tokenizer_close(model->tokenizer);
    free(model);
}

const struct ltm_config *ltm_model_config(const struct ltm_model *model) { return &model->config; }

const struct ltm_tokenizer *ltm_model_tokenizer(const struct ltm_model *model) { return model->tokenizer; }

int64_t ltm_model_step(const struct ltm_model *model) { return model->step; }

ltm_status trained_model_decoder(struct decoder **decoder, const struct ltm_model *model, int precision, int loops,
                                 int threads, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *decoder = NULL;
    if (precision == LTM_PRECISION_AUTO && !bf16_missing()) precision = model->config.run.precision;
    if (precision == LTM_PRECISION_BF16 && bf16_missing())
        return fail(error, LTM_UNSUPPORTED, "run.precision = bf16 is not possible here: %s; use auto or fp32",
                    bf16_missing());
    TRY(decoder_share(decoder, model->decoder, loops, error));
    if (precision == LTM_PRECISION_BF16) TRY(decoder_use_bf16(*decoder, error));
    TRY(decoder_pack(*decoder, threads, error));
    return LTM_OK;
cleanup:
    decoder_free(*decoder);
    *decoder = NULL;
    return status;
}
