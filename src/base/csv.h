/* Tables of comma-separated values (RFC 4180; lines may end with LF), the first line naming the columns. A byte-order
 * mark at the beginning is skipped; if the first line has more semicolons or tabs than commas, those separate.
 *
 * The text is untrusted: it may contain any bytes. Never use it as a path, HTML or a command. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

struct csv {
    char *text;         /* the file; fields point into it */
    const char **field; /* [rows + 1][columns], the names first */
    size_t rows, columns;
    char separator; /* , ; or tab */
};

/* LTM_CORRUPT with the line if a row has more or fewer fields than there are names, or a quote is not closed. */
ltm_status csv_read(struct csv *csv, const char *path, struct ltm_error *error);
void csv_free(struct csv *csv);

static inline const char *csv_name(const struct csv *csv, size_t column) { return csv->field[column]; }
static inline const char *csv_text(const struct csv *csv, size_t row, size_t column) {
    return csv->field[(row + 1) * csv->columns + column];
}

/* ---- A table that is read row by row ---- */

struct csv_row {
    char *at; /* NUL-terminated text; fields are cut from it in place */
    size_t line;
    const char *path;
    char separator;
    bool last; /* the field just read was the last of its row */
};

/* The next field, NUL-terminated in place. LTM_CORRUPT if a quote is not closed. */
ltm_status csv_next_field(struct csv_row *row, const char **field, struct ltm_error *error);

/* Of , ; and tab the one that the line of names has most of outside quotes. */
char csv_separator(const char *text);

/* -1 if there is no such column. */
int csv_column(const struct csv *csv, const char *name);

/* NaN if column is -1, or the field is empty or not a finite number. */
double csv_number(const struct csv *csv, size_t row, int column);

/* A field: text, quoted if it contains a comma, a quote or a line end; a number, empty if it is not finite. */
void csv_put_text(FILE *f, const char *text);
void csv_put_real(FILE *f, double value);
