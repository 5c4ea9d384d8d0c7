/* Texts that continue from request to request, each under its own z. At most `most` are kept; a new one replaces the least recently
 * used. For one thread. */
#pragma once

#include "ltm/session.h"
#include "serve/completion_request.h"

struct kept_session {
    char name[COMPLETION_SESSION_NAME];
    struct ltm_session *session;
    int64_t used, turns; /* turns: answered so far */
};

struct sessions {
    const struct ltm_model *model;
    int most, count;
    int64_t uses;
    struct kept_session *all; /* [most] */
};

ltm_status sessions_create(struct sessions *sessions, const struct ltm_model *model, int most, struct ltm_error *error);
void sessions_free(struct sessions *sessions);

/* The session of a name, which is then the last used; or NULL. */
struct kept_session *sessions_find(struct sessions *sessions, const char *name);

/* A new session of a name that has none, with these options. */
ltm_status sessions_open(struct kept_session **kept, struct sessions *sessions, const char *name,
                         const struct ltm_generate_options *options, struct ltm_error *error);
