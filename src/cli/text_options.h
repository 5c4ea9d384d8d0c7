/* The options of commands that read text: which files, which documents, how to treat damaged input. */
#pragma once

#include "ltm/text_input.h"
#include "options.h"

#define TEXT_OPTIONS(input)                                                                                       \
    {"field", .text = &(input).field}, {"separator", .text = &(input).separator},                                 \
        {"as-text", .text = &(input).as_text}, {"column", .text = &(input).column},                               \
        {"encoding", .text = &(input).encoding}, {"stdin-as", .take = text_options_stdin_as, .user = &(input)}, { \
        "on-bad", .take = text_options_on_bad, .user = &(input)                                                   \
    }

#define TEXT_OPTIONS_HELP                                                                                                     \
    "  --list FILE            also read the inputs that FILE names, one per line\n"                                           \
    "  --stdin-as END         what standard input (-) is, by a file name extension: .jsonl, .tar.gz (.txt)\n"                 \
    "  --column NAME          column of .csv and .tsv with the text, by its name in the first line; without it these files\n" \
    "                         are not read\n"                                                                                 \
    "  --encoding NAME        of text that is not UTF-8: latin-1, utf-16, as iconv --list has them; UTF-16 and UTF-32 with\n" \
    "                         a byte-order mark are detected\n"                                                               \
    "  --field NAME           JSON key of a line's text (text)\n"                                                             \
    "  --separator LINE       in .txt: a line equal to this ends a document\n"                                                \
    "  --as-text ENDS         more file name extensions to read as plain text, like .txt: .md,.c,.py\n"                       \
    "  --on-bad WHAT          for text that is not UTF-8, lines that are not JSON and damaged files: refuse them, skip the\n" \
    "                         line of .jsonl, the row of .csv or the file (an archive is one), or replace each bad byte by\n" \
    "                         U+FFFD and skip what is still unreadable; skipped and replaced input is counted (refuse)\n"

int text_options_on_bad(void *input, const char *text);
int text_options_stdin_as(void *input, const char *text);

/* The inputs that arguments and a list name. A pattern that is not itself a file's name stands for the files that match it, "-" for a
 * temporary copy of standard input. */
struct text_inputs {
    char **paths;
    size_t count, room;
};

/* Sets input->paths, count and what "-" stands for; `inputs` owns them. `list` may be NULL. CLI_GO_ON, or the exit code. */
int text_inputs_gather(struct text_inputs *inputs, struct ltm_text_input *input, char **arguments, int count,
                       const char *list, const char *command);
void text_inputs_free(struct text_inputs *inputs);
