/* Lines from a stream that may be anybody's; text to one that may be a terminal; results as JSON. */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

#include "ltm/status.h"

enum { CLI_LINE_MOST = 64 << 20, CLI_LINE_LONG = -2 };

#define CLI_LINE_COMPLAINT "a line is longer than 64 MiB; cut it into several"

/* Like getline: the line with its newline in *line, which grows and is the caller's to free; its bytes, or -1 at the end and where
 * reading fails or memory is short. CLI_LINE_LONG for more than CLI_LINE_MOST bytes, which are not kept. */
ssize_t cli_read_line(char **line, size_t *room, FILE *from);

/* What a model wrote, to stdout: as it is, but on a terminal without what would steer it (but newline and tab, controls
 * become `?`), since a model may write anything. */
void cli_print_text(const char *text, size_t bytes);

/* Print `json`, which it takes, and a newline; reals with `digits` digits. A value, or a part of it, that found no memory prints
 * nothing: LTM_MEMORY, for cli_fail with a record that says nothing. */
ltm_status cli_print_json(json_t *json, int digits);

/* The same on one line. */
ltm_status cli_print_json_line(json_t *json, int digits);
