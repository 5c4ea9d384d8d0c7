#include "serve/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "serve/answers.h"

static void set_stop(struct exchange *e) { __atomic_store_n(&e->stop, 1, __ATOMIC_RELAXED); }

/* Under the lock. */
static void stop_because(struct exchange *e, enum exchange_stop why) {
    if (e->why == EXCHANGE_RUNS) e->why = why;
    set_stop(e);
}

/* Under the lock. */
static void resume(struct exchange *e) {
    if (e->waiting && !e->gone) e->desk->resume(e->connection);
    e->waiting = false;
}

static void destroy(struct exchange *e) {
    completion_request_free(&e->request);
    free(e->body);
    free(e->reply);
    free(e->out);
    free(e);
}

/* ---- The worker ---- */

static bool put(struct exchange *e, const char *text) {
    const size_t bytes = strlen(text);
    if (e->sent > e->out_bytes / 2) { /* what is sent makes room */
        e->out_bytes -= e->sent;
        memmove(e->out, e->out + e->sent, e->out_bytes);
        e->sent = 0;
    }
    if (GROW_ARRAY(e->out, e->out_room, e->out_bytes + bytes + 1, "a stream", NULL) != LTM_OK) return false;
    memcpy(e->out + e->out_bytes, text, bytes);
    e->out_bytes += bytes;
    return true;
}

/* A server-sent event. Where memory is short the stream ends, in place of losing a piece. */
static void tell(void *user, const char *json) {
    struct exchange *e = user;
    pthread_mutex_lock(&e->desk->lock);
    e->streams = true;
    if (e->out_bytes - e->sent > EXCHANGE_UNREAD_MOST)
        stop_because(e, EXCHANGE_BEHIND);
    else if (!put(e, "data: ") || !put(e, json) || !put(e, "\n\n"))
        set_stop(e);
    resume(e);
    pthread_mutex_unlock(&e->desk->lock);
}

static void explain_stop(const struct exchange *e, struct ltm_error *error) {
    if (e->why == EXCHANGE_LATE)
        fail(error, LTM_INTERRUPTED,
             "the request took longer than %d s; ask for less, or start the server with a longer --timeout",
             e->desk->options->timeout);
    else if (e->why == EXCHANGE_BEHIND)
        fail(error, LTM_INTERRUPTED, "more than %d MiB of the stream wait for its client, which reads too slowly",
             EXCHANGE_UNREAD_MOST >> 20);
    else if (e->why == EXCHANGE_LEFT)
        fail(error, LTM_INTERRUPTED, "the client closed its side of the connection");
    else if (e->desk->ending)
        fail(error, LTM_INTERRUPTED, "the server is ending");
}

static void finish(struct exchange *e, ltm_status status, char *reply, struct ltm_error *error) {
    struct desk *desk = e->desk;
    pthread_mutex_lock(&desk->lock);
    if (status == LTM_INTERRUPTED) explain_stop(e, error);
    e->status = status == LTM_OK ? 200 : answer_status(status);
    if (status != LTM_OK) {
        free(reply);
        reply = answer_error(e->status, error->message);
    }
    e->reply = reply;
    if (e->streams) {
        if (status != LTM_OK && reply && put(e, "data: ") && put(e, reply)) put(e, "\n\n");
        if (status == LTM_OK) put(e, "data: [DONE]\n\n");
    }
    e->finished = true;
    desk->running = NULL;
    desk->under_way--;
    resume(e);
    const bool gone = e->gone;
    pthread_mutex_unlock(&desk->lock);
    if (gone) destroy(e);
}

static void answer(struct exchange *e) {
    const struct completion_stream stream = {.user = e, .event = tell};
    struct ltm_error error = {.message = "the request was dropped"};
    char *reply = NULL;
    ltm_status status = LTM_INTERRUPTED;
    if (!__atomic_load_n(&e->stop, __ATOMIC_RELAXED))
        status = completion_run(&reply, &e->desk->work, &e->request, &stream, &e->stop, &error);
    finish(e, status, reply, &error);
}

static void *work(void *user) {
    struct desk *desk = user;
    for (;;) {
        pthread_mutex_lock(&desk->lock);
        while (!desk->first && !desk->ending) pthread_cond_wait(&desk->wake, &desk->lock);
        struct exchange *e = desk->first;
        if (e && !(desk->first = e->next)) desk->last = &desk->first;
        desk->running = e;
        if (e && desk->ending) set_stop(e);
        if (e && seconds_now() > e->deadline) stop_because(e, EXCHANGE_LATE);
        pthread_mutex_unlock(&desk->lock);
        if (!e) return NULL;
        answer(e);
    }
}

/* ---- The desk ---- */

ltm_status desk_open(struct desk *desk, const struct ltm_model *model, const struct ltm_serve_options *options,
                     void (*resume_connection)(void *connection), struct ltm_error *error) {
    *desk = (struct desk){.options = options, .resume = resume_connection};
    desk->last = &desk->first;
    PASS_UP(completions_open(&desk->work, model, options, error));
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->wake, NULL);
    if (pthread_create(&desk->worker, NULL, work, desk) == 0) return LTM_OK;
    completions_close(&desk->work);
    return fail(error, LTM_MEMORY, "no thread could be started to answer requests");
}

void desk_end(struct desk *desk) {
    pthread_mutex_lock(&desk->lock);
    desk->ending = true;
    if (desk->running) set_stop(desk->running);
    pthread_cond_signal(&desk->wake);
    pthread_mutex_unlock(&desk->lock);
    pthread_join(desk->worker, NULL);
}

void desk_close(struct desk *desk) {
    completions_close(&desk->work);
    pthread_cond_destroy(&desk->wake);
    pthread_mutex_destroy(&desk->lock);
}

void desk_tick(struct desk *desk) {
    pthread_mutex_lock(&desk->lock);
    struct exchange *e = desk->running;
    if (e && seconds_now() > e->deadline) stop_because(e, EXCHANGE_LATE);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- The talking thread ---- */

struct exchange *exchange_make(struct desk *desk, void *connection) {
    struct exchange *e = NULL;
    if (NEW_ARRAY(e, 1, "a request", NULL) != LTM_OK) return NULL;
    e->desk = desk;
    e->connection = connection;
    pthread_mutex_lock(&desk->lock);
    desk->alive++;
    pthread_mutex_unlock(&desk->lock);
    return e;
}

bool exchange_receive(struct exchange *e, const char *bytes, size_t count) {
    if (e->too_large || (int64_t)(e->bytes + count) > e->desk->options->max_body) {
        e->too_large = true;
        return true;
    }
    if (GROW_ARRAY(e->body, e->room, e->bytes + count + 1, "a request", NULL) != LTM_OK) return false;
    memcpy(e->body + e->bytes, bytes, count);
    e->bytes += count;
    return true;
}

static int refuse(struct exchange *e, int status, const char *why) {
    e->reply = answer_error(status, why);
    return status;
}

int exchange_submit(struct exchange *e, void (*suspend)(void *connection)) {
    struct desk *desk = e->desk;
    struct ltm_error error = {0};
    const int vocab = ltm_tokenizer_vocab(ltm_model_tokenizer(desk->work.model));
    int status = 0;
    const ltm_status read = completion_request_read(&e->request, e->body ? e->body : "", e->bytes, vocab, &error);
    if (read != LTM_OK) return refuse(e, answer_status(read), error.message);
    e->deadline = seconds_now() + desk->options->timeout;
    pthread_mutex_lock(&desk->lock);
    if (desk->ending)
        status = 503;
    else if (desk->under_way >= desk->options->max_requests)
        status = 429;
    else {
        desk->under_way++;
        *desk->last = e;
        desk->last = &e->next;
        e->submitted = e->waiting = true;
        suspend(e->connection);
        pthread_cond_signal(&desk->wake);
    }
    pthread_mutex_unlock(&desk->lock);
    if (status == 503) return refuse(e, status, "the server is ending");
    if (status == 429) {
        char why[96];
        snprintf(why, sizeof why, "%d requests are under way, as many as --max-requests allows; ask again later",
                 desk->options->max_requests);
        return refuse(e, status, why);
    }
    return 0;
}

long exchange_take(struct exchange *e, char *to, size_t room, void (*suspend)(void *connection)) {
    long taken = 0;
    pthread_mutex_lock(&e->desk->lock);
    const size_t left = e->out_bytes - e->sent;
    if (left) {
        taken = (long)(left < room ? left : room);
        memcpy(to, e->out + e->sent, (size_t)taken);
        e->sent += (size_t)taken;
        if (e->sent == e->out_bytes) e->sent = e->out_bytes = 0;
    } else if (e->finished)
        taken = -1;
    else {
        e->waiting = true;
        suspend(e->connection);
    }
    pthread_mutex_unlock(&e->desk->lock);
    return taken;
}

void exchange_leave(struct exchange *e) {
    if (e->waiting && !e->finished) stop_because(e, EXCHANGE_LEFT);
}

void exchange_drop(struct exchange *e) {
    struct desk *desk = e->desk;
    pthread_mutex_lock(&desk->lock);
    const bool ours = !e->submitted || e->finished;
    e->gone = true;
    set_stop(e);
    desk->alive--;
    pthread_mutex_unlock(&desk->lock);
    if (ours) destroy(e);
}
