#include "train/exchange.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/processes.h"
#include "math/vector.h"

enum offer_state { FREE, OFFERED, TAKEN };

struct offer {
    enum offer_state state; /* under the mutex */
    int block, part;        /* these from OFFERED on stay as they are */
    const float *data;
    int pending; /* main thread's: slices that have not arrived */
    bool sent;   /* and whether all are on their way */
};

struct exchange {
    const struct optimiser_shards *shards;
    struct transfers *transfers;
    float *total, *arriving; /* (shards->own) each */
    int parts, draws, room;
    pthread_mutex_t mutex;
    pthread_cond_t offered, freed;
    struct offer *offers; /* [room] */
    bool failed;
    /* Main thread's: */
    int *taken, taken_count; /* [room] which offers are TAKEN */
    int *turn;               /* [blocks] this process's part whose slices are to be sent next */
    int *next;               /* [pieces] the part that the own slice waits for */
    int slices, releases;    /* own slices, and offers of this process, that are not complete */
};

static int block_of(const struct optimiser_shards *shards, int piece) {
    int b = 0;
    while (shards->first[b + 1] <= piece) b++;
    return b;
}

static bool empty(struct range range) { return range.begin == range.end; }

ltm_status exchange_create(struct exchange **exchange, const struct optimiser_shards *shards, float *total, int draws,
                           int offers, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct exchange *made = NULL;
    pthread_condattr_t clock;
    *exchange = NULL;
    if (shards->count >= TRANSFERS_MOST_TAGS)
        return fail(error, LTM_UNSUPPORTED,
                    "the model is too large for several processes: %d pieces, at most %d are possible", shards->count,
                    TRANSFERS_MOST_TAGS - 1);
    TRY(NEW_ARRAY(made, 1, "an exchange", error));
    made->shards = shards;
    made->total = total;
    made->draws = draws;
    made->room = offers;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->offered, &clock);
    pthread_cond_init(&made->freed, NULL);
    pthread_condattr_destroy(&clock);
    *exchange = made;
    TRY(transfers_create(&made->transfers, error));
    TRY(NEW_ARRAY(made->arriving, shards->own, "arriving gradients", error));
    TRY(NEW_ARRAY(made->offers, (size_t)offers, "an exchange", error));
    TRY(NEW_ARRAY(made->taken, (size_t)offers, "an exchange", error));
    TRY(NEW_ARRAY(made->turn, (size_t)shards->blocks, "an exchange", error));
    TRY(NEW_ARRAY(made->next, (size_t)shards->count, "an exchange", error));
    return LTM_OK;
cleanup:
    exchange_free(made);
    *exchange = NULL;
    return status;
}

void exchange_free(struct exchange *exchange) {
    if (!exchange) return;
    pthread_mutex_destroy(&exchange->mutex);
    pthread_cond_destroy(&exchange->offered);
    pthread_cond_destroy(&exchange->freed);
    transfers_free(exchange->transfers);
    free(exchange->arriving);
    free(exchange->offers);
    free(exchange->taken);
    free(exchange->turn);
    free(exchange->next);
    free(exchange);
}

size_t exchange_bytes(const struct optimiser_shards *shards) { return shards->own * sizeof(float); }

/* ---- Worker threads ---- */

void exchange_offer(struct exchange *x, int block, int part, const float *data) {
    int i = 0;
    pthread_mutex_lock(&x->mutex);
    if (!x->failed) {
        /* There is a free one: who offers has waited for what it offered before, as nobody does after a failure. */
        while (x->offers[i].state != FREE) i++;
        x->offers[i] = (struct offer){.state = OFFERED, .block = block, .part = part, .data = data};
        pthread_cond_signal(&x->offered);
    }
    pthread_mutex_unlock(&x->mutex);
}

static bool is_offered(const struct exchange *x, const float *data) {
    for (int i = 0; i < x->room; i++)
        if (x->offers[i].state != FREE && x->offers[i].data == data) return true;
    return false;
}

void exchange_wait(struct exchange *x, const float *data) {
    pthread_mutex_lock(&x->mutex);
    while (is_offered(x, data) && !x->failed) pthread_cond_wait(&x->freed, &x->mutex);
    pthread_mutex_unlock(&x->mutex);
}

/* ---- Main thread ---- */

/* One more slice of an offer has arrived. */
static void arrived(struct exchange *x, int number) {
    if (--x->offers[number].pending > 0) return;
    for (int i = 0; i < x->taken_count; i++)
        if (x->taken[i] == number) x->taken[i--] = x->taken[--x->taken_count];
    pthread_mutex_lock(&x->mutex);
    x->offers[number].state = FREE;
    pthread_cond_broadcast(&x->freed);
    pthread_mutex_unlock(&x->mutex);
    x->releases--;
}

static int find_offer(const struct exchange *x, int block, int part) {
    for (int i = 0; i < x->taken_count; i++) {
        const struct offer *offer = &x->offers[x->taken[i]];
        if (offer->sent && offer->block == block && offer->part == part) return x->taken[i];
    }
    return -1;
}

static const float *slice_of(const struct exchange *x, const struct offer *offer, struct range slice) {
    return offer->data + (slice.begin - x->shards->pieces[x->shards->first[offer->block]].all.begin);
}

/* Take what is there of a piece, in the order of parts; ask for the next where another process has it. */
static ltm_status advance(struct exchange *x, int number, struct ltm_error *error) {
    const struct optimiser_shards *shards = x->shards;
    const struct piece *piece = &shards->pieces[number];
    const size_t n = piece->own.end - piece->own.begin;
    const int block = block_of(shards, number);
    for (; x->next[number] < x->parts; x->next[number]++) {
        const int part = x->next[number];
        const int from = part / x->draws % shards->processes;
        if (from != shards->rank)
            return transfers_receive(x->transfers, number, from, number, x->arriving + piece->at, n, error);
        const int offer = find_offer(x, block, part);
        if (offer < 0) return LTM_OK;
        vector_add(x->total + piece->at, slice_of(x, &x->offers[offer], piece->own), n);
        arrived(x, offer);
    }
    x->slices--;
    return LTM_OK;
}

static ltm_status send_slices(struct exchange *x, int number, struct ltm_error *error) {
    const struct optimiser_shards *shards = x->shards;
    struct offer *offer = &x->offers[number];
    offer->pending = 1; /* until all are on their way */
    offer->sent = true;
    for (int p = shards->first[offer->block]; p < shards->first[offer->block + 1]; p++) {
        for (int k = 1; k < shards->processes; k++) { /* each process begins with another, not all with the first */
            const int to = (shards->rank + k) % shards->processes;
            const struct range slice = optimiser_shards_slice(shards, p, to);
            if (empty(slice)) continue;
            offer->pending++;
            PASS_UP(transfers_send(x->transfers, shards->count + number, to, p, slice_of(x, offer, slice),
                                   slice.end - slice.begin, error));
        }
        if (empty(shards->pieces[p].own)) continue;
        offer->pending++;
        if (x->next[p] == offer->part) PASS_UP(advance(x, p, error));
    }
    arrived(x, number);
    return LTM_OK;
}

/* The part of this process after `part`. */
static int next_part(const struct exchange *x, int part) {
    return (part + 1) % x->draws ? part + 1 : part + 1 + (x->shards->processes - 1) * x->draws;
}

/* An offer whose turn it is: slices of one piece go to one owner in the order of parts, whichever thread was first. */
static int next_to_send(const struct exchange *x) {
    for (int i = 0; i < x->taken_count; i++) {
        const struct offer *offer = &x->offers[x->taken[i]];
        if (!offer->sent && offer->part == x->turn[offer->block]) return x->taken[i];
    }
    return -1;
}

/* Take what has been offered; *moved where something could be sent. */
static ltm_status take_offers(struct exchange *x, bool *moved, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    pthread_mutex_lock(&x->mutex);
    for (int i = 0; i < x->room; i++) {
        if (x->offers[i].state != OFFERED) continue;
        x->offers[i].state = TAKEN;
        x->taken[x->taken_count++] = i;
    }
    pthread_mutex_unlock(&x->mutex);
    for (int i; status == LTM_OK && (i = next_to_send(x)) >= 0; *moved = true) {
        x->turn[x->offers[i].block] = next_part(x, x->offers[i].part);
        status = send_slices(x, i, error);
    }
    return status;
}

static ltm_status take_arrivals(struct exchange *x, bool *moved, struct ltm_error *error) {
    const int *ids;
    int count;
    ltm_status status = transfers_test(x->transfers, &ids, &count, error);
    for (int i = 0; i < count && status == LTM_OK; i++) {
        *moved = true;
        if (ids[i] >= x->shards->count) {
            arrived(x, ids[i] - x->shards->count);
            continue;
        }
        const struct piece *piece = &x->shards->pieces[ids[i]];
        vector_add(x->total + piece->at, x->arriving + piece->at, piece->own.end - piece->own.begin);
        x->next[ids[i]]++;
        status = advance(x, ids[i], error);
    }
    return status;
}

/* Until something is offered, at most so long. */
static void doze(struct exchange *x, long nanoseconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += nanoseconds;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&x->mutex);
    bool waiting = true;
    for (int i = 0; i < x->room; i++) waiting = waiting && x->offers[i].state != OFFERED;
    if (waiting) pthread_cond_timedwait(&x->offered, &x->mutex, &until);
    pthread_mutex_unlock(&x->mutex);
}

void exchange_begin(struct exchange *x, int parts) {
    const struct optimiser_shards *shards = x->shards;
    x->parts = parts * x->draws;
    x->slices = 0;
    for (int p = 0; p < shards->count; p++) {
        x->next[p] = 0;
        if (!empty(shards->pieces[p].own)) x->slices++;
    }
    for (int b = 0; b < shards->blocks; b++) x->turn[b] = shards->rank * x->draws;
    x->releases = 0;
    for (int part = shards->rank * x->draws; part < x->parts; part = next_part(x, part)) x->releases += shards->blocks;
}

ltm_status exchange_run(struct exchange *x, struct ltm_error *error) {
    enum { SHORTEST = 20000, LONGEST = 1000000 }; /* nanoseconds of sleep; short while something moves */
    long sleep = SHORTEST;
    ltm_status status = LTM_OK;
    for (int p = 0; p < x->shards->count; p++)
        if (!empty(x->shards->pieces[p].own)) TRY(advance(x, p, error));
    while (x->slices || x->releases) {
        bool moved = false;
        TRY(take_offers(x, &moved, error));
        TRY(take_arrivals(x, &moved, error));
        if (moved) {
            sleep = SHORTEST;
            continue;
        }
        doze(x, sleep);
        sleep = 2 * sleep < LONGEST ? 2 * sleep : LONGEST;
    }
cleanup:
    if (status != LTM_OK) {
        pthread_mutex_lock(&x->mutex);
        x->failed = true;
        pthread_cond_broadcast(&x->freed);
        pthread_mutex_unlock(&x->mutex);
    }
    return status;
}
