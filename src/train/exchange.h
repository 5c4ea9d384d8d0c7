/* Gradients on their way from the processes that computed them to those that own their sums, while the backward pass goes on.
 *
 * A slow step's batch is cut into parts; part p is computed by process p mod n, or where a part is one of several draws of the
 * same sequences, by process (p / draws) mod n. When a part's gradient of a block is complete,
 * its process offers it: each piece's slices go to their owners, who take them part by part, 0, 1, 2 …, whichever process they
 * come from: so a sum has one order, whatever the number of processes. The slices of an offer are sent from where they are;
 * the offer is done when all have arrived. Worker threads offer and wait; the transfers are made by the main thread alone,
 * which sleeps while nothing moves.
 *
 * No deadlock as long as each process computes its parts in increasing order: the lowest part at work never waits. */
#pragma once

#include "train/optimiser_shards.h"

struct exchange;

/* total (shards->own) gets += the sums of the parts' draws. offers: the most that are under way at a time in this process. */
ltm_status exchange_create(struct exchange **exchange, const struct optimiser_shards *shards, float *total, int draws,
                           int offers, struct ltm_error *error);
void exchange_free(struct exchange *exchange);

/* What exchange_create allocates for arriving slices, in bytes. */
size_t exchange_bytes(const struct optimiser_shards *shards);

/* Before the worker threads begin a slow step of so many parts. */
void exchange_begin(struct exchange *exchange, int parts);

/* Worker threads: hand over a block of a part, and wait until `data` may be overwritten. */
void exchange_offer(struct exchange *exchange, int block, int part, const float *data);
void exchange_wait(struct exchange *exchange, const float *data);

/* Main thread: transfer until every own slice has every part and everything offered has arrived. After a failure nobody waits
 * and nothing is taken any more: the exchange is of no further use. */
ltm_status exchange_run(struct exchange *exchange, struct ltm_error *error);
