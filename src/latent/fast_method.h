/* The methods that fit a posterior: one row each, one file each.
 *
 * To add one: copy method_adam.c to method_NAME.c, name its row below and in fast_method.c, and give it a constant in
 * enum ltm_fast_method (ltm/config.h). Its name is then a value of fast.method; nothing else knows it. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "ltm/config.h"

enum { FAST_METHOD_ARRAYS = 8 }; /* maximum number of a method's arrays */

/* A method's data: the posteriors of a group together, n = G N_z d entries per array. */
struct fast_fit {
    const struct ltm_fast_config *config;
    size_t n;
    float *mu, *logvar;
    float *z;                        /* the point of the gradient */
    const float *noise;              /* ε of this step */
    const float *dz;                 /* the gradient of -log p(x|z) at z; the method adds that of the prior */
    float *kept[FAST_METHOD_ARRAYS]; /* the method's own `arrays`, kept from step to step; initially zero */
    int step;                        /* from 0 to config->steps - 1 */
    double rate;                     /* of this step (fast_rate) */
};

/* Every hook must work elementwise: sequences of a group do not interact in the fast loop. */
struct fast_method {
    const char *name, *help;
    double lr; /* the value of fast.lr = auto */
    int arrays;
    void (*start)(struct fast_fit *fit);  /* after the initial μ and log σ²; NULL: the arrays stay zero */
    void (*enter)(struct fast_fit *fit);  /* before the first step, with noise of its own; NULL: none is drawn */
    void (*place)(struct fast_fit *fit);  /* z from μ, log σ² and ε */
    void (*step)(struct fast_fit *fit);   /* of μ and log σ², with dz */
    void (*finish)(struct fast_fit *fit); /* μ and log σ² from the state after the steps; NULL: they are final */
    /* Checks the method's requirements on other keys, LTM_INVALID with a sentence; NULL: none. */
    ltm_status (*check)(const struct ltm_config *config, struct ltm_error *error);
};

enum { METHOD_NATURAL_CURVATURE }; /* among the arrays of `natural`: h, stored with μ in stored posteriors */

extern const struct fast_method method_adam;
extern const struct fast_method method_natural;
extern const struct fast_method method_langevin;

/* The row of config->method. */
const struct fast_method *fast_method_of(const struct ltm_fast_config *config);

/* The arrays of config->method; config NULL: as many as any method needs. */
int fast_method_arrays(const struct ltm_fast_config *config);

/* z = μ + σ ε, the point at which most methods take their gradient. */
void fast_method_draw(struct fast_fit *fit);
