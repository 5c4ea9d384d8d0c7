#include "train/optimiser_shards.h"

#include <stdlib.h>

#include "base/memory.h"

enum { ALIGN = 16 }; /* floats: a sum over a slice meets the same alignment in whichever process */

static struct range block_at(const struct weight_table *table, int block) {
    return (struct range){table->blocks[block].begin, table->blocks[block].end};
}

static int pieces_of(struct range block) { return (int)((block.end - block.begin + PIECE - 1) / PIECE); }

static size_t grains_of(struct range range) { return (range.end - range.begin + GRAIN - 1) / GRAIN; }

struct range optimiser_shards_slice(const struct optimiser_shards *shards, int piece, int process) {
    const struct range all = shards->pieces[piece].all;
    const size_t n = (size_t)shards->processes;
    const size_t grains = grains_of(all);
    const size_t turn = ((size_t)process + n - (size_t)piece % n) % n;
    struct range slice = {all.begin + grains * turn / n * GRAIN, all.begin + grains * (turn + 1) / n * GRAIN};
    if (slice.begin > all.end) slice.begin = all.end;
    if (slice.end > all.end) slice.end = all.end;
    return slice;
}

static void cut(struct optimiser_shards *shards, struct range block) {
    for (size_t begin = block.begin; begin < block.end; begin += PIECE) {
        struct piece *piece = &shards->pieces[shards->count];
        piece->all = (struct range){begin, begin + PIECE < block.end ? begin + PIECE : block.end};
        piece->own = optimiser_shards_slice(shards, shards->count++, shards->rank);
        piece->at = shards->own;
        piece->grain = shards->grains;
        shards->own += (piece->own.end - piece->own.begin + ALIGN - 1) / ALIGN * ALIGN;
        shards->grains += grains_of(piece->all);
    }
}

ltm_status optimiser_shards_create(struct optimiser_shards *shards, const struct weight_table *table, int processes,
                                   int rank, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    size_t pieces = 0;
    *shards = (struct optimiser_shards){.processes = processes, .rank = rank, .blocks = table->block_count};
    for (int b = 0; b < shards->blocks; b++) pieces += (size_t)pieces_of(block_at(table, b));
    TRY(NEW_ARRAY(shards->pieces, pieces, "optimiser state", error));
    TRY(NEW_ARRAY(shards->first, (size_t)shards->blocks + 1, "optimiser state", error));
    for (int b = 0; b < shards->blocks; b++) {
        cut(shards, block_at(table, b));
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
