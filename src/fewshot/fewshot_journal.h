/* The file of a task's items: it grows as items are done, survives an interruption, and is sorted at the end.
 *
 * Beside it, FILE.settings.json (in place of .jsonl) contains the settings that its items depend on; with other
 * settings the file is refused. It is locked while a run writes it. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "fewshot/fewshot_metrics.h"

struct journal_block {
    int64_t at; /* -1 = the item is missing */
    size_t bytes;
};

struct journal {
    char path[LTM_PATH_MAX];
    int descriptor; /* -1 = closed */
    int64_t end;
    struct journal_block *blocks; /* [items] */
    int64_t items;
};

/* Open or create FOLDER/samples_NAME.jsonl; its complete items become outcomes (done), an incomplete one at its end is
 * removed. LTM_MISMATCH names the setting that differs; LTM_CORRUPT the invalid line; LTM_IO if another run writes
 * it. */
ltm_status journal_open(struct journal *journal, const char *folder, const char *name, const json_t *settings,
                        struct item_outcome *outcomes, int64_t items, struct ltm_error *error);

/* Add an item's lines. */
ltm_status journal_append(struct journal *journal, int64_t item, const char *lines, struct ltm_error *error);

/* Sort the items, atomically. */
ltm_status journal_finish(struct journal *journal, struct ltm_error *error);
void journal_close(struct journal *journal);
