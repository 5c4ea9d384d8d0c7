/* The teacher of latent prediction (slow.predict_latents): the decoder with the averaged weights of slow.ema. For each draw of z its
 * states are what the head of stages/latent_prediction.h aims at: one forward pass more a draw, without the output layer. */
#pragma once

#include "train/group.h"

struct teacher_thread {
    struct decoder_pass *pass;
    struct latent_aim aim; /* (G T, d) and (G T) */
};

struct teacher {
    struct decoder *decoder;     /* over the optimiser's average */
    struct teacher_thread *each; /* [threads] */
    int threads;
    double *scores; /* [2 batch]: of each sequence its loss, mean over draws and tokens, and the spread of the states */
};

/* NULL where slow.predict_latents is 0. Borrows the trainer, whose optimiser and workers are made. */
ltm_status teacher_create(struct teacher **teacher, const struct trainer *trainer, struct ltm_error *error);
void teacher_free(struct teacher *teacher);

/* What teacher_create allocates with so many threads, in bytes. */
size_t teacher_bytes(const struct ltm_config *config, const struct plan *plan, int threads);

/* Operations of useful work a token and draw, its head's three passes included, where a forward pass takes `forward`. */
double teacher_flops(const struct ltm_model_config *config, double forward);

/* A slow step begins, with the window and loops of the trainer's decoder. */
void teacher_begin(struct teacher *teacher, const struct trainer *trainer);

/* Read the group's tokens; then for each draw: aim the worker's pass at the states under the draw's z, and keep what came of it. */
void teacher_read(const struct group *group);
void teacher_aim(const struct group *group);
void teacher_keep(const struct group *group);

/* Means over the batch's sequences, of all processes: loss, and the standard deviation of a state over its sequence, root mean square of its
 * numbers, which are about 1 in size: 0 says that the teacher has collapsed. */
struct teacher_score {
    double loss;
    double spread;
};
ltm_status teacher_score(struct teacher_score *mean, struct teacher *teacher, int batch, struct ltm_error *error);
