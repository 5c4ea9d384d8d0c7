/* The forms of an export, one file each: writes model.safetensors and what describes it. */
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
