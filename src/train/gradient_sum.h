/* The sum of a slow step's gradients over groups of sequences, threads and processes, in one order.
 *
 * The batch's groups are cut into `parts` runs, by the configuration alone: parts = 0 makes each group a part. Groups are added
 * in order within a part, parts in order to the total; so the sum does not depend on threads or processes. Part p
 * belongs to process p mod n.
 *
 * With P weights, G groups and n processes, a process sends 4 P (n - 1)/n bytes of gradients for each of its parts, so about
 * 4 P parts (n - 1)/n² a step. In floats it keeps P/n of the total and, with n > 1, P/n of what arrives; and, if a part
 * has more than one group, P for the part's own sum. Fewer parts send less and, once they hold more than one group,
 * take that memory.
 *
 * With slow.samples = S a group has S gradients, one a draw. They are added as S groups of the same process would be; with parts
 * = 0 each is a part, and S times as much is sent. */
#pragma once

#include <stdbool.h>

#include "ltm/config.h"
#include "model/decoder.h"
#include "train/optimiser_shards.h"

struct gradient_sum {
    const struct optimiser_shards *shards;
    float *total; /* (shards->own) */
    float *part;  /* (P): of the part under way, block by block; NULL where parts are groups */
    struct ordered_section *order;
    struct exchange *exchange; /* train/exchange.h; NULL for a process that is alone */
    int groups, parts;         /* of the present batch */
    int draws;                 /* of a group */
    int here;                  /* groups of this process */
};

/* Whether a part has several gradients, and so its own sum. */
bool gradient_parts_have_sums(const struct ltm_config *config);

/* Groups of the batch that process `rank` of `processes` computes. */
int gradient_groups(const struct ltm_config *config, int processes, int rank);

/* What gradient_sum_create allocates, in bytes. */
size_t gradient_sum_bytes(const struct ltm_config *config, const struct optimiser_shards *shards, size_t weights);

/* Borrows shards. LTM_INVALID if there are more processes than parts. */
ltm_status gradient_sum_create(struct gradient_sum *sum, const struct ltm_config *config, const struct decoder *decoder,
                               const struct optimiser_shards *shards, int threads, struct ltm_error *error);
void gradient_sum_free(struct gradient_sum *sum);

/* The group of the batch that is this process's i-th, i below sum->here. */
int gradient_group(const struct gradient_sum *sum, int i);

/* Before the groups of a slow step of `batch` sequences, slow.batch at most, whose total must be zero. */
void gradient_sum_begin(struct gradient_sum *sum, const struct ltm_config *config, int batch);

/* The taker of the gradients of a draw of this process's i-th group: user is `ticket`. Threads take groups in
 * increasing order. */
struct gradient_ticket {
    struct gradient_sum *sum;
    int i, draw;
};
struct gradient_taker gradient_sum_taker(struct gradient_ticket *ticket);
