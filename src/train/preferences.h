/* Direct preference optimisation (Rafailov et al., "Your language model is secretly a reward model", NeurIPS 2023): of two answers to a
 * prompt, y_w chosen and y_l rejected,
 *
 *     m = β [(log π(y_w) - log π_ref(y_w)) - (log π(y_l) - log π_ref(y_l))]
 *     loss = -(1 - ε) log σ(m) - ε log σ(-m),   dloss/dm = -(1 - ε) σ(-m) + ε σ(m)
 *
 * with β = slow.dpo_beta, ε = slow.dpo_smoothing and π_ref the initial weights of the run. With latents log p(y) means
 * E_q[log p(y | prompt, z)], which is at most log p(y | prompt) of a prediction that mixes over q = q(z | prompt); both
 * answers and both models are scored under the same noise, that of scoring, which depends on the pair alone. */
#pragma once

#include "latent/score.h"

/* dpo and margin m of two[0], from recon, -log π, of both; reference (2) = log π_ref. */
void preferences_compare(struct sequence_score *two, const double *reference, const struct ltm_slow_config *slow);

/* -dloss/dm. */
double preferences_slope(double margin, const struct ltm_slow_config *slow);

/* Means over pairs, nats: chosen and rejected are log p of an answer; accuracy is the share of pairs with m > 0. */
struct preferences {
    double loss, chosen, rejected, margin, accuracy;
};

struct preferences preferences_mean(const struct sequence_score *scores, int64_t count);
