#include "base/ordered_section.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"

struct ordered_section {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    int stages;
    int *next; /* [stages] the ticket whose turn it is */
};

ltm_status ordered_section_create(struct ordered_section **section, int stages, struct ltm_error *error) {
    struct ordered_section *made = NULL;
    *section = NULL;
    PASS_UP(NEW_ARRAY(made, 1, "an ordered section", error));
    ltm_status status = NEW_ARRAY(made->next, (size_t)stages, "an ordered section", error);
    if (status != LTM_OK) {
        free(made);
        return status;
    }
    made->stages = stages;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->moved, NULL);
    *section = made;
    return LTM_OK;
}

void ordered_section_free(struct ordered_section *section) {
    if (!section) return;
    pthread_mutex_destroy(&section->mutex);
    pthread_cond_destroy(&section->moved);
    free(section->next);
    free(section);
}

void ordered_section_reset(struct ordered_section *section) {
    for (int s = 0; s < section->stages; s++) section->next[s] = 0;
}

void ordered_section_enter(struct ordered_section *section, int stage, int ticket) {
    if (!section) return;
    pthread_mutex_lock(&section->mutex);
    while (section->next[stage] != ticket) pthread_cond_wait(&section->moved, &section->mutex);
    pthread_mutex_unlock(&section->mutex);
}

void ordered_section_leave(struct ordered_section *section, int stage) {
    if (!section) return;
    pthread_mutex_lock(&section->mutex);
    section->next[stage]++;
    pthread_cond_broadcast(&section->moved);
    pthread_mutex_unlock(&section->mutex);
}
