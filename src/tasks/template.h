/* Texts made from an item's fields, as a task's file says: "Question: {question.stem|question}\nAnswer:".
 *
 *     {goal}              the field's text, or number
 *     {choices.text}      within it; of a list of objects, the list of that field of each; {choices.0} the first of a list
 *     {stem|question}     the first of these that is there
 *     {sentence:before _} filters, from left to right: before X, after X (what stands before the first X, behind it), strip,
 *                         capitalize (the first letter large, the others small), lower
 *     {{                  a brace
 *
 * A list is words with blanks between, each a template (in quotes where it has blanks); one that is no more than {field} gives all
 * texts of a list: `{endings}`, `{sol1} {sol2}`, `"not so" so`, `A B C D`. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/error.h"

struct text_list {
    char **all; /* [count] */
    int count;
};
void text_list_free(struct text_list *list);
ltm_status text_list_add(struct text_list *list, const char *text, struct ltm_error *error);

/* LTM_INVALID, naming it, for a field that is missing or not text. The caller frees *text. */
ltm_status template_text(char **text, const char *template, const json_t *item, struct ltm_error *error);
ltm_status template_list(struct text_list *list, const char *templates, const json_t *item, struct ltm_error *error);

/* The value of the one {field} that `template` consists of, a new reference; for any other template its text. */
ltm_status template_value(json_t **value, const char *template, const json_t *item, struct ltm_error *error);

/* The next word of a list, unescaped, into `word` (size); false where there is none. *at moves behind it. */
bool template_word(const char **at, char *word, size_t size);

/* \n and \t become a newline and a tab, \" within quotes a quote; any other \x stays as it is. `value` has room for all of it. */
void template_unescape(char *value, const char *text, size_t bytes, bool quoted);
