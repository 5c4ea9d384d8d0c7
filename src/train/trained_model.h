/* The inside of struct ltm_model (include/ltm/model.h). */
#ifndef TRAIN_TRAINED_MODEL_H
#define TRAIN_TRAINED_MODEL_H

#include "ltm/model.h"
#include "model/decoder.h"

struct ltm_model {
    struct ltm_config config;
    struct decoder *decoder;
    struct ltm_tokenizer *tokenizer; /* or NULL */
    char digest[20];                 /* of the tokenizer it was trained with, or "" */
    int64_t step;
};

#endif
