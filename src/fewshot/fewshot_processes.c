#include "fewshot/fewshot_processes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/processes.h"

bool item_is_mine(int64_t item) { return item % processes_count() == processes_rank(); }

struct message {
    int64_t item; /* -1 = no more */
    uint64_t bytes;
};

static ltm_status send_texts(char **texts, int64_t begin, int64_t end, struct ltm_error *error) {
    const struct message last = {.item = -1};
    ltm_status status = LTM_OK;
    for (int64_t i = begin; i < end; i++) {
        if (!texts[i]) continue;
        const struct message message = {i, strlen(texts[i]) + 1};
        TRY(processes_send(0, &message, sizeof message, error));
        TRY(processes_send(0, texts[i], message.bytes, error));
        free(texts[i]);
        texts[i] = NULL;
    }
    TRY(processes_send(0, &last, sizeof last, error));
cleanup:
    return status;
}

/* Receives all of one process's texts, even after a failure: it waits until they are taken. */
static ltm_status receive_texts(int from, ltm_status (*take)(void *, int64_t, const char *, struct ltm_error *),
                                void *user, struct ltm_error *error) {
    ltm_status taken = LTM_OK;
    for (;;) {
        struct message message;
        char *text = NULL;
        ltm_status status = processes_receive(from, &message, sizeof message, error);
        if (status != LTM_OK) return status;
        if (message.item < 0) return taken;
        status = NEW_ARRAY(text, message.bytes, "an item", error);
        if (status != LTM_OK) processes_give_up();
        if (status == LTM_OK) status = processes_receive(from, text, message.bytes, error);
        if (status == LTM_OK && taken == LTM_OK) taken = take(user, message.item, text, error);
        free(text);
        if (status != LTM_OK) return status;
    }
}

ltm_status items_exchange(char **texts, int64_t begin, int64_t end,
                          ltm_status (*take)(void *user, int64_t item, const char *text, struct ltm_error *error),
                          void *user, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    if (processes_rank() > 0) return send_texts(texts, begin, end, error);
    for (int r = 1; r < processes_count() && !processes_broken(); r++) {
        struct ltm_error other;
        const ltm_status received = receive_texts(r, take, user, &other);
        if (received == LTM_OK || status != LTM_OK) continue;
        status = received;
        if (error) *error = other;
    }
    return status;
}
