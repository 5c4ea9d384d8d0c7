/* Options of a few-shot run: checked, resolved, and recorded as the settings that its items depend on. */
#pragma once

#include "fewshot/item_record.h"
#include "ltm/model.h"

/* Fill `run` from options, the task's own settings and the model's. LTM_INVALID for values out of range. */
ltm_status fewshot_settle(struct fewshot_run *run, const struct ltm_model *model, const struct task *task,
                          const struct ltm_fewshot_options *options, struct ltm_error *error);

/* All settings that a figure depends on, as one flat JSON object; the caller's. `decoder` is the one in use. */
ltm_status fewshot_settings(json_t **settings, const struct fewshot_run *run, const struct ltm_model *model,
                            const struct decoder *decoder, struct ltm_error *error);

/* Whether settings hold this key only where it is not as the model was trained: other loops, frozen latents. */
bool fewshot_is_control_setting(const char *key);
