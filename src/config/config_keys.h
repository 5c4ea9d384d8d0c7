/* The one table of configuration keys: defaults, parsing, ranges, writing and help all follow it. */
#pragma once

#include "config/choices.h"
#include "ltm/config.h"

#define RUN_TOKENS_MOST 1e18 /* limit of run.tokens, wherever it is computed */

enum config_kind {                /* whole numbers first */
                   CONFIG_INT,    /* int */
                   CONFIG_COUNT,  /* int64_t, or uint64_t below 2^63 */
                   CONFIG_REAL,   /* double */
                   CONFIG_CHOICE, /* int, an index into choices */
                   CONFIG_TEXT    /* char[room] */
};

struct config_key {
    const char *name; /* "section.key" */
    enum config_kind kind;
    bool automatic;                 /* `auto` is a value, LTM_AUTO */
    size_t offset, room;            /* in struct ltm_config; bytes of a text */
    double least, most;             /* numbers */
    struct choice (*choice)(int i); /* CONFIG_CHOICE: the i-th in the enum's order, name NULL after the last */
};

/* Rows in the order in which they are written; ltm_config_keys has the same order. */
const struct config_key *config_key_table(size_t *count);

/* NULL when there is none. */
const struct config_key *config_key_find(const char *name);

/* Convert the value of `key` in `config` from text, and to text. An error names the key, the value and the
 * permitted values. */
ltm_status config_key_parse(struct ltm_config *config, const struct config_key *key, const char *value,
                            struct ltm_error *error);
void config_key_print(const struct ltm_config *config, const struct config_key *key, char text[LTM_PATH_MAX]);

/* Check that the value in `config` is one that `key` may have. */
ltm_status config_key_check(const struct ltm_config *config, const struct config_key *key, struct ltm_error *error);

/* False for keys that change no bit of what is trained; for paths, since a corpus is identified by its content; and for keys that matter only
 * once a step has failed. They may change between calls of a run, and model files leave them out: identical bits make identical files. */
bool config_key_is_of_model(const char *name);
