/* The options of commands that read text: which files, which documents, what is done with what is damaged. */
#pragma once

#include "ltm/text_input.h"
#include "options.h"

#define TEXT_OPTIONS(input)                                                       \
    {"field", .text = &(input).field}, {"separator", .text = &(input).separator}, \
        {"as-text", .text = &(input).as_text}, {                                  \
        "on-bad", .take = text_options_on_bad, .user = &(input)                   \
    }

#define TEXT_OPTIONS_HELP                                                                                               \
    "  --field NAME           JSON key of a line's text (text)\n"                                                       \
    "  --separator LINE       in .txt: a line equal to this ends a document\n"                                          \
    "  --as-text ENDS         what else is plain text like .txt, by the ends of names: .md,.c,.py\n"                    \
    "  --on-bad WHAT          with text that is not UTF-8, lines that are not JSON, damaged .gz: refuse it, skip the\n" \
    "                         line of .jsonl or the file, or replace each bad byte by U+FFFD and skip what cannot be\n" \
    "                         read even so; it is counted (refuse)\n"

int text_options_on_bad(void *input, const char *text);
