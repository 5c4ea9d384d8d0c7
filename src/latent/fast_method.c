#include "latent/fast_method.h"

#include "config/choices.h"
#include "latent/posterior.h"

static const struct fast_method *const rows[] = {
    [LTM_FAST_ADAM] = &method_adam,
    [LTM_FAST_NATURAL] = &method_natural,
    [LTM_FAST_LANGEVIN] = &method_langevin,
};

enum { ROWS = sizeof rows / sizeof rows[0] };

const struct fast_method *fast_method_of(const struct ltm_fast_config *config) { return rows[config->method]; }

int fast_method_arrays(const struct ltm_fast_config *config) {
    int most = 0;
    if (config) return rows[config->method]->arrays;
    for (int i = 0; i < ROWS; i++) most = rows[i]->arrays > most ? rows[i]->arrays : most;
    return most;
}

void fast_method_draw(struct fast_fit *fit) { posterior_sample(fit->z, fit->mu, fit->logvar, fit->noise, fit->n); }

struct choice fast_method_choice(int i) {
    return i < ROWS ? (struct choice){rows[i]->name, rows[i]->help} : (struct choice){NULL, NULL};
}

double fast_method_rate(const struct ltm_fast_config *config) { return rows[config->method]->lr; }

ltm_status fast_method_check(const struct ltm_config *config, struct ltm_error *error) {
    const struct fast_method *method = rows[config->fast.method];
    return method->check ? method->check(config, error) : LTM_OK;
}
