/* A prompt that a model's state reads to its end where prompt and continuation exceed model.sequence (model_reads_on). What comes behind it
 * begins with a copy of a slot. Behind streaming latents it must end by model.sequence, since z then stays: where that is too near, the window
 * begins later, and is read again under the z that has read all of the prompt. */
#pragma once

#include <signal.h>

#include "generate/history.h"

enum { LONG_PROMPT_SLOTS = 2 }; /* of a stream */

struct long_prompt {
    struct history history; /* of all of the prompt, as long as `read` */
    const struct ltm_model_config *config;
    int slot; /* the history's; the next one is the window's */
    bool read;
    int begin, known; /* the prompt's token that the history begins with then, and that z has read up to */
    int window;       /* that the window begins with; -1 = none is read */
};

/* In slots `slot` and the next of a stream; pass: over a whole sequence, unless latents stream. The history is the caller's to free. */
ltm_status long_prompt_create(struct long_prompt *prompt, const struct decoder *decoder, struct decoder_stream *stream,
                              int slot, struct decoder_pass *pass, float *nll, struct ltm_error *error);

/* Another prompt. */
void long_prompt_start(struct long_prompt *prompt);

/* Reads tokens[0 … inputs - 1], unless that is done; tokens[inputs] predicts what follows. LTM_INTERRUPTED once *stop (or NULL) is
 * nonzero. */
ltm_status long_prompt_read(struct long_prompt *prompt, const int32_t *tokens, int inputs,
                            const volatile sig_atomic_t *stop, struct ltm_error *error);

/* Of a prompt that is read: the token of it, at least 1, with which the window begins behind which `tokens` more are read, and the slot that
 * stands there. */
int long_prompt_window(const struct long_prompt *prompt, int inputs, int tokens);
int long_prompt_stand(struct long_prompt *prompt, const int32_t *tokens, int inputs, int window);
