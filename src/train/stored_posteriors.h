/* Posteriors of training sequences that are kept from one pass over the text to the next (fast.stored): a fit begins near where the last one
 * ended, so that a step a visit is enough. What a visit finds is shrunk towards the prior by fast.stored, since the weights have moved on.
 *
 * Memory: 8 N_z d bytes a sequence, in each process, and as much in each checkpoint (posteriors.safetensors). Held-out text has no such
 * posterior and is fitted from where the configuration says. */
#pragma once

#include "latent/fast_loop.h"
#include "text/sequence_source.h"

struct stored_posteriors {
    int64_t sequences;
    size_t n;              /* N_z d */
    float *mu, *curvature; /* (sequences, n) each: of `natural`; zero, which is the prior, before the first visit */
    float *left;           /* (slow.batch, 2 n): what the fits of the present slow step leave, not yet taken */
    const struct ltm_config *config;
};

/* NULL where fast.stored is 0. Borrows config. LTM_INVALID where the source cannot say which of its sequences come again. */
ltm_status stored_posteriors_create(struct stored_posteriors **stored, const struct ltm_config *config,
                                    const struct sequence_source *source, struct ltm_error *error);
void stored_posteriors_free(struct stored_posteriors *stored); /* NULL is fine */
size_t stored_posteriors_bytes(const struct stored_posteriors *stored);

/* Behind fast_loop_start: sequence `number`'s in the loop's place g. */
void stored_posteriors_load(const struct stored_posteriors *stored, struct fast_loop *loop, int g, int64_t number);

/* A slow step begins: nothing is left yet, nor of one that was broken off. */
void stored_posteriors_begin(struct stored_posteriors *stored);

/* What the fit in place g left, for sequence i of the batch; the prior where it diverged. */
void stored_posteriors_leave(struct stored_posteriors *stored, const struct fast_loop *loop, int g, int i);

/* COLLECTIVE. Take what all processes left of the slow step that was made of the source's sequences from `first` on. */
ltm_status stored_posteriors_take(struct stored_posteriors *stored, const struct sequence_source *source, int64_t first,
                                  int batch, struct ltm_error *error);

ltm_status stored_posteriors_write(const struct stored_posteriors *stored, const char *path, struct ltm_error *error);
ltm_status stored_posteriors_read(struct stored_posteriors *stored, const char *path, struct ltm_error *error);

/* COLLECTIVE. Rank 0's, for everybody. */
ltm_status stored_posteriors_spread(struct stored_posteriors *stored, struct ltm_error *error);
