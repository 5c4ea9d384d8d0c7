#include "train/gradient_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/ordered_section.h"
#include "config/slow_groups.h"
#include "math/vector.h"
#include "train/exchange.h"

/* Of a batch of so many groups. */
static int parts_of(const struct ltm_config *c, int groups) {
    return c->slow.parts && c->slow.parts < groups ? c->slow.parts : groups;
}

bool gradient_parts_have_sums(const struct ltm_config *c) {
    return c->slow.parts && (c->slow.parts < slow_groups(c) || c->slow.samples > 1);
}

/* Where part p begins; that of p = parts is the end. */
static int part_begin(int groups, int parts, int p) { return (int)((int64_t)groups * p / parts); }

static int groups_here(int groups, int parts, int processes, int rank) {
    int here = 0;
    for (int p = rank; p < parts; p += processes)
        here += part_begin(groups, parts, p + 1) - part_begin(groups, parts, p);
    return here;
}

int gradient_groups(const struct ltm_config *config, int processes, int rank) {
    const int groups = slow_groups(config);
    return groups_here(groups, parts_of(config, groups), processes, rank);
}

size_t gradient_sum_bytes(const struct ltm_config *config, const struct optimiser_shards *shards, size_t weights) {
    const size_t own = shards->own * sizeof(float);
    return own + (shards->processes > 1 ? exchange_bytes(shards) : 0) +
           (gradient_parts_have_sums(config) ? weights * sizeof(float) : 0);
}

ltm_status gradient_sum_create(struct gradient_sum *sum, const struct ltm_config *config, const struct decoder *decoder,
                               const struct optimiser_shards *shards, int threads, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int groups = slow_groups(config);
    *sum = (struct gradient_sum){
        .shards = shards, .groups = groups, .parts = parts_of(config, groups), .draws = config->slow.samples};
    const bool within = gradient_parts_have_sums(config);
    if (shards->processes > sum->parts)
        return fail(error, LTM_INVALID,
                    "%d processes are more than the %d parts of a batch (slow.batch = %d, slow.group = %d%s); "
                    "start fewer, or make the batch larger",
                    shards->processes, sum->parts, config->slow.batch, config->slow.group,
                    within ? ", slow.parts" : "");
    sum->here = gradient_groups(config, shards->processes, shards->rank);
    TRY(NEW_ARRAY(sum->total, shards->own, "gradients", error));
    if (within) TRY(NEW_ARRAY(sum->part, decoder->plan.table.size, "gradients of a part", error));
    TRY(ordered_section_create(&sum->order, decoder->plan.table.block_count, error));
    if (shards->processes > 1)
        TRY(exchange_create(&sum->exchange, shards, sum->total, within ? 1 : sum->draws,
                            within ? shards->blocks : threads * decoder_pass_gradients(&decoder->plan, 2), error));
    return LTM_OK;
cleanup:
    gradient_sum_free(sum);
    return status;
}

void gradient_sum_free(struct gradient_sum *sum) {
    exchange_free(sum->exchange);
    ordered_section_free(sum->order);
    free(sum->total);
    free(sum->part);
    *sum = (struct gradient_sum){0};
}

void gradient_sum_begin(struct gradient_sum *sum, const struct ltm_config *config, int batch) {
    sum->groups = (batch + config->slow.group - 1) / config->slow.group;
    sum->parts = parts_of(config, sum->groups);
    sum->here = groups_here(sum->groups, sum->parts, sum->shards->processes, sum->shards->rank);
    ordered_section_reset(sum->order);
    if (sum->exchange) exchange_begin(sum->exchange, sum->parts);
}

/* Where a draw of this process's i-th group stands in the batch. */
struct place {
    int group, part;
    bool first, last; /* of its part */
};

static struct place place_of(const struct gradient_sum *sum, int i, int draw) {
    for (int p = sum->shards->rank;; p += sum->shards->processes) {
        const int begin = part_begin(sum->groups, sum->parts, p);
        const int end = part_begin(sum->groups, sum->parts, p + 1);
        const int last = end - begin - 1;
        if (i > last) {
            i -= end - begin;
            continue;
        }
        if (!sum->part) return (struct place){begin + i, p * sum->draws + draw, true, true};
        return (struct place){begin + i, p, i == 0 && draw == 0, i == last && draw == sum->draws - 1};
    }
}

int gradient_group(const struct gradient_sum *sum, int i) { return place_of(sum, i, 0).group; }

/* One process: the whole block to the total. */
static void add_to_total(struct gradient_sum *sum, int block, const float *gradient) {
    const struct optimiser_shards *shards = sum->shards;
    for (int p = shards->first[block]; p < shards->first[block + 1]; p++) {
        const struct piece *piece = &shards->pieces[p];
        vector_add(sum->total + piece->at, gradient, piece->all.end - piece->all.begin);
        gradient += piece->all.end - piece->all.begin;
    }
}

static void give_part(struct gradient_sum *sum, int block, int part, const float *gradient) {
    if (sum->exchange)
        exchange_offer(sum->exchange, block, part, gradient);
    else
        add_to_total(sum, block, gradient);
}

static void take(void *user, int block, const float *gradient) {
    const struct gradient_ticket *ticket = user;
    struct gradient_sum *sum = ticket->sum;
    const struct place place = place_of(sum, ticket->i, ticket->draw);
    if (!sum->part && sum->exchange) { /* which keeps the order */
        exchange_offer(sum->exchange, block, place.part, gradient);
        return;
    }
    ordered_section_enter(sum->order, block, ticket->i * sum->draws + ticket->draw);
    if (sum->part) {
        const struct range first = sum->shards->pieces[sum->shards->first[block]].all;
        const struct range last = sum->shards->pieces[sum->shards->first[block + 1] - 1].all;
        float *at = sum->part + first.begin;
        const size_t n = last.end - first.begin;
        if (place.first && sum->exchange) exchange_wait(sum->exchange, at);
        if (place.first)
            memcpy(at, gradient, n * sizeof *at);
        else
            vector_add(at, gradient, n);
        if (place.last) give_part(sum, block, place.part, at);
    } else
        add_to_total(sum, block, gradient);
    ordered_section_leave(sum->order, block);
}

static void wait_for(void *user, const float *gradient) {
    exchange_wait(((struct gradient_ticket *)user)->sum->exchange, gradient);
}

struct gradient_taker gradient_sum_taker(struct gradient_ticket *ticket) {
    const bool direct = !ticket->sum->part && ticket->sum->exchange;
    return (struct gradient_taker){.user = ticket, .take = take, .wait = direct ? wait_for : NULL};
}
