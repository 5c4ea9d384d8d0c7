/* Exits (model/exits.h) of a stream's step: tokens that have left are set aside, the others continue as rows of a
 * smaller step. All functions but the first are called by all threads of the step and end in stage_meet(). */
#pragma once

#include "model/exits.h"
#include "stages/stage.h"

struct stream_exits {
    struct exits each;    /* of the step's rows */
    struct stage_step io; /* of the rows that run the next loop */
    float *rest;          /* (rows, d): the residual stream of the whole step, where those that leave put theirs */
    int *row;             /* [slots]: which row of the whole step each is */
    int *slots;           /* [slots] */
    int *leaver;          /* [slots]: the slots of those that left behind the last loop … */
    int leaving;          /* … and how many they are */
    double *change;       /* [slots]: by the last loop */
    float *before;        /* (slots, d): the state before the loop */
    float *h, *first, *entry, *values; /* as stage_step's; the last three NULL where that has none */
    float *probe;                      /* kl: (slots, d), what the output layer reads */
    float *last, *now;                 /* kl: (slots, V), its logits before the loop and behind it */
};

/* What reads the state for eval.exit = kl. */
struct stream_output {
    const struct stage_kind *norm, *output;
    struct stage_weights norm_weights, output_weights;
};

void stream_exits_lay_out(struct stream_exits *exits, struct arena *arena, const struct plan *plan, int slots);

/* Before the core's first application: all rows of the step run. */
void stream_exits_begin(struct stream_exits *exits, const struct stage_step *whole, const struct stream_output *output);

/* Behind a loop that so many more come behind: exits->leaver become those that leave, exits->io what is left. */
void stream_exits_end_loop(struct stream_exits *exits, int behind, const struct stream_output *output);
