/* Numbers formatted for people. */
#pragma once

enum { FORMAT_NUMBER = 32 };

/* 1234567 → "1.23 M" (k, M, G, T, then powers of ten; three digits); "—" if not finite. Returns text. */
const char *format_quantity(char text[FORMAT_NUMBER], double value);

enum { FORMAT_WITH_ERROR = 2 * FORMAT_NUMBER + 8 };

/* "3.1416 ± 0.0021"; only the score if the error is not finite, as for one sequence. Returns text. */
const char *format_with_error(char text[FORMAT_WITH_ERROR], double value, double error);

/* 3.14159 → "3.1416"; five digits and a power of ten from 1e9 on; "—" if not finite. Returns text. */
const char *format_score(char text[FORMAT_NUMBER], double value);
