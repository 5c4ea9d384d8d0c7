/* Fits and their answers as JSON, as `report` and `fit` print them. */
#pragma once

#include <jansson.h>

#include "ltm/fit.h"

json_t *fit_json(const struct ltm_fit_info *info);
json_t *answer_json(const struct ltm_fit_answer *answer);
