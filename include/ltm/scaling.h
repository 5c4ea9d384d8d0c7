/* How training would scale over machines: a model of the slow step, from one machine's speed and a network's.
 *
 * A step of n processes takes compute + exposed + share + update seconds. With G groups of g sequences of T tokens, t threads,
 * f operations a token (ltm_training_flops), P weights, p parts (slow.parts, or G), bandwidth β and latency λ:
 *
 *     rounds   R = ceil(groups of the busiest process / t)
 *     compute  = R · t · g T f / speed
 *     sums     S = R, or, where parts hold several groups, the parts of that process: how often gradients are handed over
 *     traffic  c = (parts of that process) · (4 P (n - 1)/n / β + messages · λ) / S
 *     hidden   H = min(c · in flight, compute / S - backward) + backward
 *     exposed  = max(c · (share of the embedding, which comes last), S c - (S - 1) · H - backward)
 *     share    = 4 P (n - 1)/n / β + windows · λ · log2 n       (weights, after the step)
 *     update   = (32 P / n + 8 P) / memory bandwidth            (optimiser; packing)
 *
 * In flight while the next group's fast loop runs can be all of a part's gradient where parts hold several groups, else two layers
 * and the embedding. backward is a group's.
 *
 * Efficiency is the time of one process over n times that of n, at the same batch. What it leaves out: processes that are not
 * equally fast, networks whose bandwidth falls with their load, the cores that MPI itself takes, checkpoints and held-out scores.
 * tests/bench/README.md compares it with what was measured. */
#pragma once

#include <stdbool.h>

#include "ltm/config.h"
#include "ltm/status.h"

LTM_C_BEGIN

struct ltm_scaling_options {
    double speed;            /* of one process, all threads: operations of useful work a second */
    double memory_bandwidth; /* bytes a second; 0 = update is not counted */
    double bandwidth;        /* of the network, bytes a second in each direction */
    double latency;          /* seconds */
};

struct ltm_scaling {
    bool possible; /* false: more processes than parts; all else is zero */
    double compute, exposed, share, update, seconds;
    double sent;         /* bytes a step, of one process */
    double memory_bytes; /* of one process */
    double efficiency;
};

/* One slow step of `config` (checked, vocab known) over so many processes of run.threads threads each. */
ltm_status ltm_scaling_model(const struct ltm_config *config, const struct ltm_scaling_options *options, int processes,
                             struct ltm_scaling *scaling, struct ltm_error *error);

LTM_C_END
