/* Results as JSON, on stdout. */
#ifndef CLI_JSON_OUTPUT_H
#define CLI_JSON_OUTPUT_H

#include <jansson.h>

#include "ltm/status.h"

/* Print `json`, which it takes, and a newline; reals with `digits` digits. A value, or a part of it, that found no memory prints
 * nothing: LTM_MEMORY, for cli_fail with a record that says nothing. */
ltm_status cli_print_json(json_t *json, int digits);

/* The same on one line. */
ltm_status cli_print_json_line(json_t *json, int digits);

#endif
