#include "generate/session_mark.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "generate/session_inside.h"

enum { ARRAYS = 3 };

void session_mark_free(struct session_mark *mark) {
    free(mark->slot);
    history_free(&mark->text);
    free(mark->latents);
    *mark = (struct session_mark){0};
}

static ltm_status allocate(struct session_mark *m, const struct ltm_session *s, struct ltm_error *error) {
    if (m->latents) return LTM_OK;
    session_mark_free(m); /* what an allocation that failed has left */
    PASS_UP(NEW_ARRAY(m->slot, decoder_stream_slot_bytes(&s->decoder->plan), "a session", error));
    PASS_UP(history_kept_create(&m->text, &s->history, error));
    return NEW_ARRAY(m->latents, ARRAYS * s->loop.latents + 1, "a session", error);
}

/* From the session's arrays into the mark's, or back. */
static void copy_latents(const struct session_mark *m, const struct ltm_session *s, bool back) {
    float *const fitted[ARRAYS] = {s->loop.mu, s->loop.logvar, s->loop.z};
    const size_t n = s->loop.latents;
    for (size_t i = 0; n && i < ARRAYS; i++) {
        float *mine = m->latents + i * n;
        memcpy(back ? fitted[i] : mine, back ? mine : fitted[i], n * sizeof(float));
    }
}

static ltm_status mark(struct session_mark *m, const struct ltm_session *s, struct ltm_error *error) {
    PASS_UP(allocate(m, s, error));
    decoder_stream_save(s->stream, 0, m->slot);
    history_keep(&m->text, &s->history);
    copy_latents(m, s, false);
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
    copy_latents(m, s, true);
    s->options.seed = m->seed;
    s->draws = m->draws;
    s->fits = m->fits;
    s->picks = m->picks;
    s->heals = m->heals;
    s->fitted = m->fitted;
    if (h->state) {
        history_copy(h, &m->text);
        return;
    }
    history_keep(h, &m->text);
    (void)decoder_stream_restore(s->stream, 0, m->slot); /* saved by this stream */
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
