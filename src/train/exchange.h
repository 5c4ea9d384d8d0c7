/* Sends gradients from the processes that computed them to the owners of their sums while the backward pass continues.
 *
 * A slow step's batch is cut into parts; part p is computed by process p mod n, or, if a part is one of several draws
 * of the same sequences, by process (p / draws) mod n. When a part's gradient of a block is complete,
 * its process offers it: each piece's slices go to their owners, who take them part by part, 0, 1, 2 …, regardless of
 * their process: so a sum has one order for any number of processes. The slices of an offer are sent in place; the
 * offer is done when all have arrived. Worker threads offer and wait; the transfers are made by the main thread alone,
 * which sleeps while nothing moves.
 *
 * No deadlock as long as each process computes its parts in increasing order: the lowest part at work never waits. */
#pragma once

#include "train/optimiser_shards.h"

struct exchange;

/* total (shards->own) gets += the sums of the parts' draws. offers: the maximum under way at a time in this process. */
ltm_status exchange_create(struct exchange **exchange, const struct optimiser_shards *shards, float *total, int draws,
                           int offers, struct ltm_error *error);
void exchange_free(struct exchange *exchange);

/* What exchange_create allocates for arriving slices, in bytes. */
size_t exchange_bytes(const struct optimiser_shards *shards);

/* Call before the worker threads start a slow step of `parts` parts. */
void exchange_begin(struct exchange *exchange, int parts);

/* Worker threads: hand over a block of a part, and wait until `data` may be overwritten. */
void exchange_offer(struct exchange *exchange, int block, int part, const float *data);
void exchange_wait(struct exchange *exchange, const float *data);

/* Main thread: transfer until every own slice has every part and everything offered has arrived. After a failure nobody
 * waits and nothing is accepted: the exchange is unusable. */
ltm_status exchange_run(struct exchange *exchange, struct ltm_error *error);
