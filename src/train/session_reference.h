/* What direct preference optimisation compares with. */
#pragma once

#include "train/session_state.h"

/* With slow.objective = dpo: take log p of all answers with the weights as they are at the run's beginning, and keep it in the run's
 * folder, from where a resume reads it. */
ltm_status session_reference(struct session *s, struct ltm_error *error);
