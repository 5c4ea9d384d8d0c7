#include "train/schedule.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/choices.h"

struct schedule {
    const char *name, *help;
    double (*height)(double done); /* of the way from lr down to lr_min, 1 at done = 0, 0 at done = 1 */
    bool stable;                   /* stays at lr up to the last slow.decay of all steps */
    double share;                  /* slow.lr_min = auto stands for lr / share; 0: for zero */
};

static double half_cosine(double done) { return 0.5 * (1 + cos(acos(-1.0) * done)); }

static double straight(double done) { return 1 - done; }

static const struct schedule rows[] = {
    [LTM_SLOW_COSINE] = {"cosine", "half a cosine from slow.lr to slow.lr_min", half_cosine, false, 10},
    [LTM_SLOW_LINEAR] = {"linear", "a straight line from slow.lr to slow.lr_min", straight, false, 0},
    [LTM_SLOW_WSD] = {"wsd",
                      "stays at slow.lr, then a straight line over the last share slow.decay of all steps; such a run "
                      "can be extended",
                      straight, true, 0},
};

enum { ROWS = sizeof rows / sizeof *rows };

struct choice slow_schedule_choice(int i) {
    return i < ROWS ? (struct choice){rows[i].name, rows[i].help} : (struct choice){NULL, NULL};
}

double slow_schedule_least(const struct ltm_slow_config *config) {
    const double share = rows[config->schedule].share;
    return share > 0 ? config->lr / share : 0;
}

double slow_steady_steps(const struct ltm_slow_config *config, double steps) {
    const double stable = steps - ceil(config->decay * steps);
    return rows[config->schedule].stable && stable > config->warmup ? stable : config->warmup;
}

double slow_rate(const struct ltm_slow_config *config, double step, double steps) {
    const double steady = slow_steady_steps(config, steps);
    if (step < config->warmup) return config->lr * (step + 1) / config->warmup;
    if (step < steady || steps <= steady) return config->lr;
    const double least = config->lr_min == LTM_AUTO ? slow_schedule_least(config) : config->lr_min;
    const double done = (step - steady) / (steps - steady);
    return least + rows[config->schedule].height(done) * (config->lr - least);
}
