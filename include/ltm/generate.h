/* Text from a model: z from the prior, or fitted on a prompt only; then one token at a time, many samples at once.
 *
 *     struct ltm_generate_options options = ltm_generate_defaults();
 *     options.prompts = prompts, options.prompt_count = 2, options.count = 100;    100 samples of each prompt
 *     struct ltm_generate_hooks hooks = {.user = &mine, .on_sample = on_sample};
 *     ltm_generate(model, &options, &hooks, &error);
 *
 * A sample's text depends only on the model, its prompt, its number and the options: it is bit-identical whatever else is
 * generated, and for any number of threads, calls and processes that share the work. */
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

/* The z of samples whose latents do not stream: a draw for each of them; one draw for all samples of a prompt, that of its first; none:
 * the posterior's mean, which is 0 without a prompt. */
enum ltm_draws { LTM_DRAWS_EACH, LTM_DRAWS_ONE, LTM_DRAWS_MEAN };

struct ltm_generate_options {
    const char *const
        *prompts; /* UTF-8; NULL, or an empty prompt: the sample begins a document, with z from the prior */
    int64_t prompt_count;
    const struct ltm_prompt_tokens *prompt_tokens; /* (prompt_count), in place of prompts; or NULL */
    /* (prompt_count): z is fitted on so many of each prompt's first tokens; 0 = z from the prior. NULL = on all. Of no effect where
     * latents stream. */
    const int *fit_tokens;
    /* The prompt gives z alone, fitted to it or moved by its whole chunks: the sample begins a document, and no window holds the prompt. */
    bool z_only;
    int draws;           /* enum ltm_draws; LTM_INVALID unless the model has fitted latents, or EACH */
    int64_t count;       /* samples of each prompt; sample s of prompt p has number p · count + s */
    int64_t first, last; /* the samples that this call writes: numbers first … last - 1; last 0 = to the end */
    int length; /* maximum tokens to add; 0 = as many as fit into model.sequence (after the prompt, unless z_only) */
    bool crop;  /* keep the end of a prompt that does not fit (see ltm_generate), instead of refusing it */
    double temperature; /* 0 = the most likely token */
    int top_k;          /* 0 = all */
    double top_p;       /* 1 = all */
    uint64_t seed;
    bool stop_at_end;         /* end a sample at the end-of-sequence id */
    const char *const *stops; /* texts at which a sample ends, before the first of them; not "" */
    int stop_count;
    const struct ltm_fast_config *fast; /* how a prompt's posterior is fitted; NULL = as in training */
    int top;                            /* likeliest tokens that on_token is told of: 0 to LTM_TOP_MOST */
    struct ltm_exit_config exit;        /* how tokens leave the core's loops, as those of the prompt do; 0: not */
    int threads;                        /* LTM_AUTO = one a core */
    int precision; /* enum ltm_precision of the weights; auto = that of the training. bf16 halves the bytes to read; sums and
                    * the fit are fp32 in both */
    int batch; /* samples in progress per thread; LTM_AUTO = up to 32, as memory allows. Affects only speed */
};

/* One sample, no prompt, temperature 0.8, top-k off, top-p 0.95, seed 1, stops at the end of a document; the rest auto. */
struct ltm_generate_options ltm_generate_defaults(void);

/* Why a sample ended: at its length, with the end-of-sequence id, before one of the stops. */
enum ltm_finish { LTM_FINISH_LENGTH, LTM_FINISH_END, LTM_FINISH_STOP };

struct ltm_sample {
    int64_t number, prompt;
    const char
        *text; /* added to the prompt (with z_only: written) so far, NUL-terminated. Valid until the hook returns */
    size_t bytes;
    int tokens;  /* drawn, including the end-of-sequence id and those of a stop */
    int cropped; /* tokens cut from the start of the prompt */
    double
        log_p; /* of the drawn tokens given z and the text before each, in nats, at temperature 1 and over all tokens */
    double depth; /* mean loops of the core run by the tokens read to draw these */
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
    /* When text is added: `fresh` more bytes, in whole UTF-8 characters if the model writes valid ones; calls for several samples
     * interleave. Return false to end this sample here. */
    bool (*on_text)(void *user, const struct ltm_sample *sample, size_t fresh);
    /* A token is drawn; comes before its text, which the sample does not have yet. Like on_text, where one process does the work. */
    void (*on_token)(void *user, const struct ltm_sample *sample, const struct ltm_token *token);
    /* A sample is done: all of them, in order of their numbers. Return false to stop, which is no error. */
    bool (*on_sample)(void *user, const struct ltm_sample *sample);
    const struct ltm_watch *watch;     /* or NULL: progress in samples, and a message if prompts are cropped */
    const volatile sig_atomic_t *stop; /* or NULL; once nonzero: stop and return LTM_INTERRUPTED */
};

/* The cost of a token does not grow with the text before it: keys and values are kept for `window` positions.
 *
 * A text that fills model.sequence and continues slides: its newest half (model.sequence / 2 tokens; with streaming latents
 * fewer, so that whole chunks are dropped) is read again from position 0, the rest is forgotten, a fitted z stays. For a prompt that does
 * not fit, `crop` keeps the last model.sequence - length tokens, but at least that half (all that length 0 keeps), and with z_only the last
 * model.sequence; z is fitted on the tokens kept. A model with streaming latents, or with model.memory and no latents, reads on instead: a
 * prompt may be of any length if `length` says how many tokens to add (or with z_only), and is read once for all of its samples.
 * Streaming latents have moved by all of what slides out; with the memory nothing slides.
 *
 * A prompt that ends in a space is healed if pieces of the tokenizer begin with one: it is read without that space, and the first
 * piece is drawn from those that begin with it. log_p is of the whole piece among all pieces; the text continues after the space.
 *
 * LTM_INVALID for options out of range or a prompt that does not fit, LTM_NUMERIC if the model's output is not finite. */
ltm_status ltm_generate(const struct ltm_model *model, const struct ltm_generate_options *options,
                        const struct ltm_generate_hooks *hooks, struct ltm_error *error);

LTM_C_END
