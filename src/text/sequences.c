#include "text/sequences.h"

#include "base/random.h"

enum { FEISTEL_ROUNDS = 8, DRAW_OFFSET = 0, DRAW_ROUND = 1 };

ltm_status sequence_order_init(struct sequence_order *order, int64_t tokens, int length, uint64_t seed,
                               struct ltm_error *error) {
    *order = (struct sequence_order){.tokens = tokens,
                                     .per_epoch = tokens < length ? 0 : (tokens - length) / length,
                                     .length = length,
                                     .seed = seed};
    if (order->per_epoch > 0) return LTM_OK;
    return fail(error, LTM_INVALID,
                "the training split has %lld tokens, but sequences of %d need at least %lld; use more text or a "
                "smaller model.sequence",
                (long long)tokens, length, 2ll * length);
}

/* 32 random bits for a value of 32 bits: key.fast tells the draws of an epoch apart. */
static struct random_key draw_key(const struct sequence_order *order, int64_t epoch, uint32_t what, uint64_t value) {
    return (struct random_key){.seed = order->seed,
                               .purpose = RANDOM_ORDER,
                               .step = (uint32_t)epoch,
                               .sequence = (uint32_t)value,
                               .fast = what};
}

/* A permutation of [0, 4^half), half <= 32: each round adds to one half of the bits a function of the other. */
static uint64_t feistel(const struct sequence_order *order, int64_t epoch, uint64_t x, int half) {
    uint64_t mask = ((uint64_t)1 << half) - 1;
    uint64_t left = x >> half;
    uint64_t right = x & mask;
    for (uint32_t round = 0; round < FEISTEL_ROUNDS; round++) {
        uint64_t next = left ^ (random_bits(draw_key(order, epoch, DRAW_ROUND + round, right), 0) & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

/* A permutation of [0, n): walk the cycle of the larger one until it comes back into the range (Black and Rogaway,
 * "Ciphers with arbitrary finite domains", 2002). The larger range is below 4 n: few steps. */
static int64_t permuted(const struct sequence_order *order, int64_t epoch, int64_t place) {
    uint64_t n = (uint64_t)order->per_epoch;
    uint64_t x = (uint64_t)place;
    int half = 1;
    while (((uint64_t)1 << (2 * half)) < n) half++;
    do x = feistel(order, epoch, x, half);
    while (x >= n);
    return (int64_t)x;
}

int64_t sequence_number(const struct sequence_order *order, int64_t index) {
    return permuted(order, index / order->per_epoch, index % order->per_epoch);
}

int64_t sequence_start(const struct sequence_order *order, int64_t index) {
    const int64_t epoch = order->again ? 0 : index / order->per_epoch;
    int64_t offset = (int64_t)(random_bits(draw_key(order, epoch, DRAW_OFFSET, 0), 0) % (uint32_t)order->length);
    return offset + sequence_number(order, index) * order->length;
}

ltm_status heldout_sequences(int64_t *count, int64_t tokens, int length, struct ltm_error *error) {
    *count = tokens < 1 ? 0 : (tokens - 1) / length;
    if (*count > 0) return LTM_OK;
    return fail(error, LTM_INVALID,
                "the split has %lld tokens, but one sequence of %d needs %lld; hold out more text or use a smaller "
                "model.sequence",
                (long long)tokens, length, (long long)length + 1);
}

int64_t heldout_spread(int64_t i, int64_t n, int64_t count) {
    return (int64_t)((__int128)i * count / n); /* steps of count / n, rounded down: never the same twice */
}
