#include "serve/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

ltm_status sessions_create(struct sessions *s, const struct ltm_model *model, int most, struct ltm_error *error) {
    *s = (struct sessions){.model = model, .most = most};
    return NEW_ARRAY(s->all, (size_t)most, "sessions", error);
}

void sessions_free(struct sessions *s) {
    for (int i = 0; i < s->count; i++) ltm_session_close(s->all[i].session);
    free(s->all);
    *s = (struct sessions){0};
}

struct kept_session *sessions_find(struct sessions *s, const char *name) {
    for (int i = 0; i < s->count; i++) {
        if (strcmp(s->all[i].name, name) != 0) continue;
        s->all[i].used = ++s->uses;
        return &s->all[i];
    }
    return NULL;
}

ltm_status sessions_open(struct kept_session **made, struct sessions *s, const char *name,
                         const struct ltm_generate_options *options, struct ltm_error *error) {
    struct kept_session *place = s->all;
    struct ltm_session *opened = NULL;
    if (s->most < 1) return fail(error, LTM_INVALID, "this server keeps no sessions (--sessions 0)");
    PASS_UP(ltm_session_open(&opened, s->model, options, error));
    if (s->count < s->most)
        place = &s->all[s->count++];
    else { /* the least recently used one's */
        for (int i = 1; i < s->count; i++)
            if (s->all[i].used < place->used) place = &s->all[i];
        ltm_session_close(place->session);
    }
    *place = (struct kept_session){.session = opened, .used = ++s->uses};
    snprintf(place->name, sizeof place->name, "%s", name);
    *made = place;
    return LTM_OK;
}
