/* The slow step: fit the posteriors of a batch, then one step of the decoder's weights (paper, algorithm 1).
 *
 * Memory with P weights, in floats (with slow.ema P more, the average): weights, gradient and the optimiser's state (adamw: two moments), 4 P; in bf16 one more P, the weights packed twice;
 * and for each thread a workspace that holds the gradients of one layer and of the embedding, less than one more P.
 *
 * Processes divide the batch's groups, and the optimiser's state: each of n sums the gradient of its share of the weights,
 * steps that share and gives it to the others. A process then keeps weights, P, and sum, two moments and what arrives, 4 P / n; a
 * thread's workspace one layer more. Beside its gradients (gradient_sum.h) it sends 4 P (n - 1)/n bytes of weights a
 * step. Results are bit-identical for any number of threads and processes. */
#pragma once

#include "train/preferences.h"
#include "train/teacher.h"
#include "train/trainer_state.h"

/* Operations of useful work that a token of such a slow step takes, its share of the update's products included. With loop.depth = sampled
 * ltm_training_flops takes it at the mean number of loops, though with loop.backprop or fast.loops it is no straight line of that. */
double trainer_flops(const struct ltm_config *config, const struct growth *now);

/* The most memory that training takes at a time in this process, in bytes: what a trainer and its decoder allocate, and the program. Within
 * 5 % of measurements at widths 128 and 512. LTM_MEMORY if memory is short for the estimate itself. */
ltm_status trainer_bytes(size_t *bytes, const struct ltm_config *config, const struct plan *plan,
                         struct ltm_error *error);

/* The same for one of `processes` processes. */
ltm_status trainer_bytes_among(size_t *bytes, const struct ltm_config *config, const struct plan *plan, int processes,
                               int rank, struct ltm_error *error);

/* Of it the workspaces of so many threads. */
size_t trainer_passes_bytes(const struct ltm_config *config, const struct plan *plan, int threads, int processes);

/* Gradient buffers of each thread's workspace (decoder_pass_create). */
int trainer_gradients(void);

/* Borrows decoder (whose weights it will change) and source. config has no auto in it. */
ltm_status trainer_create(struct trainer *trainer, const struct ltm_config *config, struct decoder *decoder,
                          const struct sequence_source *source, struct ltm_error *error);

/* The same for a solver (model.kind). Borrows puzzles. */
struct puzzles;
ltm_status trainer_create_solver(struct trainer *trainer, const struct ltm_config *config, struct decoder *decoder,
                                 const struct puzzles *puzzles, struct ltm_error *error);
void trainer_free(struct trainer *trainer);

struct slow_step {
    double recon, kl, loss; /* nats a token: recon at the drawn z; loss is what was minimised, with dpo nats a pair */
    double lr, grad_norm;
    struct preferences preferences; /* with slow.objective = dpo */
    struct teacher_score predicted; /* with slow.predict_latents */
    int diverged;                   /* sequences whose fast loop did, and for which the prior stood in */
    struct fault fault;
};

/* trainer->gradient.total += the gradient of the loss over the batch of the slow step after trainer->optimiser.count of them, with all
 * processes, which all get the same `done`; with a fault in it the total is zero. The fitted posteriors are taken as given:
 * no gradient goes through the fast loop. */
ltm_status trainer_gradient(struct trainer *trainer, struct slow_step *done, struct ltm_error *error);

/* Make the weights, which have changed, ready for the next slow step. */
ltm_status trainer_pack(const struct trainer *trainer, struct ltm_error *error);

/* Take the slow step after trainer->optimiser.count of them, with all processes. With a fault in `done`, and where trainer->stop broke it
 * off (LTM_INTERRUPTED), it was not taken: weights, moments and count are unchanged. */
ltm_status trainer_step(struct trainer *trainer, struct slow_step *done, struct ltm_error *error);

/* Skip this slow step: no update, and the moments are unchanged. */
void trainer_skip(struct trainer *trainer);
