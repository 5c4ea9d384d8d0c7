/* The data part of ltm_inspect: each function adds its findings to `out`, an object that already has "kind" and
 * "path". */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "ltm/config.h"

ltm_status inspect_shard(json_t *out, const char *path, struct ltm_error *error);
ltm_status inspect_corpus(json_t *out, const char *folder, struct ltm_error *error);
ltm_status inspect_tokenizer(json_t *out, const char *path, struct ltm_error *error);
ltm_status inspect_safetensors(json_t *out, const char *path, struct ltm_error *error);
ltm_status inspect_puzzles(json_t *out, const char *path, struct ltm_error *error);

/* For a model's file; adds nothing unless latents stream. */
ltm_status inspect_stream(json_t *out, const char *path, struct ltm_error *error);

/* The JSON of a small file; LTM_CORRUPT if it is invalid. */
ltm_status inspect_read_json(json_t **json, const char *path, struct ltm_error *error);
