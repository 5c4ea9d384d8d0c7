/* The inside of struct ltm_model (include/ltm/model.h). */
#pragma once

#include "ltm/model.h"
#include "model/decoder.h"

struct ltm_model {
    struct ltm_config config;
    struct decoder *decoder;
    struct ltm_tokenizer *tokenizer; /* or NULL */
    char digest[20];                 /* of the tokenizer it was trained with, or "" */
    int64_t step;
};

/* A second decoder over the model's weights, packed for products in a precision; free it before the model. Auto is the
 * precision that the model was trained in, if this machine has it: a score's bits depend on the checkpoint, not on the
 * faster precision here. loops of the core, 0 = the model's. LTM_UNSUPPORTED for bf16 if it is not available. */
ltm_status trained_model_decoder(struct decoder **decoder, const struct ltm_model *model, int precision, int loops,
                                 int threads, struct ltm_error *error);
