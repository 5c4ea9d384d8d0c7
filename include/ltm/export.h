/* A model in the forms of other programs.
 *
 *     ltm_export("runs/demo", "demo-torch", LTM_EXPORT_TORCH, &error); */
#pragma once

#include "ltm/status.h"

LTM_C_BEGIN

enum ltm_export_form {
    LTM_EXPORT_TORCH, /* model.safetensors and model.py, a PyTorch module of this configuration that load_state_dict fills */
    LTM_EXPORT_LLAMA /* model.safetensors and config.json as transformers has them for LlamaForCausalLM, or with a window below
                         model.sequence for MistralForCausalLM */
};

/* "torch", "llama"; NULL behind the last. */
const char *ltm_export_name(int form);

/* Write the weights that a checkpoint (or a run: its best) is served with into `folder`, with its tokenizer.model where it has one, and
 * export.json, which says where they are from. A folder that holds anything but an export is refused. LTM_UNSUPPORTED names the key that
 * the form does not have. */
ltm_status ltm_export(const char *checkpoint, const char *folder, enum ltm_export_form form, struct ltm_error *error);

LTM_C_END
