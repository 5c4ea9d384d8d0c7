/* optimizer.safetensors: the optimiser's states of every weight (adamw: first.NAME and second.NAME, its moments; muon: momentum.NAME
 * of matrices, those two of the rest), as one file whatever the number of processes that keep them. Process 0 alone reads and writes it, a slice at a time, and exchanges the slices with their owners. */
#pragma once

#include "stages/weights.h"
#include "train/optimiser.h"

struct safetensors;

/* Called by all processes. In process 0, path NULL lets the others send all the same, and writes nothing. */
ltm_status moments_write(const char *path, const struct optimiser *optimiser, const struct weight_table *table,
                         struct ltm_error *error);

/* Process 0's own slices; every tensor is checked. */
ltm_status moments_read(struct optimiser *optimiser, const struct weight_table *table, const struct safetensors *file,
                        struct ltm_error *error);

/* Called by all processes: process 0 gives the others theirs, out of a file that is checked; elsewhere file is NULL. */
ltm_status moments_spread(struct optimiser *optimiser, const struct weight_table *table, const struct safetensors *file,
                          struct ltm_error *error);
