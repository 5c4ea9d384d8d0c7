/* The options of commands that read text: which files, which documents, what is done with what is damaged. */
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
    "  --list FILE            take the inputs that FILE names, one a line, as well\n"                                         \
    "  --stdin-as END         what - is, by the end of a name: .jsonl, .tar.gz (.txt)\n"                                      \
    "  --column NAME          column of .csv and .tsv that holds a row's text, by the name in the first line; without it\n"   \
    "                         these files are not read\n"                                                                     \
    "  --encoding NAME        of text that is not UTF-8: latin-1, utf-16, as iconv --list has them; UTF-16 and UTF-32 that\n" \
    "                         begin with a byte-order mark are known by it\n"                                                 \
    "  --field NAME           JSON key of a line's text (text)\n"                                                             \
    "  --separator LINE       in .txt: a line equal to this ends a document\n"                                                \
    "  --as-text ENDS         what else is plain text like .txt, by the ends of names: .md,.c,.py\n"                          \
    "  --on-bad WHAT          with text that is not UTF-8, lines that are not JSON, damaged files: refuse it, skip the\n"     \
    "                         line of .jsonl, the row of .csv or the file (an archive is one), or replace each bad byte by\n" \
    "                         U+FFFD and skip what cannot be read even so; it is counted (refuse)\n"

int text_options_on_bad(void *input, const char *text);
int text_options_stdin_as(void *input, const char *text);

/* The inputs that arguments and a list name: patterns that are no file's name become the files that match, "-" a copy of standard input
 * that is gone when the program ends. */
struct text_inputs {
    char **paths;
    size_t count, room;
};

/* Sets input->paths, count and what "-" is; they are the inputs'. `list` may be NULL. CLI_GO_ON, or the exit code. */
int text_inputs_gather(struct text_inputs *inputs, struct ltm_text_input *input, char **arguments, int count,
                       const char *list, const char *command);
void text_inputs_free(struct text_inputs *inputs);
