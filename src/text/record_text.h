/* Texts of one record each: a line of JSON, a row of a table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"

struct record_text {
    const char *text; /* the rest of the record's; NULL once it was returned */
    size_t bytes;
    int64_t line; /* where the record begins, from 1 */
    json_t *json;
    char *row; /* of a table, and the field that is its text */
    size_t room;
    char separator;
    size_t column, columns; /* columns 0: the names have not been read */
};

void record_text_begin(struct record_text *record); /* of a file or member */
void record_text_free(struct record_text *record);

/* A line of JSON with a string under `field`. LTM_INVALID names file and line. */
ltm_status record_text_json(struct record_text *record, const char *line, size_t bytes, const char *field,
                            const char *path, struct ltm_error *error);

/* A row of a table, its line end included: the first are the names, one of which must be `column`. An empty row gives
 * no text. LTM_INVALID names file and line; LTM_CORRUPT if a quote is not closed. */
ltm_status record_text_row(struct record_text *record, const char *row, size_t bytes, const char *column,
                           const char *path, struct ltm_error *error);

/* Bytes of the first row including its line end, which is outside quotes; 0 if the text ends before it. */
size_t record_text_row_end(const struct record_text *record, const char *text, size_t bytes);
