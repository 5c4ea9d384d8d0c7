/* Checkpoints: a run's folder holds checkpoints/step-00000100/ … and two links, `best` and `last`.
 *
 * Each is complete: model.safetensors, optimizer.safetensors (train/moments_file.h), tokenizer.model where there
 * is one, ema.safetensors where slow.ema averages the weights, posteriors.safetensors where fast.stored keeps them, solver.safetensors
 * of a solver's puzzles under way (train/solver_batch.h), and state.json (what else a resume needs, and a checksum of every file and of itself). It is written as a hidden folder beside and
 * renamed into place, so a name that shows is whole; what was damaged afterwards is found by its checksum.
 *
 * Only process 0 reads and writes them; the others take part in checkpoint_write and checkpoint_read_newest, which
 * gather and distribute weights and moments: a run may resume with more or fewer processes. */
#pragma once

#include <stdbool.h>

#include "ltm/config.h"
#include "ltm/watch.h"
#include "model/decoder.h"
#include "train/checkpoint_state.h"
#include "train/optimiser.h"

/* Write checkpoints/step-N of run folder `run`, point `last` at it (and `best`, where state->best_step is its step), and remove
 * older ones (train/checkpoint_folder.h). tokenizer: path of a model to copy, or NULL. */
ltm_status checkpoint_write(const char *run, const struct decoder *decoder, const struct optimiser *optimiser,
                            const struct ltm_config *config, const struct checkpoint_state *state,
                            const char *tokenizer, const char *digest, struct ltm_error *error);

/* Read the newest whole checkpoint of the run into decoder and optimiser; state->step = 0 if there is none.
 * LTM_MISMATCH when it was written under another configuration than `config` or with another corpus than state->corpus:
 * the first key that differs is named (keys that change no result, such as run.threads and paths, may differ). A
 * damaged one is named in a message and the one before it used; LTM_CORRUPT if all are damaged. If run.tokens was
 * raised and the rates of the newest already depended on it, the newest checkpoint from before that is read, and the
 * old run is kept (checkpoint_folder_go_back). */
ltm_status checkpoint_read_newest(const char *run, struct decoder *decoder, struct optimiser *optimiser,
                                  const struct ltm_config *config, struct checkpoint_state *state,
                                  const struct ltm_watch *watch, struct ltm_error *error);

/* Check a checkpoint folder's files against the checksums of its state.json: the model and its tokenizer, with `all`
 * also those that only a resume reads. */
ltm_status checkpoint_verify(const char *folder, bool all, struct ltm_error *error);

/* The file of the weights that a checkpoint's scores belong to: model.safetensors, or their average. */
ltm_status checkpoint_served(char *file, size_t size, const char *folder, struct ltm_error *error);

/* The checkpoint folder that a user's path means: itself, or checkpoints/best or /last of a run's folder. */
ltm_status checkpoint_find(char *folder, size_t size, const char *path, struct ltm_error *error);
