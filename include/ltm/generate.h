/* Text from a model: z from the prior, or fitted on a prompt alone; then one token at a time. */
#ifndef LTM_GENERATE_H
#define LTM_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/model.h"
#include "ltm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ltm_generate_options {
    const char *prompt; /* UTF-8, or NULL: begin a document with z from the prior */
    int count;          /* samples */
    int length;         /* tokens to add at most, with the prompt at most model.sequence; 0 = as many as fit */
    double temperature; /* 0 = the likeliest token */
    int top_k;          /* 0 = all */
    double top_p;       /* 1 = all */
    uint64_t seed;
    bool stop_at_end;                   /* end a sample at the end-of-sequence id */
    const struct ltm_fast_config *fast; /* how the prompt's posterior is fitted; NULL = as in training */
};

/* One sample, no prompt, temperature 0.8, top-k off, top-p 0.95, seed 1, stops at the end of a document. */
struct ltm_generate_options ltm_generate_defaults(void);

/* Called as text comes: `sample` counts from 0, `text` holds whole UTF-8 characters where the model writes
 * valid ones; bytes = 0 marks the sample's end. Return false to stop. */
typedef bool (*ltm_text_fn)(void *user, int sample, const char *text, size_t bytes);

/* The cost of a token does not grow with what came before: keys and values are kept for `window` positions.
 * LTM_INVALID for options out of range or a prompt that does not fit. */
ltm_status ltm_generate(const struct ltm_model *model, const struct ltm_generate_options *options, ltm_text_fn on_text,
                        void *user, struct ltm_error *error);

#ifdef __cplusplus
}
#endif

#endif
