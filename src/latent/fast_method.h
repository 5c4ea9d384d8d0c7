/* The methods that fit a posterior: one row each, one file each.
 *
 * To add one: copy method_adam.c to method_NAME.c, name its row below and in fast_method.c, and give it a constant in
 * enum ltm_fast_method (ltm/config.h). Its name is then a value of fast.method; nothing else knows it. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "ltm/config.h"

enum { FAST_METHOD_ARRAYS = 8 }; /* that a method keeps, at most */

/* What a method works on: the posteriors of a group in one, n = G N_z d entries an array. */
struct fast_fit {
    const struct ltm_fast_config *config;
    size_t n;
    float *mu, *logvar;
    float *z;                        /* where the gradient is taken */
    const float *noise;              /* ε of this step */
    const float *dz;                 /* the gradient of -log p(x|z) at z: the prior's part is the method's to add */
    float *kept[FAST_METHOD_ARRAYS]; /* the method's own `arrays` from step to step; zero at first */
    int step;                        /* from 0 to config->steps - 1 */
    double rate;                     /* of this step (fast_rate) */
};

/* Every hook must treat the entries one by one: sequences of a group do not meet in the fast loop. */
struct fast_method {
    const char *name, *help;
    double lr; /* what fast.lr = auto stands for */
    int arrays;
    void (*start)(struct fast_fit *fit);  /* behind the initial μ and log σ²; NULL: the arrays stay zero */
    void (*enter)(struct fast_fit *fit);  /* before the first step, with noise of its own; NULL: none is drawn */
    void (*place)(struct fast_fit *fit);  /* z from μ, log σ² and ε */
    void (*step)(struct fast_fit *fit);   /* of μ and log σ², with dz */
    void (*finish)(struct fast_fit *fit); /* μ and log σ² from what the steps left; NULL: they are as they stand */
    /* What the method asks of other keys, LTM_INVALID with a sentence; NULL: nothing. */
    ltm_status (*check)(const struct ltm_config *config, struct ltm_error *error);
};

enum { METHOD_NATURAL_CURVATURE }; /* of the arrays of `natural`: h, which posteriors that are stored keep with μ */

extern const struct fast_method method_adam;
extern const struct fast_method method_natural;
extern const struct fast_method method_langevin;

/* The row of config->method. */
const struct fast_method *fast_method_of(const struct ltm_fast_config *config);

/* The arrays of config->method; config NULL: as many as any method needs. */
int fast_method_arrays(const struct ltm_fast_config *config);

/* z = μ + σ ε, where most methods take their gradient. */
void fast_method_draw(struct fast_fit *fit);
