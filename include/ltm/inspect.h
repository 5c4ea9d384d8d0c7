/* What a checkpoint, shard, corpus, run, tokenizer or configuration contains. */
#pragma once

#include "ltm/config.h"
#include "ltm/status.h"

LTM_C_BEGIN

/* Set *json to an indented JSON object (key "kind": "checkpoint", "shard", "corpus", "run", "tokenizer",
 * "configuration" or "safetensors"), which the caller frees. Checksums are verified. LTM_INVALID if the path
 * is nothing that ltm writes. */
ltm_status ltm_inspect(const char *path, char **json, struct ltm_error *error);

/* The same for a configuration file at `path` with these values. LTM_INVALID as from ltm_config_check. */
ltm_status ltm_inspect_config(const struct ltm_config *config, const char *path, char **json, struct ltm_error *error);

/* Set *csv to the log of a run as a table, with one row per line of log.jsonl (slow steps, and held-out scorings with heldout = 1) and
 * one column per key; the caller frees it. LTM_IO if there is no log. */
ltm_status ltm_log_csv(const char *run, char **csv, struct ltm_error *error);

LTM_C_END
