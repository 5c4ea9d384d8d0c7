/* Lines from untrusted streams, text to a stream that may be a terminal, results as JSON. */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

#include "ltm/status.h"

enum { CLI_LINE_MOST = 64 << 20, CLI_LINE_LONG = -2 };

#define CLI_LINE_COMPLAINT "a line is longer than 64 MiB; split it"

/* Like getline: the line with its newline in *line, which grows and which the caller frees. Returns its bytes, or -1 at the end, on a
 * read error and without memory; CLI_LINE_LONG for more than CLI_LINE_MOST bytes, which are not kept. */
ssize_t cli_read_line(char **line, size_t *room, FILE *from);

/* Print text from a model to stdout unchanged; on a terminal, control characters except newline and tab become `?`, since a model
 * may write anything. */
void cli_print_text(const char *text, size_t bytes);

/* Print `json` and a newline, with `digits` digits for reals, and take ownership of it. If the value or a part of it got no memory, print
 * nothing and return LTM_MEMORY, for cli_fail with an empty record. */
ltm_status cli_print_json(json_t *json, int digits);

/* The same on one line. */
ltm_status cli_print_json_line(json_t *json, int digits);
