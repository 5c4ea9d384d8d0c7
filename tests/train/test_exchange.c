/* The exchange of gradients with transfers that go as the test says: its sums, and that after a failed transfer nobody waits, nobody
 * writes past the offers, and the sentence comes back. This process is 0 of 2; the other is made up. */
#include <stdatomic.h>

#include <omp.h>

#include "support/unit.h"

#include "base/processes.h"
#include "train/exchange.h"

enum { BLOCKS = 14, FLOATS = 48, PARTS = 12, WORKERS = 3, BUFFERS = 4, MOST = 64 };

/* ---- Transfers: all are done by the next test, but for the one that fails ---- */

enum call { SEND, RECEIVE, TEST, NONE };

static struct {
    enum call failing;
    int calls; /* until it fails */
    int ids[MOST], done[MOST];
    int count;
    int received[BLOCKS]; /* parts of each piece */
} network;

static float value(int part, int block, size_t i) { return 1.0f / (float)(1 + 31 * part + 7 * block + (int)i); }

static ltm_status called(enum call call, struct ltm_error *error) {
    if (call != network.failing || network.calls-- > 0) return LTM_OK;
    return fail(error, LTM_EXTERNAL, "the network failed");
}

static ltm_status begin(enum call call, int id, struct ltm_error *error) {
    assert_in_range(network.count, 0, MOST - 1);
    network.ids[network.count++] = id;
    return called(call, error);
}

ltm_status transfers_create(struct transfers **transfers, struct ltm_error *error) {
    (void)error;
    *transfers = NULL;
    return LTM_OK;
}

void transfers_free(struct transfers *transfers) { (void)transfers; }

ltm_status transfers_send(struct transfers *transfers, int id, int to, int tag, const float *data, size_t count,
                          struct ltm_error *error) {
    (void)transfers, (void)tag, (void)data;
    assert_int_equal(to, 1);
    assert_int_equal(count, FLOATS);
    return begin(SEND, id, error);
}

/* The other process's next part of that piece. */
ltm_status transfers_receive(struct transfers *transfers, int id, int from, int tag, float *data, size_t count,
                             struct ltm_error *error) {
    (void)transfers;
    assert_int_equal(from, 1);
    const int part = 2 * network.received[tag]++ + 1;
    for (size_t i = 0; i < count; i++) data[i] = value(part, tag, i);
    return begin(RECEIVE, id, error);
}

ltm_status transfers_test(struct transfers *transfers, const int **ids, int *count, struct ltm_error *error) {
    (void)transfers;
    memcpy(network.done, network.ids, sizeof network.done);
    *ids = network.done;
    *count = network.count;
    network.count = 0;
    return called(TEST, error);
}

/* ---- A slow step: each block one piece, which is one process's alone ---- */

static struct optimiser_shards make_shards(void) {
    struct optimiser_shards shards = {.processes = 2, .count = BLOCKS, .blocks = BLOCKS};
    shards.pieces = calloc(BLOCKS, sizeof *shards.pieces);
    shards.first = calloc(BLOCKS + 1, sizeof *shards.first);
    assert_true(shards.pieces && shards.first);
    for (int p = 0; p < BLOCKS; p++) {
        struct piece *piece = &shards.pieces[p];
        piece->all = (struct range){(size_t)p * FLOATS, (size_t)(p + 1) * FLOATS};
        piece->own = optimiser_shards_slice(&shards, p, 0);
        piece->at = shards.own;
        shards.own += piece->own.end - piece->own.begin;
        shards.first[p + 1] = p + 1;
    }
    assert_int_equal(shards.own, BLOCKS / 2 * FLOATS);
    return shards;
}

/* As a backward pass does: few buffers, each waited for before it is written again. */
static void work(struct exchange *exchange, atomic_int *next, float buffers[BUFFERS][FLOATS]) {
    for (int part; (part = 2 * atomic_fetch_add(next, 1)) < PARTS;)
        for (int b = BLOCKS - 1; b >= 0; b--) {
            float *gradient = buffers[b % BUFFERS];
            exchange_wait(exchange, gradient);
            for (size_t i = 0; i < FLOATS; i++) gradient[i] = value(part, b, i);
            exchange_offer(exchange, b, part, gradient);
        }
}

static ltm_status slow_step(enum call failing, int calls, float *total, const struct optimiser_shards *shards,
                            struct ltm_error *error) {
    static float buffers[WORKERS][BUFFERS][FLOATS];
    struct exchange *exchange;
    ltm_status status = LTM_OK;
    atomic_int next = 0;
    memset(&network, 0, sizeof network);
    memset(total, 0, shards->own * sizeof *total);
    network.failing = failing;
    network.calls = calls;
    assert_int_equal(exchange_create(&exchange, shards, total, 1, BUFFERS * WORKERS, NULL), LTM_OK);
    exchange_begin(exchange, PARTS);
#pragma omp parallel num_threads(WORKERS + 1)
    {
        const int me = omp_get_thread_num() - 1;
        if (me < 0)
            status = exchange_run(exchange, error);
        else
            work(exchange, &next, buffers[me]);
    }
    exchange_free(exchange);
    return status;
}

static void own_sums_are_those_of_all_parts_in_order(void **state) {
    (void)state;
    struct optimiser_shards shards = make_shards();
    float total[BLOCKS * FLOATS];
    assert_int_equal(slow_step(NONE, 0, total, &shards, NULL), LTM_OK);
    for (int b = 0; b < BLOCKS; b++)
        for (size_t i = 0; i < shards.pieces[b].own.end - shards.pieces[b].own.begin; i++) {
            float sum = 0;
            for (int part = 0; part < PARTS; part++) sum += value(part, b, i);
            assert_true(total[shards.pieces[b].at + i] == sum);
        }
    optimiser_shards_free(&shards);
}

static void a_failed_transfer_ends_the_step_for_every_thread(void **state) {
    (void)state;
    struct optimiser_shards shards = make_shards();
    float total[BLOCKS * FLOATS];
    for (enum call failing = SEND; failing <= TEST; failing++)
        for (int calls = 0; calls < PARTS / 2 * BLOCKS / 2; calls = 2 * calls + 1) {
            struct ltm_error error = {0};
            assert_int_equal(slow_step(failing, failing == TEST ? 0 : calls, total, &shards, &error), LTM_EXTERNAL);
            assert_string_equal(error.message, "the network failed");
        }
    optimiser_shards_free(&shards);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_sums_are_those_of_all_parts_in_order),
        cmocka_unit_test(a_failed_transfer_ends_the_step_for_every_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
