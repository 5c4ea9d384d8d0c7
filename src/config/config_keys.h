/* The one table of configuration keys: defaults, parsing, ranges, writing and help all follow it. */
#pragma once

#include "config/choices.h"
#include "ltm/config.h"

#define RUN_TOKENS_MOST 1e18 /* of run.tokens, whoever reckons it */

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
    struct choice (*choice)(int i); /* CONFIG_CHOICE: the i-th in the enum's order, name NULL behind the last */
};

/* Rows in the order in which they are written; ltm_config_keys has the same order. */
const struct config_key *config_key_table(size_t *count);

/* NULL when there is none. */
const struct config_key *config_key_find(const char *name);

/* The value of `key` in `config` as it is written, and back. The sentence of a failure names the key, the
 * value and what it may be. */
ltm_status config_key_parse(struct ltm_config *config, const struct config_key *key, const char *value,
                            struct ltm_error *error);
void config_key_print(const struct ltm_config *config, const struct config_key *key, char text[LTM_PATH_MAX]);

/* Whether what `config` holds is one of the values that `key` may have. */
ltm_status config_key_check(const struct ltm_config *config, const struct config_key *key, struct ltm_error *error);

/* False of keys that change no bit of what is trained; of paths, since a corpus is known by its content; and of what is chosen once a step has
 * failed. They may change from one call of a run to the next, and a model's file says nothing of them: the same bits are the same file. */
bool config_key_is_of_model(const char *name);
