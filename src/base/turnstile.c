#include "base/turnstile.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"

struct turnstile {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    int stages;
    int *next; /* [stages] the ticket whose turn it is */
};

ltm_status turnstile_create(struct turnstile **turnstile, int stages, struct ltm_error *error) {
    struct turnstile *made = NULL;
    *turnstile = NULL;
    ltm_status status = NEW_ARRAY(made, 1, "a turnstile", error);
    if (status != LTM_OK) return status;
    status = NEW_ARRAY(made->next, (size_t)stages, "a turnstile", error);
    if (status != LTM_OK) {
        free(made);
        return status;
    }
    made->stages = stages;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->moved, NULL);
    *turnstile = made;
    return LTM_OK;
}

void turnstile_free(struct turnstile *turnstile) {
    if (!turnstile) return;
    pthread_mutex_destroy(&turnstile->mutex);
    pthread_cond_destroy(&turnstile->moved);
    free(turnstile->next);
    free(turnstile);
}

void turnstile_reset(struct turnstile *turnstile) {
    for (int s = 0; s < turnstile->stages; s++) turnstile->next[s] = 0;
}

void turnstile_enter(struct turnstile *turnstile, int stage, int ticket) {
    if (!turnstile) return;
    pthread_mutex_lock(&turnstile->mutex);
    while (turnstile->next[stage] != ticket) pthread_cond_wait(&turnstile->moved, &turnstile->mutex);
    pthread_mutex_unlock(&turnstile->mutex);
}

void turnstile_leave(struct turnstile *turnstile, int stage) {
    if (!turnstile) return;
    pthread_mutex_lock(&turnstile->mutex);
    turnstile->next[stage]++;
    pthread_cond_broadcast(&turnstile->moved);
    pthread_mutex_unlock(&turnstile->mutex);
}
