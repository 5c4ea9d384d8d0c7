/* What the configuration needs from the tables whose rows are the values of a key. The tables are in higher layers, so it cannot include
 * them: it declares the functions here, and each is defined beside its table. */
#pragma once

#include "base/error.h"
#include "ltm/config.h"

struct choice {
    const char *name;
    const char *help; /* NULL if the key's own help says it */
};

/* fast.method, in latent/fast_method.c. The i-th row, name NULL after the last. */
struct choice fast_method_choice(int i);
double fast_method_rate(const struct ltm_fast_config *config); /* what fast.lr = auto stands for */
ltm_status fast_method_check(const struct ltm_config *config, struct ltm_error *error);

/* slow.objective, in train/objective.c. */
struct choice objective_choice(int i);
ltm_status objective_check(const struct ltm_config *config, struct ltm_error *error);

/* slow.schedule, in train/schedule.c. */
struct choice slow_schedule_choice(int i);
double slow_schedule_least(const struct ltm_slow_config *config); /* what slow.lr_min = auto stands for */

/* slow.optimizer, in train/optimiser.c. */
struct choice optimiser_choice(int i);
ltm_status optimiser_check(const struct ltm_config *config, struct ltm_error *error);
