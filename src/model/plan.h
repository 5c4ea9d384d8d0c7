/* The plan of a model: which stages the decoder runs, on which block of weights, in which order. Made from the configuration; forward
 * and backward passes, generation, sizes of workspaces, operation counts and `inspect` all walk this one list.
 *
 * A layer that is applied again is its block listed again: the gradient of a block is zeroed at its last application, which the
 * backward pass meets first, and handed on at its first. A tied embedding is such a block: the first application and the last. Blocks
 * of the core, which runs in loops, are zeroed and handed on together. */
#pragma once

#include "stages/stage.h"
#include "stages/weights.h"

struct application {
    const struct stage_kind *kind;
    int block;
    int weight;  /* its first row in the table of weights */
    int product; /* its first product there, and how many it has */
    int products;
    int part; /* of the latents, where the kind reads them; else -1 */
};

/* The core's applications, loop by loop; a loop behind the first may begin with an injection. With one loop, or with model.order = AABB,
 * loops = 1: nothing is run as a whole again. */
struct plan_core {
    int loops;       /* listed … */
    int run;         /* … of which so many run, the last: as many, until plan_run says otherwise */
    int begin;       /* of applications: the first of loop 0 … */
    int end;         /* … and the first behind the core */
    int block_begin; /* of blocks: all that loops use */
    int block_end;
    bool injects;
};

struct plan {
    struct ltm_model_config config; /* nothing in it is auto but perhaps the vocabulary */
    struct weight_table table;
    struct application *applications;
    int count;
    struct plan_core core;
    size_t recurrent; /* weights that loops run again: of the core's layers; 0 with one loop */
    struct ltm_exit_config
        exit;     /* from the core's loops, of what is scored or generated (model/exits.h); none at first */
    bool plain;   /* a pass leaves the stream as it is where z is read: training before latents begin */
    double flops; /* of useful work a token, forward */
};

/* Only counted: no rows of weights, no list of applications; nothing to free. */
struct plan plan_counted(const struct ltm_model_config *config);

/* The shape must be valid (ltm_config_check) and vocab known; kv_heads may be auto. */
ltm_status plan_create(struct plan *plan, const struct ltm_model_config *config, struct ltm_error *error);
void plan_free(struct plan *plan);

/* The first application that reads latents; count where none does. */
int plan_first_reader(const struct plan *plan);

/* From now on a pass begins with so many of the core's loops; at most all of them. A decoder_stream runs all that are listed. */
void plan_run(struct plan *plan, int loops);

/* Are there loops that use the block? */
bool plan_in_loops(const struct plan *plan, int block);

/* Is the application of a loop too far from the last to have a gradient (loop.backprop)? It keeps nothing for a backward pass. */
bool plan_is_truncated(const struct plan *plan, int application);

/* The most loops that a position runs; with model.order = AABB, that each layer does. */
int plan_loops(const struct plan *plan);

/* Do positions leave loops? */
bool plan_leaves(const struct plan *plan);

/* How many loops come behind the application, where it is the last of one of several; else -1. Applications of a loop behind the
 * first: the same one of the loop before is so far back. */
int plan_loops_behind(const struct plan *plan, int application);
int plan_loop_length(const struct plan *plan);

/* Where the last `loops` of the core's loops begin, at their injection or behind it. */
int plan_loop(const struct plan *plan, int loops);
int plan_loop_entered(const struct plan *plan, int loops);

/* Is the application the first of its kind? The first, or the last, of its block? Has a later one the same part of the latents? */
bool plan_leads_kind(const struct plan *plan, int application);
bool plan_begins_block(const struct plan *plan, int application);
bool plan_ends_block(const struct plan *plan, int application);
bool plan_part_read_later(const struct plan *plan, int application);

/* The maximum tokens of a sequence, so that workspaces are in proportion to the weights: opening a model of a
 * few kilobytes must not need gigabytes. Far above practical lengths: 64 MB for one activation, or 16 times the
 * weights. */
int model_longest_sequence(const struct ltm_model_config *config);
