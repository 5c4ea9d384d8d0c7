/* Few-shot tasks: a small INI beside files of items, one JSON object a line (.jsonl or .jsonl.gz).
 *
 *     [task]
 *     name = capitals                    what results call it; letters, digits, . _ -
 *     kind = choices                     choices | generate | lastword | pairs
 *     items = test.jsonl                 beside the INI, or an absolute path
 *     shots = train.jsonl                where shots are drawn from; without it there are none
 *     format = gsm8k                     own (default) | gsm8k | lambada | blimp: files that others publish, as they are
 *     family = hops                      a synthetic family, which measures more of each item (tasks/family.h)
 *     delimiter = " "                    between a context, also an empty one, and what follows it (a blank); quotes keep blanks
 *     separator = "\n\n"                 between shots (a blank line)
 *     stop = \n\n                        generate: text ends before this; by default at the separator
 *     extract = the answer is ([0-9]+)   generate: the answer is its first group (default: the whole text)
 *     match = last                       which match of extract: first (default) | last
 *     ignore = [,$]                      generate: taken out of both answers before they are compared
 *     ignore_case = yes                  compare without regard to case
 *     length = 64                        generate: tokens at most (default: a quarter of model.sequence, 256 at most)
 *
 * Items, whose further fields are kept:
 *     choices    {"context": "The capital of France is", "choices": ["Rome", "Paris"], "gold": 1}
 *     generate   {"context": …, "answer": …}, or {"question": …}, which is put as "Question: …\nAnswer:"
 *     lastword   {"text": "… the last word"}, or {"context": …, "answer": …}
 *     pairs      {"good": "These dogs bark.", "bad": "These dogs barks."}
 *     gsm8k      {"question": …, "answer": "… #### 18"}
 *     lambada    {"text": …}
 *     blimp      {"sentence_good": …, "sentence_bad": …}
 *
 * Conventions are those of EleutherAI's lm-evaluation-harness. */
#ifndef TASKS_TASK_H
#define TASKS_TASK_H

#include <stdbool.h>

#include "ltm/config.h"
#include "tasks/answers.h"
#include "tasks/task_items.h"

extern const char *const task_kind_names[TASK_KINDS];
extern const char *const task_format_names[TASK_FORMATS];

enum { TASK_NAME = 64, TASK_TEXT = 256 };

struct task {
    char name[TASK_NAME], family[48];
    enum task_kind kind;
    enum task_format format;
    char items_path[LTM_PATH_MAX], shots_path[LTM_PATH_MAX]; /* shots_path empty = none */
    char delimiter[TASK_TEXT], separator[TASK_TEXT];
    char extract[TASK_TEXT], stop[TASK_TEXT], ignore[TASK_TEXT]; /* empty = none */
    bool match_last, ignore_case;
    int length; /* 0 = as many as the model's length suggests */
    struct answer_rules rules;
    struct task_items items, shots;
    char digest[2][17]; /* checksums of the items' and the shots' file ("" = none) */
};

/* `path` is the INI, or a folder that holds task.ini. Every item of both files is checked. LTM_INVALID names file and line;
 * LTM_IO, LTM_CORRUPT. */
ltm_status task_load(struct task **task, const char *path, struct ltm_error *error);
void task_free(struct task *task); /* NULL is fine */

#endif
