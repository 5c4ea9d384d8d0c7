#include "train/objective.h"

#include "config/choices.h"

static const struct objective *const rows[] = {
    [LTM_OBJECTIVE_ELBO] = &objective_elbo,
    [LTM_OBJECTIVE_IWAE] = &objective_iwae,
    [LTM_OBJECTIVE_DPO] = &objective_dpo,
};

enum { ROWS = sizeof rows / sizeof rows[0] };

const struct objective *objective_of(const struct ltm_config *config) { return rows[config->slow.objective]; }

struct choice objective_choice(int i) {
    return i < ROWS ? (struct choice){rows[i]->name, rows[i]->help} : (struct choice){NULL, NULL};
}

ltm_status objective_check(const struct ltm_config *config, struct ltm_error *error) {
    const struct objective *objective = objective_of(config);
    return objective->check ? objective->check(config, error) : LTM_OK;
}
