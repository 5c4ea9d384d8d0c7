/* Requests and replies between two threads: the HTTP thread, and the worker, which answers completions one by one, in order of arrival.
 *
 * The HTTP thread makes an exchange, submits it to the worker (exchange_submit) and suspends its connection until desk.resume is
 * called; the exchange then has a whole reply, or a stream that has begun. */
#pragma once

#include <pthread.h>

#include "serve/completion.h"

/* Why a request's work ends early while the server runs. */
enum exchange_stop { EXCHANGE_RUNS, EXCHANGE_LATE, EXCHANGE_BEHIND, EXCHANGE_LEFT };

enum { EXCHANGE_UNREAD_MOST = 4 << 20 }; /* most unsent bytes of a stream */

struct exchange {
    struct desk *desk;
    void *connection;
    char *body; /* received so far */
    size_t bytes, room;
    bool too_large, submitted;
    /* desk->lock guards the rest. */
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
/* Answer running requests with 503, and accept no more. */
void desk_end(struct desk *desk);
/* No exchange may be alive. */
void desk_close(struct desk *desk);
/* Stop the running request if its time is over. */
void desk_tick(struct desk *desk);

struct exchange *exchange_make(struct desk *desk, void *connection); /* NULL: no memory */
/* Another piece of the body; beyond options->max_body it is dropped, and too_large is set. False: no memory. */
bool exchange_receive(struct exchange *exchange, const char *bytes, size_t count);
/* 0: `suspend` was called, and the connection will be resumed. Otherwise the status of the reply in exchange->reply. */
int exchange_submit(struct exchange *exchange, void (*suspend)(void *connection));
/* The next bytes of a stream: returns how many were put into `to`, 0 after suspending, -1 at the end. */
long exchange_take(struct exchange *exchange, char *to, size_t room, void (*suspend)(void *connection));
/* Under desk->lock: the client has closed the connection, so nobody will read the reply. */
void exchange_leave(struct exchange *exchange);
/* The connection is done with it. */
void exchange_drop(struct exchange *exchange);
