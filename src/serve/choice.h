/* One text of a reply in the OpenAI form: its text, and its tokens one by one where logprobs are asked for. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "ltm/tokenizer.h"

struct choice {
    const char *finish;                              /* "length" or "stop"; NULL = it goes on */
    size_t bytes;                                    /* of what was written, up to the last token */
    int64_t characters;                              /* of the text, prompt included where it is echoed, up to there */
    json_t *tokens, *logprobs, *likeliest, *offsets; /* arrays; NULL where they are not asked for */
    size_t *ends;      /* [tokens]: where each ends in what was written; 0 = in the prompt */
    size_t room, told; /* told: tokens that a stream has been told of */
};

void choice_begin(struct choice *choice, bool logprobs);
void choice_free(struct choice *choice);

/* A token: id, log p (NaN = none), the likeliest n in its place; `bytes` of its text are its own. */
ltm_status choice_add(struct choice *choice, const struct ltm_tokenizer *tokenizer, int32_t id, double log_p,
                      const int32_t *top, const double *top_log_p, int n, size_t bytes, struct ltm_error *error);

/* {"index", "text", "logprobs", "finish_reason"} with `text` (bytes, not all of them UTF-8 perhaps) and the tokens that have not
 * been told of and end within the first `upto` bytes written; NULL where memory is short. */
json_t *choice_json(struct choice *choice, int64_t index, const char *text, size_t bytes, size_t upto);
