/* Text of unknown origin, made fit for a terminal. */
#pragma once

#include <stddef.h>

#include "ltm/status.h"

LTM_C_BEGIN

/* Copies text into out (size bytes with the NUL, size > 0), cut at a character's end where it does not fit; returns out. What a
 * terminal would obey or hide is spelled out: control characters, bytes that are not UTF-8 and marks that turn the direction
 * of writing become \n, \t, \x1B or \u202E. Messages of errors are made so already. */
const char *ltm_printable(char *out, size_t size, const char *text);

LTM_C_END
