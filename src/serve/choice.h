/* One choice of a reply in the OpenAI form: its text and, with logprobs, its tokens. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "ltm/tokenizer.h"

struct choice {
    const char *finish;                              /* "length" or "stop"; NULL = not finished */
    size_t bytes;                                    /* written, up to the last token */
    int64_t characters;                              /* the same in characters, with an echoed prompt */
    json_t *tokens, *logprobs, *likeliest, *offsets; /* arrays; NULL without logprobs */
    size_t *ends;      /* [tokens]: byte where each ends in the written text; 0 = in the prompt */
    size_t room, told; /* told: tokens already sent to a stream */
};

void choice_begin(struct choice *choice, bool logprobs);
void choice_free(struct choice *choice);

/* Append a token: its id, log p (NaN = none), the n most likely tokens at its place, and `bytes` of text. */
ltm_status choice_add(struct choice *choice, const struct ltm_tokenizer *tokenizer, int32_t id, double log_p,
                      const int32_t *top, const double *top_log_p, int n, size_t bytes, struct ltm_error *error);

/* {"index", "text", "logprobs", "finish_reason"} with `text` (perhaps not valid UTF-8) and the unsent tokens that end within the first
 * `upto` bytes written; NULL if memory is short. */
json_t *choice_json(struct choice *choice, int64_t index, const char *text, size_t bytes, size_t upto);
