/* Writing a page: one file that asks nobody for anything, in the reader's colour scheme. Errors of the stream are looked at
 * when its file is committed. */
#pragma once

#include <stdio.h>

/* Text, as it may stand between tags and in attributes. What is no UTF-8, or a control character, becomes U+FFFD. */
void html_text(FILE *f, const char *text);

/* The format, in which %s alone stands for such texts. */
void html_print(FILE *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes of the character at `text` if it is well-formed UTF-8 that a page may hold, else 0. */
int html_character_bytes(const char *text);

/* Up to and with the page's heading. `kind` stands above it in small letters. refresh: seconds after which a reader loads the page again; 0
 * = never. */
void html_begin(FILE *f, const char *title, const char *kind, int refresh);
void html_end(FILE *f);

/* The same colours for an SVG file that stands alone, as a style element. */
void html_svg_style(FILE *f);

/* A cell of a table: a number with so many significant digits, empty where it is not finite. */
void html_number_cell(FILE *f, double value, int digits);
void html_text_cell(FILE *f, const char *text);
