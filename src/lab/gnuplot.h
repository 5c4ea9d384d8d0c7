/* gnuplot, run as a program. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Whether there is one on the PATH. */
bool gnuplot_available(void);

/* What it writes when it reads `script`, which must name no file and take no text from anybody but us. LTM_UNSUPPORTED where
 * there is none, LTM_EXTERNAL with its first complaint where it fails; the caller frees. */
ltm_status gnuplot_run(const char *script, char **output, struct ltm_error *error);
