/* The latents that one application reads, its part of z: M of them.
 *
 * With latent.kind = streaming what is called z elsewhere is what the state has moved, u (latent/streaming.h), and a layer reads z = m + a u:
 * m, where the state starts, is learned for each number of a latent, and a for each latent. u is the sum of all steps, so a scales their
 * rate, and dL/da = dz · u is exact where the steps' directions are held. What is called dz is the gradient of this z. */
#pragma once

#include "stages/stage.h"

/* The same weight, learned at the rate of what reads latents. */
struct weight latent_reading(struct weight w);

/* The rows m and a, in this order, where latents stream; else none. `row` is m's in what follows. */
void latent_part_declare(struct weight_table *table, const struct ltm_model_config *c);

/* One sequence's part (M, d), as it is read. */
void latent_part_read(float *z, const float *part, const struct stage_weights *w, int row,
                      const struct ltm_model_config *c);

/* The part of each sequence (G M, d), as it is read; 0 without z. */
void latent_part_gather(float *part, const struct stage_io *io, const struct stage_weights *w, int row);

/* Its gradient (G M, d) to where it belongs in io->dz, if anywhere, and to dw, the block's, if not NULL. */
void latent_part_backward(const struct stage_io *io, const struct stage_weights *w, int row, const float *dz,
                          float *dw);
