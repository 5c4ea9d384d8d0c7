/* Numbers as text, the same in every locale. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 1000, 1_000, 1e3, 1k, 0.5M, 2G (thousands); false for anything else, a fraction or more than 63 bits. */
bool number_parse_integer(const char *text, int64_t *value);

/* A finite number, 0.5 or 5e-1. */
bool number_parse_real(const char *text, double *value);

enum { NUMBER_TEXT = 32 };

/* As few digits as read back to the same number. */
void number_print_real(char text[NUMBER_TEXT], double value);
