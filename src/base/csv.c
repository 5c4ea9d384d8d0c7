#include "base/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/numbers.h"

static const size_t largest = (size_t)256 << 20;

ltm_status csv_next_field(struct csv_row *p, const char **field, struct ltm_error *error) {
    char *to = p->at;
    *field = p->at;
    if (*p->at == '"') {
        const size_t begun = p->line;
        for (p->at++;; *to++ = *p->at++) {
            if (*p->at == 0) return fail(error, LTM_CORRUPT, "%s, line %zu: a quote is not closed", p->path, begun);
            p->line += *p->at == '\n';
            if (*p->at == '"' && *++p->at != '"') break;
        }
    }
    while (*p->at && *p->at != p->separator && *p->at != '\n' && *p->at != '\r') *to++ = *p->at++;
    const char end = *p->at;
    if (end == '\r' && p->at[1] == '\n') p->at++;
    p->last = end != p->separator;
    p->line += p->last;
    if (*p->at) p->at++;
    *to = 0;
    return LTM_OK;
}

char csv_separator(const char *text) {
    static const char separators[] = ",;\t";
    int count[sizeof separators] = {0};
    int most = 0;
    for (bool quoted = false; *text && (quoted || (*text != '\n' && *text != '\r')); text++) {
        const char *found = strchr(separators, *text);
        quoted = quoted != (*text == '"');
        if (found && !quoted) count[found - separators]++;
    }
    for (int i = 1; i < 3; i++)
        if (count[i] > count[most]) most = i;
    return separators[most];
}

/* An upper bound on the fields of the text. */
static size_t count_separators(const char *text, char separator) {
    size_t count = 1;
    for (; *text; text++) count += *text == separator || *text == '\n' || *text == '\r';
    return count;
}

static size_t begin_of(const char *text) { return strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; }

static ltm_status parse(struct csv *csv, const char *path, struct ltm_error *error) {
    struct csv_row p = {.at = csv->text + begin_of(csv->text), .line = 1, .path = path, .separator = csv->separator};
    size_t fields = 0;
    size_t in_row = 0;
    while (*p.at) {
        const size_t line = p.line;
        if (in_row == 0 && (*p.at == '\n' || *p.at == '\r')) { /* an empty line */
            p.line += *p.at++ == '\n';
            continue;
        }
        do {
            PASS_UP(csv_next_field(&p, &csv->field[fields++], error));
            in_row++;
        } while (!p.last && *p.at);
        if (!p.last) { /* the file ends with a comma: an empty field follows it */
            csv->field[fields++] = "";
            in_row++;
        }
        if (csv->columns == 0) csv->columns = in_row;
        if (in_row != csv->columns)
            return fail(error, LTM_CORRUPT, "%s, line %zu: %zu fields, but the first line names %zu columns", path,
                        line, in_row, csv->columns);
        in_row = 0;
    }
    if (csv->columns == 0) return fail(error, LTM_CORRUPT, "%s is empty", path);
    csv->rows = fields / csv->columns - 1;
    return LTM_OK;
}

ltm_status csv_read(struct csv *csv, const char *path, struct ltm_error *error) {
    size_t bytes;
    *csv = (struct csv){0};
    ltm_status status = file_read_text(&csv->text, &bytes, path, largest, error);
    if (status == LTM_OK && strlen(csv->text) != bytes)
        status = fail(error, LTM_CORRUPT, "%s is not a table: it contains a NUL byte", path);
    if (status == LTM_OK) {
        csv->separator = csv_separator(csv->text + begin_of(csv->text));
        status = NEW_ARRAY(csv->field, count_separators(csv->text, csv->separator) + 1, "a table", error);
    }
    if (status == LTM_OK) status = parse(csv, path, error);
    if (status != LTM_OK) csv_free(csv);
    return status;
}

void csv_free(struct csv *csv) {
    free((void *)csv->field);
    free(csv->text);
    *csv = (struct csv){0};
}

int csv_column(const struct csv *csv, const char *name) {
    for (size_t i = 0; i < csv->columns; i++)
        if (strcmp(csv_name(csv, i), name) == 0) return (int)i;
    return -1;
}

double csv_number(const struct csv *csv, size_t row, int column) {
    double value;
    return column >= 0 && number_parse_real(csv_text(csv, row, (size_t)column), &value) ? value : NAN;
}

void csv_put_text(FILE *f, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"') fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

void csv_put_real(FILE *f, double value) {
    char text[NUMBER_TEXT] = "";
    if (isfinite(value) && value == floor(value) && fabs(value) < 1e15)
        snprintf(text, sizeof text, "%.0f", value);
    else if (isfinite(value))
        number_print_real(text, value);
    fputs(text, f);
}
