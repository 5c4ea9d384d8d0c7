/* What ltm_inspect shows of data: each adds what it found to `out`, an object that already has "kind" and "path". */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "ltm/config.h"

ltm_status inspect_shard(json_t *out, const char *path, struct ltm_error *error);
ltm_status inspect_corpus(json_t *out, const char *folder, struct ltm_error *error);
ltm_status inspect_tokenizer(json_t *out, const char *path, struct ltm_error *error);
ltm_status inspect_safetensors(json_t *out, const char *path, struct ltm_error *error);
ltm_status inspect_puzzles(json_t *out, const char *path, struct ltm_error *error);

/* Of a model's file; nothing where latents do not stream. */
ltm_status inspect_stream(json_t *out, const char *path, struct ltm_error *error);

/* The JSON of a small file; LTM_CORRUPT when it is none. */
ltm_status inspect_read_json(json_t **json, const char *path, struct ltm_error *error);
