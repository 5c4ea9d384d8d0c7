#include "generate/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/chunks.h"

ltm_status history_create(struct history *history, const struct decoder *decoder, const struct history_reader *reader,
                          struct ltm_error *error) {
    const struct ltm_model_config *model = &decoder->plan.config;
    *history = (struct history){.most = model->sequence, .rolls = model_rolls(model), .reader = *reader};
    PASS_UP(NEW_ARRAY(history->tokens, (size_t)history->most + 1, "a text's tokens", error));
    if (!model_streams(model)) return LTM_OK;
    PASS_UP(NEW_ARRAY(history->state, 1, "a text's latents", error));
    return streaming_text_create(history->state, decoder, error);
}

void history_free(struct history *history) {
    if (history->state) streaming_text_free(history->state);
    free(history->state);
    free(history->tokens);
}

void history_start(struct history *history) {
    history->count = 0;
    if (history->state) streaming_text_start(history->state);
}

int history_forget(struct history *history, int keep) {
    const int forgotten = history->count - keep;
    memmove(history->tokens, history->tokens + forgotten, ((size_t)keep + 1) * sizeof *history->tokens);
    history->count = keep;
    if (history->state) streaming_text_forget(history->state, forgotten);
    return forgotten;
}

void history_read(const struct history *history) {
    const struct history_reader *r = &history->reader;
    if (history->state) {
        streaming_text_read(history->state, history->tokens, history->count, r->stream, r->slot);
        return;
    }
    if (history->count == 0) {
        decoder_stream_begin(r->stream, r->slot, r->z);
        return;
    }
    decoder_begin(r->pass, history->tokens, history->tokens + 1, 1, history->count);
    decoder_score(r->pass, r->z, r->nll);
    decoder_stream_begin_behind(r->stream, r->slot, r->pass, r->z);
}

/* Where latents stream, what is dropped is whole chunks: the rest has the same chunks when it is read again, and none moves z twice. */
static int half(const struct history *history) {
    const int drop = history->most - history->most / 2;
    const int chunk = history->state ? model_chunk(history->state->streaming.config) : 1;
    return history->most - (chunk < history->most ? (drop + chunk - 1) / chunk * chunk : drop);
}

/* What is kept is then to be read again, unless the stream rolls on. */
static int make_room(struct history *history) {
    const struct history_reader *r = &history->reader;
    if (history->state) streaming_text_follow(history->state, history->tokens, history->count, r->stream, r->slot);
    return history->count < history->most ? 0 : history_forget(history, half(history));
}

int history_slide(struct history *history) {
    const int dropped = make_room(history);
    if (dropped == 0 || history->rolls) return 0;
    history_read(history);
    return dropped;
}

int history_append(struct history *history, int32_t token) {
    const int dropped = history_slide(history);
    decoder_stream_step(history->reader.stream, &history->reader.slot, &history->tokens[history->count], 1);
    history->tokens[++history->count] = token;
    return dropped;
}

/* As many tokens as there is room for, with those that stand before them. */
static size_t fill(struct history *history, const int32_t *ids, size_t count) {
    const size_t room = (size_t)(history->most - history->count);
    const size_t fit = count < room ? count : room;
    if (fit) memcpy(history->tokens + history->count + 1, ids, fit * sizeof *ids);
    history->count += (int)fit;
    history_read(history);
    return fit;
}

size_t history_begin(struct history *history, const int32_t *ids, size_t count) {
    history_start(history);
    history->tokens[0] = ids[0];
    return fill(history, ids + 1, count);
}

/* Many at once where the text before them is read again anyway, or may be: it all stands under the z that it was first read under. */
size_t history_read_on(struct history *history, const int32_t *ids, size_t count, int *dropped) {
    const bool full = history->count == history->most;
    if (!history->state || (!full && (history->state->forgot || count <= HISTORY_STEPS))) {
        *dropped += history_append(history, *ids);
        return 1;
    }
    *dropped += make_room(history);
    return fill(history, ids, count);
}

ltm_status history_kept_create(struct history *kept, const struct history *of, struct ltm_error *error) {
    *kept = (struct history){0};
    PASS_UP(NEW_ARRAY(kept->tokens, (size_t)of->most + 1, "a text's tokens", error));
    if (!of->state) return LTM_OK;
    PASS_UP(NEW_ARRAY(kept->state, 1, "a text's latents", error));
    return NEW_ARRAY(kept->state->begun, 2 * of->state->streaming.latents, "a text's latents", error);
}

void history_keep(struct history *kept, const struct history *history) {
    const struct streaming_text *state = history->state;
    memcpy(kept->tokens, history->tokens, ((size_t)history->count + 1) * sizeof *kept->tokens);
    kept->count = history->count;
    if (!state) return;
    memcpy(kept->state->begun, state->begun, 2 * state->streaming.latents * sizeof *state->begun);
    kept->state->begun_known = state->begun_known;
    kept->state->forgot = state->forgot;
}

void history_copy(struct history *history, const struct history *from) {
    memcpy(history->tokens, from->tokens, ((size_t)from->count + 1) * sizeof *from->tokens);
    history->count = from->count;
    if (!history->state) {
        decoder_stream_copy(history->reader.stream, history->reader.slot, from->reader.slot);
        return;
    }
    streaming_text_copy(history->state, from->state);
    history_read(history);
}
