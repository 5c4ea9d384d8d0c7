/* Few-shot tasks: a small INI beside files of items (tasks/item_file.h).
 *
 *     [task]
 *     name = capitals                    what results call it; letters, digits, . _ -
 *     kind = choices                     choices | generate | lastword | pairs
 *     items = test.jsonl                 beside the INI, or an absolute path
 *     shots = train.jsonl                where shots are drawn from; without it there are none
 *     format = gsm8k                     own (default) | gsm8k | lambada | blimp | coqa: files that others publish, as they are
 *     description = "Answer.\n\n"         stands before the shots
 *     sampler = first_n                  shots: random (default) | first_n, the first of their file, in order
 *     items_gold = labels.lst            a gold answer a line, which becomes each item's "label"; shots_gold likewise
 *     header = no                        of a .csv or .tsv: its first line is an item, whose fields are "1", "2" …
 *     average = tasks                    of a group: the mean of its tasks' means; items (default): weighed by their items
 *
 * Templates (tasks/template.h) put items of any form; runs/tasks holds those of well-known ones:
 *     context = "Question: {goal}\nAnswer:"
 *     choices = {sol1} {sol2}            or {endings}, a list; A B C D, as they are
 *     gold = {label}                     a place from 0 on, a letter A …, true or false, a choice's text; or the one of
 *     labels = {choices.label}             these labels that it is
 *     contexts = {a} {b}                 kind = choices: a context for each, behind each of which `answer` is scored
 *     answer = {answers}                 generate: a text, or a list of which any is right
 *     clean = wikihow                    context and choices as the harness cleans HellaSwag
 *
 * A group: a * in the last part of `items` matches any text that gives an existing file name, and stands for the same
 * text in `shots`; each such file is a task of its own, NAME_STEM, and {*} in `description` is that stem.
 *     family = hops                      a synthetic family, which measures more of each item (tasks/family.h)
 *     delimiter = " "                    between a context, also an empty one, and what follows it (a blank); quotes keep blanks
 *     separator = "\n\n"                 between shots (a blank line)
 *     stop = \n\n                        generate: text ends before this; by default at the separator
 *     extract = the answer is ([0-9]+)   generate: the answer is its first group (default: the whole text)
 *     match = last                       which match of extract: first (default) | last
 *     ignore = [,$]                      generate: taken out of both answers before they are compared; several, in quotes, one
 *                                        after the other: "," "\$" "\.$"
 *     ignore_case = yes                  compare without regard to case
 *     length = 64                        generate: tokens at most (default: a quarter of model.sequence, 256 at most)
 *
 * Items, whose further fields are kept:
 *     choices    {"context": "The capital of France is", "choices": ["Rome", "Paris"], "gold": 1}
 *     generate   {"context": …, "answer": …}, or {"question": …}, which is put as "Question: …\nAnswer:"
 *     lastword   {"text": "… the last word"}, or {"context": …, "answer": …}
 *     coqa       {"story": …, "questions": …, "answers": …}
 *     pairs      {"good": "These dogs bark.", "bad": "These dogs barks."}
 *     gsm8k      {"question": …, "answer": "… #### 18"}
 *     lambada    {"text": …}
 *     blimp      {"sentence_good": …, "sentence_bad": …}
 *
 * Conventions are those of EleutherAI's lm-evaluation-harness. */
#pragma once

#include <stdbool.h>

#include "ltm/config.h"
#include "tasks/answers.h"
#include "tasks/task_items.h"

extern const char *const task_kind_names[TASK_KINDS];
extern const char *const task_format_names[TASK_FORMATS];

enum { TASK_NAME = 64, TASK_TEXT = 1024 };

struct task {
    char name[TASK_NAME], family[48];
    char group[TASK_NAME], stem[TASK_NAME];                  /* of a task that is one file of a group's; "" = none */
    int kind, format;                                        /* enum task_kind, task_format */
    char items_path[LTM_PATH_MAX], shots_path[LTM_PATH_MAX]; /* shots_path empty = none */
    char items_gold[LTM_PATH_MAX], shots_gold[LTM_PATH_MAX];
    char delimiter[TASK_TEXT], separator[TASK_TEXT], description[TASK_TEXT];
    char context[TASK_TEXT], contexts[TASK_TEXT], choices[TASK_TEXT], labels[TASK_TEXT], gold[TASK_TEXT],
        answer[TASK_TEXT];                                                /* templates; empty = none */
    char extract[TASK_TEXT], stop[TASK_TEXT], ignore[TASK_TEXT];          /* empty = none */
    int match_last, ignore_case, first_n, header, wikihow, average_tasks; /* 0 or 1 */
    int length; /* 0 = as many as the model's length suggests */
    struct answer_rules rules;
    struct task_items items, shots;
    char digest[2][17]; /* checksums of the items' and the shots' file ("" = none) */
};

/* `path` is the INI, or a folder that holds task.ini, or one task of a group, "INI#STEM". Every item of both files is checked.
 * LTM_INVALID names file and line; LTM_IO, LTM_CORRUPT. */
ltm_status task_load(struct task **task, const char *path, struct ltm_error *error);
/* Its files' names are relative to the folder `data`; NULL = the INI's. */
ltm_status task_load_from(struct task **task, const char *path, const char *data, struct ltm_error *error);

/* Expands a path: itself, or the tasks of a group, in the form that task_load takes. */
ltm_status task_expand(struct text_list *list, const char *path, const char *data, struct ltm_error *error);

void task_free(struct task *task); /* NULL is fine */
