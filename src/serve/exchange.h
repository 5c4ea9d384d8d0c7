/* Requests and their replies between two threads: one that talks to clients, and the worker that answers completions, one by one in
 * the order of their coming.
 *
 * The talking thread makes an exchange, hands it to the worker (exchange_submit) and stops looking at its connection until
 * desk.resume is called; then exchange_state says what there is: a whole reply, or a stream that has begun. */
#pragma once

#include <pthread.h>

#include "serve/completion.h"

/* Why its work ends early, where the server does not. */
enum exchange_stop { EXCHANGE_RUNS, EXCHANGE_LATE, EXCHANGE_BEHIND, EXCHANGE_LEFT };

enum { EXCHANGE_UNREAD_MOST = 4 << 20 }; /* bytes of a stream that may wait for its client */

struct exchange {
    struct desk *desk;
    void *connection;
    char *body; /* as it came so far */
    size_t bytes, room;
    bool too_large, submitted;
    /* The rest belongs to desk->lock. */
    struct completion_request request;
    double deadline;
    volatile sig_atomic_t stop;            /* end the work */
    enum exchange_stop why;                /* first reason */
    bool waiting, gone, finished, streams; /* waiting: the connection is to be resumed */
    int status;                            /* of the reply */
    char *reply;                           /* a whole one, text; NULL = none could be made */
    char *out;                             /* of a stream: what is not sent yet begins at `sent` */
    size_t out_bytes, out_room, sent;
    struct exchange *next;
};

struct desk {
    struct completions work;
    const struct ltm_serve_options *options;
    void (*resume)(void *connection);
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t worker;
    struct exchange *first, **last; /* that wait */
    struct exchange *running;
    int under_way, alive; /* submitted and not finished; made and not gone */
    bool ending;
};

ltm_status desk_open(struct desk *desk, const struct ltm_model *model, const struct ltm_serve_options *options,
                     void (*resume)(void *connection), struct ltm_error *error);
/* Answer what is under way with 503, and take no more. */
void desk_end(struct desk *desk);
/* No exchange may be alive. */
void desk_close(struct desk *desk);
/* End the work of the request that is past its time. */
void desk_tick(struct desk *desk);

struct exchange *exchange_make(struct desk *desk, void *connection); /* NULL: no memory */
/* More of the body; what passes options->max_body is dropped, and too_large set. */
bool exchange_receive(struct exchange *exchange, const char *bytes, size_t count);
/* 0: the connection is to be suspended within `suspend`, and will be resumed. Else the status of a reply in exchange->reply. */
int exchange_submit(struct exchange *exchange, void (*suspend)(void *connection));
/* What is to be sent of a stream: how many bytes went into `to`, 0 after suspending, -1 at its end. */
long exchange_take(struct exchange *exchange, char *to, size_t room, void (*suspend)(void *connection));
/* Under desk->lock: the client has closed its side while it waited, so nobody reads the reply. */
void exchange_leave(struct exchange *exchange);
/* The connection is done with it. */
void exchange_drop(struct exchange *exchange);
