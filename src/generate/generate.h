/* Samples written by this process; ltm_generate divides them among processes. */
#pragma once

#include "ltm/generate.h"

/* As ltm_generate, of samples options->first … options->last - 1 here. */
ltm_status generate_samples(const struct ltm_model *model, const struct ltm_generate_options *options,
                            const struct ltm_generate_hooks *hooks, struct ltm_error *error);

/* 1 where there is none: the empty one. */
int64_t generate_prompt_count(const struct ltm_generate_options *options);
