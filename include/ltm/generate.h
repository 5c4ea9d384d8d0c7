/* Text from a model: z from the prior, or fitted on a prompt alone; then one token at a time, many samples at once.
 *
 *     struct ltm_generate_options options = ltm_generate_defaults();
 *     options.prompts = prompts, options.prompt_count = 2, options.count = 100;    100 samples of each prompt
 *     struct ltm_generate_hooks hooks = {.user = &mine, .on_sample = on_sample};
 *     ltm_generate(model, &options, &hooks, &error);
 *
 * A sample's text follows from the model, its prompt, its number and the options alone: it is the same, to the bit, whatever is
 * generated beside it, and for any number of threads, calls and processes that share the work. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

struct ltm_prompt_tokens {
    const int32_t *ids;
    size_t count;
};

enum { LTM_TOP_MOST = 20 }; /* of the likeliest tokens told of with each */

struct ltm_generate_options {
    const char *const
        *prompts; /* UTF-8; NULL: each sample begins a document, with z from the prior, as an empty one does */
    int64_t prompt_count;
    const struct ltm_prompt_tokens *prompt_tokens; /* (prompt_count), in place of prompts; or NULL */
    /* (prompt_count): z is fitted on so many of each prompt's first tokens; 0 = z from the prior. NULL = on all. Of no effect where
     * latents stream. */
    const int *fit_tokens;
    int64_t count;       /* samples of each prompt; sample s of prompt p has number p · count + s */
    int64_t first, last; /* the samples that this call writes: numbers first … last - 1; last 0 = to the end */
    int length;          /* tokens to add at most; 0 = as many as fit behind the prompt into model.sequence */
    bool crop; /* of a prompt over model.sequence - 1 tokens keep the end (see ltm_generate); else it is refused */
    double temperature; /* 0 = the likeliest token */
    int top_k;          /* 0 = all */
    double top_p;       /* 1 = all */
    uint64_t seed;
    bool stop_at_end;         /* end a sample at the end-of-sequence id */
    const char *const *stops; /* texts that end a sample, which then ends before the first of them; not "" */
    int stop_count;
    const struct ltm_fast_config *fast; /* how a prompt's posterior is fitted; NULL = as in training */
    int top;                            /* likeliest tokens that on_token is told of: 0 to LTM_TOP_MOST */
    struct ltm_exit_config exit;        /* how tokens leave the core's loops, as those of the prompt do; 0: not */
    int threads;                        /* LTM_AUTO = one a core */
    int precision; /* enum ltm_precision of the weights; auto = that of the training. bf16 halves the bytes to read; sums and
                    * the fit are fp32 in both */
    int batch; /* samples that a thread has under way; LTM_AUTO = up to 32, as memory allows. Changes speed alone */
};

/* One sample, no prompt, temperature 0.8, top-k off, top-p 0.95, seed 1, stops at the end of a document; the rest auto. */
struct ltm_generate_options ltm_generate_defaults(void);

/* At its length, with the end-of-sequence id, before one of the stops. */
enum ltm_finish { LTM_FINISH_LENGTH, LTM_FINISH_END, LTM_FINISH_STOP };

struct ltm_sample {
    int64_t number, prompt;
    const char *text; /* what was added to the prompt, so far; ends in NUL. Valid until the hook returns */
    size_t bytes;
    int tokens;   /* drawn, the end-of-sequence id and those of a stop included */
    int cropped;  /* tokens that the prompt lost at its beginning */
    double log_p; /* of the tokens drawn given z and what is read before each, nats; at temperature 1, of all tokens */
    double depth; /* loops of the core that the tokens read to draw these ran, on average */
    enum ltm_finish finish;
};

struct ltm_token {
    int32_t id;
    size_t bytes;       /* of the sample's text up to its end */
    double log_p;       /* as in ltm_sample */
    const int32_t *top; /* (options.top): the likeliest first; ids and their log p. Valid until the hook returns */
    const double *top_log_p;
};

/* Each may be NULL. One is called at a time, from any thread of the work. */
struct ltm_generate_hooks {
    void *user;
    /* As text comes: `fresh` bytes more, in whole UTF-8 characters where the model writes valid ones; samples take turns.
     * Return false to end this sample here. */
    bool (*on_text)(void *user, const struct ltm_sample *sample, size_t fresh);
    /* A token is drawn; comes before its text, which the sample does not have yet. Like on_text, where one process does the work. */
    void (*on_token)(void *user, const struct ltm_sample *sample, const struct ltm_token *token);
    /* A sample is done: all of them, in order of their numbers. Return false to stop, which is no error. */
    bool (*on_sample)(void *user, const struct ltm_sample *sample);
    const struct ltm_watch *watch;     /* or NULL: progress in samples, and a message where prompts are cropped */
    const volatile sig_atomic_t *stop; /* or NULL; when it becomes nonzero: stop, return LTM_INTERRUPTED */
};

/* The cost of a token does not grow with what came before: keys and values are kept for `window` positions.
 *
 * A text that fills model.sequence and is to go on slides: its newest half (model.sequence / 2 tokens) is read again from position
 * 0, what is older is forgotten, z stays. `crop` keeps of a prompt that does not fit the last model.sequence - length tokens, but at
 * least that half, which is also what length 0 keeps; z is fitted on what is kept.
 *
 * A prompt that ends in a blank is healed, where pieces of the tokenizer begin with one: it is read without that blank, and the first
 * piece is drawn from those that begin with it. log_p is of the whole piece among all pieces; the text goes on behind the blank.
 *
 * LTM_INVALID for options out of range or a prompt that does not fit, LTM_NUMERIC where the model computes no numbers. */
ltm_status ltm_generate(const struct ltm_model *model, const struct ltm_generate_options *options,
                        const struct ltm_generate_hooks *hooks, struct ltm_error *error);

LTM_C_END
