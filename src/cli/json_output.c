#include "json_output.h"

#include <stdio.h>
#include <stdlib.h>

static ltm_status print(json_t *json, size_t flags) {
    char *text = json_dumps(json, flags); /* none once memory was refused, though to another value */
    json_decref(json);
    if (!text) return LTM_MEMORY;
    puts(text);
    free(text);
    return LTM_OK;
}

ltm_status cli_print_json(json_t *json, int digits) {
    return print(json, JSON_INDENT(2) | JSON_REAL_PRECISION((size_t)digits));
}

ltm_status cli_print_json_line(json_t *json, int digits) {
    return print(json, JSON_COMPACT | JSON_REAL_PRECISION((size_t)digits));
}
