/* Posteriors of training sequences that are kept from one pass over the text to the next (fast.stored): a fit starts
 * near the end of the last one, so that one step per visit is enough. The stored posterior is shrunk towards the prior
 * by fast.stored, since the weights have changed.
 *
 * Memory: 8 N_z d bytes a sequence, in each process, and as much in each checkpoint (posteriors.safetensors). Held-out
 * text has no stored posterior; its fit starts as configured. */
#pragma once

#include "latent/fast_loop.h"
#include "text/sequence_source.h"

struct stored_posteriors {
    int64_t sequences;
    size_t n;              /* N_z d */
    float *mu, *curvature; /* (sequences, n) each: of `natural`; zero, which is the prior, before the first visit */
    float *left;           /* (slow.batch, 2 n): results of the present slow step's fits, not yet stored */
    const struct ltm_config *config;
};

/* NULL if fast.stored is 0. Borrows config. LTM_INVALID if the source cannot identify repeated sequences. */
ltm_status stored_posteriors_create(struct stored_posteriors **stored, const struct ltm_config *config,
                                    const struct sequence_source *source, struct ltm_error *error);
void stored_posteriors_free(struct stored_posteriors *stored); /* NULL is fine */
size_t stored_posteriors_bytes(const struct stored_posteriors *stored);

/* Behind fast_loop_start: sequence `number`'s in the loop's place g. */
void stored_posteriors_load(const struct stored_posteriors *stored, struct fast_loop *loop, int g, int64_t number);

/* Call at the start of a slow step: discards results of an interrupted one. */
void stored_posteriors_begin(struct stored_posteriors *stored);

/* Keep the result of the fit in place g for sequence i of the batch; the prior if it diverged. */
void stored_posteriors_leave(struct stored_posteriors *stored, const struct fast_loop *loop, int g, int i);

/* COLLECTIVE. Store the results of all processes for the slow step on the source's sequences from `first` on. */
ltm_status stored_posteriors_take(struct stored_posteriors *stored, const struct sequence_source *source, int64_t first,
                                  int batch, struct ltm_error *error);

ltm_status stored_posteriors_write(const struct stored_posteriors *stored, const char *path, struct ltm_error *error);
ltm_status stored_posteriors_read(struct stored_posteriors *stored, const char *path, struct ltm_error *error);

/* COLLECTIVE. Rank 0's, for everybody. */
ltm_status stored_posteriors_spread(struct stored_posteriors *stored, struct ltm_error *error);
