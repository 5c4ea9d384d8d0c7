/* Models exported for other programs.
 *
 *     ltm_export("runs/demo", "demo-torch", LTM_EXPORT_TORCH, &error); */
#pragma once

#include "ltm/status.h"

LTM_C_BEGIN

enum ltm_export_form {
    LTM_EXPORT_TORCH, /* model.safetensors and model.py, a PyTorch module of this configuration, filled by load_state_dict */
    LTM_EXPORT_LLAMA /* model.safetensors and config.json as in transformers for LlamaForCausalLM, or with a window below
                         model.sequence for MistralForCausalLM */
};

/* "torch", "llama"; NULL after the last. */
const char *ltm_export_name(int form);

/* Write the weights that a checkpoint (or a run: its best) is used with to `folder`, with its tokenizer.model if it has one, and
 * export.json, which names their source. A folder that contains anything but an export is refused. LTM_UNSUPPORTED names the key that
 * the form cannot express. */
ltm_status ltm_export(const char *checkpoint, const char *folder, enum ltm_export_form form, struct ltm_error *error);

LTM_C_END
