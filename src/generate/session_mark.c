#include "generate/session_mark.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "generate/session_inside.h"

enum { ARRAYS = 3 };

void session_mark_free(struct session_mark *mark) {
    free(mark->slot);
    free(mark->tokens);
    free(mark->latents);
    *mark = (struct session_mark){0};
}

static ltm_status allocate(struct session_mark *m, const struct ltm_session *s, struct ltm_error *error) {
    if (!m->slot) PASS_UP(NEW_ARRAY(m->slot, decoder_stream_slot_bytes(&s->decoder->plan), "a session", error));
    if (!m->tokens) PASS_UP(NEW_ARRAY(m->tokens, (size_t)s->history.most + 1, "a session", error));
    if (!m->latents) PASS_UP(NEW_ARRAY(m->latents, ARRAYS * s->loop.latents + 1, "a session", error));
    return LTM_OK;
}

/* From the session's arrays into the mark's, or back. */
static void copy_latents(const struct session_mark *m, const struct ltm_session *s, bool back) {
    const struct streaming *state = s->history.state ? &s->history.state->streaming : NULL;
    float *const streaming[ARRAYS] = {state ? state->u : NULL, state ? state->lambda : NULL, NULL};
    float *const fitted[ARRAYS] = {s->loop.mu, s->loop.logvar, s->loop.z};
    const size_t n = s->loop.latents;
    for (size_t i = 0; n && i < ARRAYS; i++) {
        float *theirs = state ? streaming[i] : fitted[i];
        float *mine = m->latents + i * n;
        if (theirs) memcpy(back ? theirs : mine, back ? mine : theirs, n * sizeof(float));
    }
}

static ltm_status mark(struct session_mark *m, const struct ltm_session *s, struct ltm_error *error) {
    const struct history *h = &s->history;
    PASS_UP(allocate(m, s, error));
    decoder_stream_save(s->stream, 0, m->slot);
    memcpy(m->tokens, h->tokens, ((size_t)h->count + 1) * sizeof *m->tokens);
    copy_latents(m, s, false);
    m->count = h->count;
    m->known = h->state ? h->state->known : 0;
    m->forgot = h->state && h->state->forgot;
    m->seed = s->options.seed;
    m->draws = s->draws;
    m->fits = s->fits;
    m->picks = s->picks;
    m->heals = s->heals;
    m->fitted = s->fitted;
    m->set = true;
    return LTM_OK;
}

static void go_back(struct ltm_session *s, const struct session_mark *m) {
    struct history *h = &s->history;
    memcpy(h->tokens, m->tokens, ((size_t)m->count + 1) * sizeof *m->tokens);
    h->count = m->count;
    copy_latents(m, s, true);
    s->options.seed = m->seed;
    s->draws = m->draws;
    s->fits = m->fits;
    s->picks = m->picks;
    s->heals = m->heals;
    s->fitted = m->fitted;
    if (!h->state) {
        (void)decoder_stream_restore(s->stream, 0, m->slot); /* saved by this stream */
        return;
    }
    h->state->known = m->known;
    h->state->forgot = m->forgot;
    history_read(h);
}

bool session_can_repeat(const struct ltm_session *s) { return s->last.set; }

ltm_status session_turn_begin(struct ltm_session *s, bool again, struct ltm_error *error) {
    PASS_UP(mark(&s->present, s, error));
    if (again) go_back(s, &s->last);
    return LTM_OK;
}

void session_turn_end(struct ltm_session *s, bool again, bool taken) {
    if (!taken) {
        go_back(s, &s->present);
    } else if (!again) {
        const struct session_mark spare = s->last;
        s->last = s->present;
        s->present = spare;
    }
}
