#include "train/shares.h"

#include <stdlib.h>

#include "base/memory.h"

enum { ALIGN = 16 }; /* floats: a sum over a slice meets the same alignment in whichever process */

static struct range block_at(const struct weight_table *table, int layers, int block) {
    if (block == 0) return (struct range){table->embedding, table->layers[0].begin};
    if (block <= layers) return (struct range){table->layers[block - 1].begin, table->layers[block - 1].end};
    return (struct range){table->final_norm, table->size};
}

static int pieces_of(struct range block) { return (int)((block.end - block.begin + PIECE - 1) / PIECE); }

static size_t grains_of(struct range range) { return (range.end - range.begin + GRAIN - 1) / GRAIN; }

struct range shares_slice(const struct shares *shares, int piece, int process) {
    const struct range all = shares->pieces[piece].all;
    const size_t n = (size_t)shares->processes, grains = grains_of(all);
    const size_t turn = ((size_t)process + n - (size_t)piece % n) % n;
    struct range slice = {all.begin + grains * turn / n * GRAIN, all.begin + grains * (turn + 1) / n * GRAIN};
    if (slice.begin > all.end) slice.begin = all.end;
    if (slice.end > all.end) slice.end = all.end;
    return slice;
}

static void cut(struct shares *shares, struct range block) {
    for (size_t begin = block.begin; begin < block.end; begin += PIECE) {
        struct piece *piece = &shares->pieces[shares->count];
        piece->all = (struct range){begin, begin + PIECE < block.end ? begin + PIECE : block.end};
        piece->own = shares_slice(shares, shares->count++, shares->rank);
        piece->at = shares->own;
        piece->grain = shares->grains;
        shares->own += (piece->own.end - piece->own.begin + ALIGN - 1) / ALIGN * ALIGN;
        shares->grains += grains_of(piece->all);
    }
}

ltm_status shares_create(struct shares *shares, const struct weight_table *table, int layers, int processes, int rank,
                         struct ltm_error *error) {
    ltm_status status = LTM_OK;
    size_t pieces = 0;
    *shares = (struct shares){.processes = processes, .rank = rank, .blocks = layers + 2};
    for (int b = 0; b < shares->blocks; b++) pieces += (size_t)pieces_of(block_at(table, layers, b));
    TRY(NEW_ARRAY(shares->pieces, pieces, "optimiser state", error));
    TRY(NEW_ARRAY(shares->first, (size_t)shares->blocks + 1, "optimiser state", error));
    for (int b = 0; b < shares->blocks; b++) {
        cut(shares, block_at(table, layers, b));
        shares->first[b + 1] = shares->count;
    }
    return LTM_OK;
cleanup:
    shares_free(shares);
    return status;
}

void shares_free(struct shares *shares) {
    free(shares->pieces);
    free(shares->first);
    *shares = (struct shares){0};
}
