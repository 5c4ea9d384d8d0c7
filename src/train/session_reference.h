/* The reference of direct preference optimisation. */
#pragma once

#include "train/session_state.h"

/* With slow.objective = dpo: compute log p of all answers with the initial weights, and store it in
 * the run's folder for resumes. */
ltm_status session_reference(struct session *s, struct ltm_error *error);
