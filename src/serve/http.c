/* The server: libmicrohttpd's thread talks to clients, exchange.c's works, the caller's looks at the clock. */
#include "serve/http.h"

#include "ltm/serve.h"

#if LTM_HTTP

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "serve/answers.h"
#include "serve/exchange.h"
#include "serve/host.h"
#include "serve/page.h"

enum { TICK_MS = 50, LAST_REPLIES_MS = 2000, MORE_CONNECTIONS = 256 };

/* A connection, and since when its client has owed us a request. */
struct client {
    struct server *server;
    MHD_socket socket;
    double since;
    bool owes;
    struct exchange *exchange; /* that it waits for, or NULL */
    struct client *next, *before;
};

struct server {
    struct desk desk;
    const struct ltm_model *model;
    const struct ltm_serve_options *options;
    struct client *clients; /* of desk.lock */
};

const char *http_library(void) { return MHD_get_version(); }

/* ---- Connections ---- */

static void resume(void *connection) { MHD_resume_connection(connection); }
static void suspend(void *connection) { MHD_suspend_connection(connection); }

static struct client *client_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    struct server *s = user;
    struct client *c = NULL;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        if (NEW_ARRAY(c, 1, "a connection", NULL) != LTM_OK) return; /* its request will be refused */
        *c = (struct client){s,
                             MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
                             seconds_now(),
                             true,
                             NULL,
                             NULL,
                             NULL};
        *context = c;
        pthread_mutex_lock(&s->desk.lock);
        if ((c->next = s->clients)) c->next->before = c;
        s->clients = c;
        pthread_mutex_unlock(&s->desk.lock);
    } else if ((c = *context)) {
        pthread_mutex_lock(&s->desk.lock);
        *(c->before ? &c->before->next : &s->clients) = c->next;
        if (c->next) c->next->before = c->before;
        pthread_mutex_unlock(&s->desk.lock);
        free(c);
    }
}

static void set_owes(struct client *c, bool owes) {
    pthread_mutex_lock(&c->server->desk.lock);
    c->owes = owes;
    c->since = seconds_now();
    pthread_mutex_unlock(&c->server->desk.lock);
}

static void set_waits(struct client *c, struct exchange *exchange) {
    pthread_mutex_lock(&c->server->desk.lock);
    c->exchange = exchange;
    pthread_mutex_unlock(&c->server->desk.lock);
}

static bool has_left(const struct client *c) {
    struct pollfd end = {.fd = c->socket, .events = POLLRDHUP};
    return poll(&end, 1, 0) == 1;
}

/* libmicrohttpd's own limit is on silence: a client that sends or reads a byte now and then would stay for ever. And it does not look
 * at a connection that is suspended. */
static void watch_clients(struct server *s) {
    const double now = seconds_now();
    pthread_mutex_lock(&s->desk.lock);
    for (const struct client *c = s->clients; c; c = c->next) {
        const bool waits = c->exchange && c->exchange->waiting;
        if (waits && has_left(c)) exchange_leave(c->exchange);
        if (!waits && now - c->since > (c->owes ? 1 : 2) * (double)s->options->timeout) shutdown(c->socket, SHUT_RDWR);
    }
    pthread_mutex_unlock(&s->desk.lock);
}

/* ---- Replies ---- */

static enum MHD_Result reply_with(struct MHD_Connection *connection, int status, struct MHD_Response *response,
                                  const char *type, const char *name, const char *value) {
    if (!response) return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (name) MHD_add_response_header(response, name, value);
    const enum MHD_Result queued = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return queued;
}

/* Takes `text`; NULL: there is no memory for it. */
static enum MHD_Result reply_json(struct MHD_Connection *connection, int status, char *text, const char *allow) {
    const char *name = allow ? MHD_HTTP_HEADER_ALLOW : status == 429 ? MHD_HTTP_HEADER_RETRY_AFTER : NULL;
    if (!text) return MHD_NO;
    return reply_with(connection, status, MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE),
                      "application/json", name, allow ? allow : "1");
}

static enum MHD_Result reply_error(struct MHD_Connection *connection, int status, const char *why, const char *allow) {
    return reply_json(connection, status, answer_error(status, why), allow);
}

static ssize_t read_stream(void *user, uint64_t position, char *to, size_t room) {
    (void)position;
    const long taken = exchange_take(user, to, room, suspend);
    return taken < 0 ? MHD_CONTENT_READER_END_OF_STREAM : taken;
}

/* Of one that the worker has begun or ended. */
static enum MHD_Result reply_exchange(struct MHD_Connection *connection, struct exchange *e) {
    pthread_mutex_lock(&e->desk->lock);
    const bool streams = e->streams;
    const int status = e->status;
    char *text = streams ? NULL : e->reply;
    if (!streams) e->reply = NULL;
    pthread_mutex_unlock(&e->desk->lock);
    if (!streams) return reply_json(connection, status, text, NULL);
    return reply_with(connection, MHD_HTTP_OK,
                      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, e, NULL),
                      "text/event-stream", NULL, NULL);
}

/* No page may show this one in a frame: a link in it could make it run. */
static enum MHD_Result reply_page(struct MHD_Connection *connection) {
    struct MHD_Response *page =
        MHD_create_response_from_buffer(page_bytes(), (void *)page_text(), MHD_RESPMEM_PERSISTENT);
    if (page) MHD_add_response_header(page, "X-Frame-Options", "DENY");
    return reply_with(connection, MHD_HTTP_OK, page, "text/html; charset=utf-8", "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                      "frame-ancestors 'none'");
}

/* ---- Requests ---- */

enum place { PAGE, MODELS, TOKENIZER_INFO, TOKENIZE, DETOKENIZE, COMPLETIONS, PLACES };

static const struct {
    const char *path, *method;
} places[PLACES] = {
    [PAGE] = {"/", "GET"},
    [MODELS] = {"/v1/models", "GET"},
    [TOKENIZER_INFO] = {"/tokenizer_info", "GET"},
    [TOKENIZE] = {"/tokenize", "POST"},
    [DETOKENIZE] = {"/detokenize", "POST"},
    [COMPLETIONS] = {"/v1/completions", "POST"},
};

static enum MHD_Result answer_at_once(struct MHD_Connection *connection, const struct server *s, enum place place,
                                      const struct exchange *e) {
    const char *body = e->body ? e->body : "";
    struct ltm_error error = {0};
    char *reply = NULL;
    ltm_status status = LTM_OK;
    if (place == MODELS) status = answer_models(&reply, s->model, s->options->name, &error);
    if (place == TOKENIZER_INFO) status = answer_tokenizer_info(&reply, s->model, &error);
    if (place == TOKENIZE) status = answer_tokenize(&reply, s->model, body, e->bytes, &error);
    if (place == DETOKENIZE) status = answer_detokenize(&reply, s->model, body, e->bytes, &error);
    if (status != LTM_OK) return reply_error(connection, answer_status(status), error.message, NULL);
    return reply_json(connection, MHD_HTTP_OK, reply, NULL);
}

static enum MHD_Result answer(struct MHD_Connection *connection, const struct server *s, struct exchange *e,
                              const char *path, const char *method) {
    char why[160];
    enum place place = PAGE;
    while (place < PLACES && strcmp(path, places[place].path) != 0) place++;
    if (e->submitted) return reply_exchange(connection, e);
    if (!host_is_known(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST), s->options->host,
                       s->options->allow_host))
        return reply_error(connection, 403,
                           "the request's Host is neither an address, nor localhost, nor a name given by --host or "
                           "--allow-host",
                           NULL);
    if (place == PLACES) return reply_error(connection, 404, "there is no such page; see ltm serve --help", NULL);
    const bool head = strcmp(method, "HEAD") == 0 && strcmp(places[place].method, "GET") == 0;
    if (!head && strcmp(method, places[place].method) != 0) {
        snprintf(why, sizeof why, "%s accepts only %s", places[place].path, places[place].method);
        return reply_error(connection, 405, why, places[place].method);
    }
    /* A browser says so of a request that a page of another site makes it send, without a word to the user. */
    const char *site = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site");
    if (site && strcmp(site, "cross-site") == 0 && strcmp(method, "POST") == 0)
        return reply_error(connection, 403, "requests from pages of other sites are refused", NULL);
    if (e->too_large) {
        snprintf(why, sizeof why, "the request is larger than the %lld bytes that --max-body allows",
                 (long long)s->options->max_body);
        return reply_error(connection, 413, why, NULL);
    }
    if (place == PAGE) return reply_page(connection);
    if (place != COMPLETIONS) return answer_at_once(connection, s, place, e);
    const int status = exchange_submit(e, suspend);
    if (status == 0) {
        set_waits(client_of(connection), e);
        return MHD_YES;
    }
    char *reply = e->reply;
    e->reply = NULL;
    return reply_json(connection, status, reply, NULL);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *upload, size_t *upload_bytes, void **context) {
    struct server *s = user;
    struct exchange *e = *context;
    (void)version;
    if (!client_of(connection)) return MHD_NO;
    if (!e) {
        *context = e = exchange_make(&s->desk, connection);
        const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
        if (!e) return MHD_NO;
        e->too_large = length && strtoll(length, NULL, 10) > s->options->max_body;
        return e->too_large ? answer(connection, s, e, path, method) : MHD_YES;
    }
    if (*upload_bytes) {
        if (!exchange_receive(e, upload, *upload_bytes)) return MHD_NO;
        *upload_bytes = 0;
        return MHD_YES;
    }
    set_owes(client_of(connection), false);
    return answer(connection, s, e, path, method);
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code) {
    (void)user, (void)code;
    if (client_of(connection)) {
        set_waits(client_of(connection), NULL);
        set_owes(client_of(connection), true);
    }
    if (*context) exchange_drop(*context);
    *context = NULL;
}

/* ---- The server ---- */

static ltm_status listen_at(struct MHD_Daemon **daemon, struct server *s, struct ltm_error *error) {
    const struct ltm_serve_options *o = s->options;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", o->port);
    const int code = getaddrinfo(o->host, port, &hints, &found);
    if (code != 0) return fail(error, LTM_INVALID, "--host %s: %s", o->host, gai_strerror(code));
    const unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                           (found->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    errno = 0;
    *daemon =
        MHD_start_daemon(flags, (uint16_t)o->port, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, found->ai_addr,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)(o->max_requests + MORE_CONNECTIONS),
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)o->timeout, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                         NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
    freeaddrinfo(found);
    if (*daemon) return LTM_OK;
    return fail(error, LTM_IO, "cannot listen at %s, port %d: %s", o->host, o->port,
                errno ? strerror(errno) : "libmicrohttpd does not say why");
}

static void nap(long milliseconds) {
    const struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL); /* a signal may end it early */
}

static bool any_alive(struct desk *desk) {
    pthread_mutex_lock(&desk->lock);
    const bool any = desk->alive > 0;
    pthread_mutex_unlock(&desk->lock);
    return any;
}

static void tell_ready(const struct server *s, struct MHD_Daemon *daemon, const struct ltm_serve_hooks *hooks) {
    const int port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    const bool colons = strchr(s->options->host, ':') != NULL;
    char url[320];
    snprintf(url, sizeof url, "http://%s%.255s%s:%d/", colons ? "[" : "", s->options->host, colons ? "]" : "", port);
    if (hooks->on_ready) hooks->on_ready(hooks->user, url);
}

ltm_status ltm_serve(const struct ltm_model *model, const struct ltm_serve_options *options,
                     const struct ltm_serve_hooks *hooks, struct ltm_error *error) {
    struct server s = {.model = model, .options = options};
    struct MHD_Daemon *daemon = NULL;
    PASS_UP(host_names_check(options->allow_host, error));
    PASS_UP(desk_open(&s.desk, model, options, resume, error));
    const ltm_status status = listen_at(&daemon, &s, error);
    if (status == LTM_OK) tell_ready(&s, daemon, hooks);
    while (status == LTM_OK && !__atomic_load_n(hooks->stop, __ATOMIC_RELAXED)) {
        nap(TICK_MS);
        desk_tick(&s.desk);
        watch_clients(&s);
    }
    const MHD_socket listening = daemon ? MHD_quiesce_daemon(daemon) : MHD_INVALID_SOCKET;
    desk_end(&s.desk);
    for (int waited = 0; daemon && any_alive(&s.desk) && waited < LAST_REPLIES_MS; waited += 10) nap(10);
    if (daemon) MHD_stop_daemon(daemon);
    if (listening != MHD_INVALID_SOCKET) close(listening);
    desk_close(&s.desk);
    return status;
}

#endif
