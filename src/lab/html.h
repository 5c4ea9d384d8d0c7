/* Writing a page: one file without external resources, in the reader's colour scheme. Stream errors are checked
 * when its file is committed. */
#pragma once

#include <stdio.h>

/* Text escaped for use between tags and in attributes. Invalid UTF-8 and control characters become U+FFFD. */
void html_text(FILE *f, const char *text);

/* Formatted output; every %s is escaped like that. */
void html_print(FILE *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes of the character at `text` if it is well-formed UTF-8 allowed in a page, otherwise 0. */
int html_character_bytes(const char *text);

/* The page up to and including its heading. `kind` is above it in small letters. refresh: seconds after which a browser
 * reloads the page; 0 = never. */
void html_begin(FILE *f, const char *title, const char *kind, int refresh);
void html_end(FILE *f);

/* The same colours for a standalone SVG file, as a style element. */
void html_svg_style(FILE *f);

/* A cell of a table: a number with this many significant digits, empty if not finite. */
void html_number_cell(FILE *f, double value, int digits);
void html_text_cell(FILE *f, const char *text);
