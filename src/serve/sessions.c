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

ltm_status sessions_find(struct kept_session **found, struct sessions *s, const char *name,
                         const struct ltm_generate_options *options, struct ltm_error *error) {
    struct kept_session *oldest = NULL;
    struct ltm_session *opened = NULL;
    for (int i = 0; i < s->count; i++) {
        struct kept_session *kept = &s->all[i];
        if (!oldest || kept->used < oldest->used) oldest = kept;
        if (strcmp(kept->name, name) != 0) continue;
        kept->used = ++s->uses;
        *found = kept;
        return LTM_OK;
    }
    if (s->most < 1) return fail(error, LTM_INVALID, "this server keeps no sessions (--sessions 0)");
    PASS_UP(ltm_session_open(&opened, s->model, options, error));
    if (!oldest || s->count < s->most)
        oldest = &s->all[s->count++];
    else
        ltm_session_close(oldest->session);
    *oldest = (struct kept_session){.session = opened, .used = ++s->uses};
    snprintf(oldest->name, sizeof oldest->name, "%s", name);
    *found = oldest;
    return LTM_OK;
}
