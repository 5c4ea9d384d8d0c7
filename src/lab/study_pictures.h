/* The pictures of a study's page. */
#pragma once

#include "lab/report_page.h"
#include "lab/study_table.h"

/* Of one score: against parameters, latents, steps, tokens and compute, and the effect of latents. `which` numbers the
 * score. */
ltm_status study_pictures(struct report *report, const struct study_table *table, const struct study_score *score,
                          int which, struct ltm_error *error);

/* The colours of latent sizes, the same on the whole page: 0 for none, then by size. */
int study_colour(const struct study_table *table, double latents);

/* "no latents", "24 latents" */
const char *study_latents(char text[64], double latents);
