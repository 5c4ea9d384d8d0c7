#include "text_options.h"

#include <string.h>

#include "terminal.h"

int text_options_on_bad(void *input, const char *text) {
    static const char *const names[] = {
        [LTM_BAD_REFUSE] = "refuse", [LTM_BAD_SKIP] = "skip", [LTM_BAD_REPLACE] = "replace"};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            ((struct ltm_text_input *)input)->on_bad = (enum ltm_on_bad)i;
            return CLI_OK;
        }
    cli_complain("--on-bad is refuse, skip or replace, not \"%s\"", text);
    return CLI_USAGE;
}
