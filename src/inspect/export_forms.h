/* The export formats, one file each: each writes model.safetensors and its description. */
#pragma once

#include "base/error.h"
#include "train/trained_model.h"

struct export_form {
    const char *name;
    ltm_status (*check)(const struct ltm_model *model, struct ltm_error *error); /* before anything is written */
    ltm_status (*write)(const struct ltm_model *model, const char *folder, struct ltm_error *error);
};

extern const struct export_form export_torch;
extern const struct export_form export_llama;
