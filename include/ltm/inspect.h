/* What a checkpoint, shard, corpus, run, tokenizer or configuration holds. */
#pragma once

#include "ltm/config.h"
#include "ltm/status.h"

LTM_C_BEGIN

/* *json becomes an indented JSON object (key "kind": "checkpoint", "shard", "corpus", "run", "tokenizer",
 * "configuration" or "safetensors") that the caller frees. Checksums are verified. LTM_INVALID when the path
 * is nothing that ltm writes. */
ltm_status ltm_inspect(const char *path, char **json, struct ltm_error *error);

/* As of the configuration file at `path`, had it these values. LTM_INVALID as ltm_config_check. */
ltm_status ltm_inspect_config(const struct ltm_config *config, const char *path, char **json, struct ltm_error *error);

/* *csv becomes the log of a run as a table, a row a line of log.jsonl (of slow steps and of held-out scorings, which have heldout = 1), a
 * column a key; the caller frees it. LTM_IO where there is no log. */
ltm_status ltm_log_csv(const char *run, char **csv, struct ltm_error *error);

LTM_C_END
