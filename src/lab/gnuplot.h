/* gnuplot, run as a program. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Whether there is one on the PATH. */
bool gnuplot_available(void);

/* The output of gnuplot for `script`, which must name no file and contain no foreign text. LTM_UNSUPPORTED if
 * it is missing, LTM_EXTERNAL with its first error if it fails; the caller frees. */
ltm_status gnuplot_run(const char *script, char **output, struct ltm_error *error);
