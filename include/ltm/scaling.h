/* How training would scale over machines: a model of the slow step, from the speed of one machine and of a network.
 *
 * A step of n processes takes compute + exposed + share + update seconds. With G groups of g sequences of T tokens, t threads,
 * f operations per token (ltm_training_flops), P weights, p parts (slow.parts, or G), bandwidth β and latency λ:
 *
 *     rounds   R = ceil(groups of the busiest process / t)
 *     compute  = R · t · g T f / speed
 *     sums     S = R or, if parts have several groups, the parts of that process: how often gradients are handed over
 *     traffic  c = (parts of that process) · (4 P (n - 1)/n / β + messages · λ) / S
 *     hidden   H = min(c · in flight, compute / S - backward) + backward
 *     exposed  = max(c · (share of the embedding, which comes last), S c - (S - 1) · H - backward)
 *     share    = 4 P (n - 1)/n / β + windows · λ · log2 n       (weights, after the step)
 *     update   = (32 P / n + 8 P) / memory bandwidth            (optimiser; packing)
 *
 * In flight: while the next group's fast loop runs, all of a part's gradient can be in transit if parts have several groups, else
 * two layers and the embedding. backward is that of one group.
 *
 * Efficiency is the time of one process over n times that of n, at the same batch. Not modelled: processes of unequal speed,
 * networks whose bandwidth falls under load, the cores that MPI itself uses, checkpoints and held-out scores.
 * tests/bench/README.md compares the model with measurements. */
#pragma once

#include <stdbool.h>

#include "ltm/config.h"
#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_scaling_options {
    double speed;            /* of one process with all threads: useful operations per second */
    double memory_bandwidth; /* bytes per second; 0 = ignore the update */
    double bandwidth;        /* of the network, bytes per second in each direction */
    double latency;          /* seconds */
};

struct ltm_scaling {
    bool possible; /* false: more processes than parts; all else is zero */
    double compute, exposed, share, update, seconds;
    double sent;         /* bytes per step, by one process */
    double memory_bytes; /* of one process */
    double efficiency;
};

/* One slow step of `config` (checked, vocab known) over `processes` processes of run.threads threads each. */
ltm_status ltm_scaling_model(const struct ltm_config *config, const struct ltm_scaling_options *options, int processes,
                             struct ltm_scaling *scaling, struct ltm_error *error);

LTM_C_END
