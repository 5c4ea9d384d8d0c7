#include "fewshot/long_prompt.h"

#include <string.h>

#include "config/chunks.h"

ltm_status long_prompt_create(struct long_prompt *prompt, const struct decoder *decoder, struct decoder_stream *stream,
                              int slot, struct decoder_pass *pass, float *nll, struct ltm_error *error) {
    const struct history_reader reader = {.stream = stream, .slot = slot, .pass = pass, .nll = nll};
    *prompt = (struct long_prompt){.config = &decoder->plan.config, .slot = slot, .window = -1};
    return history_create(&prompt->history, decoder, &reader, error);
}

void long_prompt_start(struct long_prompt *prompt) {
    prompt->read = false;
    prompt->window = -1;
}

ltm_status long_prompt_read(struct long_prompt *prompt, const int32_t *tokens, int inputs,
                            const volatile sig_atomic_t *stop, struct ltm_error *error) {
    struct history *h = &prompt->history;
    const size_t count = (size_t)inputs;
    int dropped = 0;
    if (prompt->read) return LTM_OK;
    for (size_t i = history_begin(h, tokens, count); i < count;) {
        if (stop && __atomic_load_n(stop, __ATOMIC_RELAXED))
            return fail(error, LTM_INTERRUPTED, "the reading of a text was stopped");
        i += history_read_on(h, tokens + 1 + i, count - i, &dropped);
    }
    prompt->begin = inputs - h->count;
    prompt->known = prompt->begin + (h->state ? h->state->known : 0);
    prompt->read = true;
    return LTM_OK;
}

/* In whole chunks before what z has read, so that none moves it again. */
int long_prompt_window(const struct long_prompt *prompt, int inputs, int tokens) {
    const int over = inputs + tokens - prompt->history.most;
    const int chunk = model_chunk(prompt->config);
    if (prompt->history.rolls || over <= prompt->begin) return prompt->begin;
    return over > prompt->known ? over : prompt->known - (prompt->known - over) / chunk * chunk;
}

int long_prompt_stand(struct long_prompt *prompt, const int32_t *tokens, int inputs, int window) {
    struct streaming_text *state = prompt->history.state;
    if (window == prompt->begin) return prompt->slot;
    if (window != prompt->window) {
        state->known = prompt->known > window ? prompt->known - window : 0;
        state->forgot = true;
        streaming_text_read(state, tokens + window, inputs - window, prompt->history.reader.stream, prompt->slot + 1);
        prompt->window = window;
    }
    return prompt->slot + 1;
}
