/* Answers in generated text: where the text stops, which part is the answer, and whether that is right.
 *
 * Regular expressions are POSIX extended ones in which \d, \s, \w, \D, \S, \W have their meaning in Python, and in
 * lists \ quotes the next character; (?…) and *?, which POSIX does not have, are refused. \n and \t in a task's file
 * are a newline and a tab; . matches a newline too. As in EleutherAI's
 * lm-evaluation-harness an answer is the first group that took part in a match (the whole match without groups), of
 * the first match or the last; "[invalid]" without a match. Then every match of each `ignore` in turn and surrounding
 * blanks are removed from both sides, and they are compared. */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { ANSWER_FILTERS_MOST = 2, ANSWER_IGNORED_MOST = 8 };

/* One way to extract an answer from a text. */
struct answer_filter {
    char name[32]; /* "none", "extract", "strict-match", "flexible-extract" */
    bool all;      /* the whole text is the answer */
    bool last;     /* the last match, not the first */
    regex_t regex;
};

struct answer_rules {
    struct answer_filter filters[ANSWER_FILTERS_MOST];
    int filter_count;
    bool has_stop, ignore_case;
    regex_t stop, ignore[ANSWER_IGNORED_MOST];
    int ignored;
    bool squad; /* compared as SQuAD does, by words; em and f1 are measured */
};

/* The patterns as the task's file has them; NULL for none. `last` is that of `extract`. Without `extract` the one filter is
 * "none", the whole text. LTM_INVALID for an invalid regular expression, naming its key. */
struct answer_patterns {
    const char *extract, *stop, *ignore[ANSWER_IGNORED_MOST];
    int ignored; /* expressions, removed in order */
    bool last, ignore_case;
};
ltm_status answer_rules_create(struct answer_rules *rules, const struct answer_patterns *patterns,
                               struct ltm_error *error);

/* GSM8K's, as the harness has them: filters strict-match (#### n) and flexible-extract (the last number). */
ltm_status answer_rules_gsm8k(struct answer_rules *rules, struct ltm_error *error);

/* CoQA's: the first line of the text, before another question. */
ltm_status answer_rules_coqa(struct answer_rules *rules, struct ltm_error *error);
void answer_rules_free(struct answer_rules *rules);

/* The start of the first non-empty match of `stop` in a text of `bytes` bytes; `bytes` if there is none. */
size_t answer_stop(const struct answer_rules *rules, const char *text, size_t bytes);

/* A filter's answer from a text; the caller frees *answer. */
ltm_status answer_extract(char **answer, const struct answer_filter *filter, const char *text, struct ltm_error *error);

/* Whether a filter's answer is the gold answer. The filter also extracts from gold if it matches there (so that gold
 * may be a whole solution); otherwise all of gold counts. */
ltm_status answer_is_right(bool *right, const struct answer_rules *rules, const struct answer_filter *filter,
                           const char *gold, const char *answer, struct ltm_error *error);

/* Of an answer and several right ones, as the harness has them for CoQA: em whether the normalised texts are the same, f1 of the words
 * they share; with several right ones the mean over those left out in turn of the best of the others. */
ltm_status answer_em_f1(double *em, double *f1, char *const *golds, int count, const char *answer,
                        struct ltm_error *error);
