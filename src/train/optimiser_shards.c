#include "train/optimiser_shards.h"

#include <limits.h>
#include <stdlib.h>

#include "base/memory.h"

enum { ALIGN = 16 }; /* floats: a sum over a slice meets the same alignment in whichever process */

static size_t grains_of(struct range range) { return (range.end - range.begin + GRAIN - 1) / GRAIN; }

struct range optimiser_shards_slice(const struct optimiser_shards *shards, int piece, int process) {
    const struct range all = shards->pieces[piece].all;
    const size_t n = (size_t)shards->processes;
    const size_t grains = grains_of(all);
    const size_t turn = ((size_t)process + n - (size_t)piece % n) % n;
    if (shards->pieces[piece].whole) return (struct range){turn ? all.end : all.begin, all.end};
    struct range slice = {all.begin + grains * turn / n * GRAIN, all.begin + grains * (turn + 1) / n * GRAIN};
    if (slice.begin > all.end) slice.begin = all.end;
    if (slice.end > all.end) slice.end = all.end;
    return slice;
}

/* While there is no room yet, pieces are only counted. */
static void add(struct optimiser_shards *shards, struct range all, bool whole) {
    const int number = shards->count++;
    if (!shards->pieces) return;
    struct piece *piece = &shards->pieces[number];
    piece->all = all;
    piece->whole = whole;
    piece->own = optimiser_shards_slice(shards, number, shards->rank);
    piece->at = shards->own;
    piece->at_alike = shards->own_alike[whole];
    piece->grain = shards->grains;
    const size_t room = (piece->own.end - piece->own.begin + ALIGN - 1) / ALIGN * ALIGN;
    shards->own += room;
    shards->own_alike[whole] += room;
    shards->grains += grains_of(all);
    if (all.end - all.begin > shards->largest) shards->largest = all.end - all.begin;
}

static void cut(struct optimiser_shards *shards, struct range range) {
    for (size_t begin = range.begin; begin < range.end; begin += PIECE)
        add(shards, (struct range){begin, begin + PIECE < range.end ? begin + PIECE : range.end}, false);
}

static void cut_block(struct optimiser_shards *shards, const struct weight_table *table, int b, bool whole_matrices) {
    const struct weight_block *block = &table->blocks[b];
    size_t begin = block->begin;
    for (int i = block->weights; whole_matrices && i < table->count && table->weights[i].block == b; i++) {
        const struct weight *w = &table->weights[i];
        if (w->optimiser != WEIGHT_MATRIX) continue;
        cut(shards, (struct range){begin, w->offset});
        begin = w->offset + weight_size(w);
        add(shards, (struct range){w->offset, begin}, true);
    }
    cut(shards, (struct range){begin, block->end});
}

/* A transfer's count, and what processes_share takes at a time, is an int. */
static ltm_status check_matrices(const struct weight_table *table, struct ltm_error *error) {
    for (int i = 0; i < table->count; i++)
        if (table->weights[i].optimiser == WEIGHT_MATRIX && weight_size(&table->weights[i]) > INT_MAX)
            return fail(error, LTM_UNSUPPORTED,
                        "%s is too large for one process to update; use slow.optimizer = adamw, or one process",
                        table->weights[i].name);
    return LTM_OK;
}

ltm_status optimiser_shards_create(struct optimiser_shards *shards, const struct weight_table *table,
                                   bool whole_matrices, int processes, int rank, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *shards = (struct optimiser_shards){.processes = processes, .rank = rank, .blocks = table->block_count};
    if (whole_matrices && processes > 1) TRY(check_matrices(table, error));
    for (int b = 0; b < shards->blocks; b++) cut_block(shards, table, b, whole_matrices);
    TRY(NEW_ARRAY(shards->pieces, (size_t)shards->count, "optimiser state", error));
    TRY(NEW_ARRAY(shards->first, (size_t)shards->blocks + 1, "optimiser state", error));
    shards->count = 0;
    for (int b = 0; b < shards->blocks; b++) {
        cut_block(shards, table, b, whole_matrices);
        shards->first[b + 1] = shards->count;
    }
    return LTM_OK;
cleanup:
    optimiser_shards_free(shards);
    return status;
}

void optimiser_shards_free(struct optimiser_shards *shards) {
    free(shards->pieces);
    free(shards->first);
    *shards = (struct optimiser_shards){0};
}
