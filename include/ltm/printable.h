/* Untrusted text, made safe for a terminal. */
#pragma once

#include <stddef.h>

#include "ltm/status.h"

LTM_C_BEGIN

/* Copies text into out (size bytes with the NUL, size > 0), cut at the end of a character if it does not fit; returns out. Control
 * characters, bytes that are not UTF-8 and marks that change the direction of writing are escaped as \n, \t, \x1B or \u202E. Error
 * messages are escaped already. */
const char *ltm_printable(char *out, size_t size, const char *text);

LTM_C_END
