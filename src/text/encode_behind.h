/* A prompt and the tokens that follow it: few-shot scoring and fine-tuning use the same tokens. */
#pragma once

#include "ltm/tokenizer.h"

/* Bytes of a prompt without trailing blanks, which the harness moves to the continuation. */
size_t prompt_bytes(const char *prompt);

/* The tokens that `text` adds behind the first `bytes` of a prompt, whose tokens are prompt_ids: encoded together, as the harness
 * does, or alone if the two would share a token. The prompt's own tokens never depend on the text after it. The caller
 * frees *ids. */
ltm_status encode_behind(int32_t **ids, size_t *count, const struct ltm_tokenizer *tokenizer, const char *prompt,
                         size_t bytes, const int32_t *prompt_ids, size_t prompt_count, const char *text,
                         struct ltm_error *error);
