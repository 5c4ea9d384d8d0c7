/* Files of items in common published formats, read object by object.
 *
 *     .jsonl, .jsonl.gz   an object a line
 *     .json               a list of objects, or an object whose "data" is one
 *     .csv, .tsv          an object a row, keys from the first line, or "1", "2" … without one
 *     .txt                {"text": …} a line */
#pragma once

#include <stdbool.h>

#include "text/json_lines.h"

/* As json_lines_read. `header`: whether the first line of a table names its columns. */
ltm_status item_file_read(const char *path, bool header, json_line_fn on_item, void *user, struct ltm_error *error);
