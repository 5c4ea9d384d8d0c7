/* ltm_fit_read: runs from a table made elsewhere. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "ltm/fit.h"
#include "ltm/names.h"

enum { LOSS, TOKENS, PARAMETERS, ONCE, RECURRENT, LOOPS, FLOPS, WANTED };
enum { NUMBER_MOST = 80 };

/* Compared without regard to case, blanks, dashes, underscores. */
static const char *const common[WANTED][16] = {
    [LOSS] = {"loss", "val loss", "validation loss", "eval loss", "test loss", "heldout loss", "final loss", "bound",
              "L"},
    [TOKENS] = {"tokens", "training tokens", "train tokens", "n tokens", "num tokens", "token count", "tokens seen",
                "D"},
    [PARAMETERS] = {"parameters", "params", "n params", "num params", "parameter count", "model size", "model params",
                    "size", "N"},
    [ONCE] = {"parameters once", "n once"},
    [RECURRENT] = {"parameters recurrent", "n rec"},
    [LOOPS] = {"model.loops", "loops", "r"},
    [FLOPS] = {"training flops", "training flop", "flops", "flop", "compute"},
};
static const char *const options[WANTED] = {"--loss",      "--tokens", "--parameters", "--once",
                                            "--recurrent", "--loops",  "--flops"};

static bool same_name(const char *a, const char *b) {
    for (;; a++, b++) {
        a += strspn(a, " _-");
        b += strspn(b, " _-");
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
        if (!*a) return true;
    }
}

static int find(const struct csv *csv, const char *name) {
    int column = csv_column(csv, name);
    for (size_t i = 0; column < 0 && i < csv->columns; i++)
        if (same_name(csv_name(csv, i), name)) column = (int)i;
    return column;
}

static ltm_status fail_column(const struct csv *csv, const char *path, int what, const char *name,
                              struct ltm_error *error) {
    char all[240] = "";
    for (size_t i = 0; i < csv->columns && strlen(all) < 200; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.30s", i ? ", " : "", csv_name(csv, i));
    if (!name)
        return fail(error, LTM_INVALID, "%s: name its column with %s; columns are: %s", path, options[what], all);
    const char *nearest = ltm_nearest_name(name, csv->field, csv->columns);
    return fail(error, LTM_INVALID, "%s has no column \"%.60s\"%s%s; it has: %s", path, name,
                nearest ? "; did you mean " : "", nearest ? nearest : "", all);
}

static ltm_status find_columns(int column[WANTED], const struct csv *csv, const char *path,
                               const struct ltm_fit_columns *columns, struct ltm_error *error) {
    const char *const asked[WANTED] = {
        [LOSS] = columns->loss,  [TOKENS] = columns->tokens,       [PARAMETERS] = columns->parameters,
        [ONCE] = columns->once,  [RECURRENT] = columns->recurrent, [LOOPS] = columns->loops,
        [FLOPS] = columns->flops};
    if (asked[ONCE] && asked[PARAMETERS])
        return fail(error, LTM_INVALID, "--once and --parameters both give N; name one of them");
    for (int w = 0; w < WANTED; w++) {
        column[w] = asked[w] ? find(csv, asked[w]) : -1;
        for (int i = 0; !asked[w] && column[w] < 0 && common[w][i]; i++) column[w] = find(csv, common[w][i]);
        if (column[w] < 0 && asked[w]) return fail_column(csv, path, w, asked[w], error);
    }
    if (asked[ONCE]) column[PARAMETERS] = -1;
    if (column[PARAMETERS] >= 0) column[ONCE] = -1;
    const bool looped = asked[ONCE] || asked[RECURRENT] || asked[LOOPS] || column[ONCE] >= 0;
    for (int w = LOSS; w <= LOOPS; w++) {
        const bool needed = w == ONCE ? false : w == PARAMETERS ? column[ONCE] < 0 : w <= TOKENS || looped;
        if (column[w] < 0 && needed) return fail_column(csv, path, w, NULL, error);
    }
    if (column[RECURRENT] < 0 || column[LOOPS] < 0) column[RECURRENT] = column[LOOPS] = -1;
    return LTM_OK;
}

/* A field without blanks (also those of other widths), apostrophes and underscores between digits. */
static void clean(char to[NUMBER_MOST], const char *text) {
    size_t used = 0;
    while (*text && used + 1 < NUMBER_MOST) {
        if (strncmp(text, "\xC2\xA0", 2) == 0)
            text += 2; /* no-break space */
        else if (strncmp(text, "\xE2\x80\xAF", 3) == 0 || strncmp(text, "\xE2\x80\x89", 3) == 0 ||
                 strncmp(text, "\xE2\x80\x99", 3) == 0)
            text += 3; /* narrow ones, and ’ */
        else if (strchr(" \t'_$", *text))
            text++;
        else
            to[used++] = *text++;
    }
    to[used] = *text ? '?' : 0; /* too long for a number */
    to[NUMBER_MOST - 1] = 0;
}

/* Whether `mark` separates thousands in a number: each is followed by a group of three digits. */
static bool groups_of_three(const char *number, char mark) {
    const char *at = strchr(number, mark);
    if (!at || at == number || at > number + 3) return false;
    for (; *at == mark; at += 4)
        if (strspn(at + 1, "0123456789") != 3) return false;
    return *at != 0 ? strchr(".,eEkKmMbBgGtT", *at) != NULL : true;
}

/* Which of . and , is the decimal mark: decided by any unambiguous number, otherwise by the convention for the
 * separator. */
static char decimal_of(const struct csv *csv, const int column[WANTED]) {
    bool commas = false;
    for (size_t r = 0; r < csv->rows; r++)
        for (int w = 0; w < WANTED; w++) {
            char number[NUMBER_MOST];
            if (column[w] < 0) continue;
            clean(number, csv_text(csv, r, (size_t)column[w]));
            const char *point = strrchr(number, '.');
            const char *comma = strrchr(number, ',');
            commas = commas || comma;
            if (point && comma) return point > comma ? '.' : ',';
            if (point && strchr(number, '.') < point) return ',';
            if (comma && strchr(number, ',') < comma) return '.';
            if (point && !groups_of_three(number, '.')) return '.';
            if (comma && !groups_of_three(number, ',')) return ',';
        }
    return csv->separator == ';' && commas ? ',' : '.';
}

/* NaN for anything but a number. */
static double number_of(const char *text, char decimal) {
    static const char units[] = "kKmMbBgGtT";
    static const double factors[] = {1e3, 1e3, 1e6, 1e6, 1e9, 1e9, 1e9, 1e9, 1e12, 1e12};
    const char thousands = decimal == '.' ? ',' : '.';
    char number[NUMBER_MOST];
    double value;
    double factor = 1;
    size_t used = 0;
    clean(number, text);
    if (strchr(number, thousands) && !groups_of_three(number, thousands)) return NAN;
    for (const char *c = number; *c; c++)
        if (*c != thousands) number[used++] = *c == decimal ? '.' : *c;
    number[used] = 0;
    const char *unit = used ? strchr(units, number[used - 1]) : NULL;
    if (unit) {
        factor = factors[unit - units];
        number[used - 1] = 0;
    }
    return number_parse_real(number, &value) ? value * factor : NAN;
}

static bool is_blank(const struct csv *csv, size_t row, int column) {
    char text[NUMBER_MOST];
    clean(text, csv_text(csv, row, (size_t)column));
    return !*text;
}

/* false for a row without all numbers: above 0, but 0 too of what loops run again, how often, and what runs once. Unless `looped`
 * columns were asked for, a blank is of a run without loops, where the other column does not say that there are. */
static bool read_row(struct ltm_fit_point *point, const struct csv *csv, size_t row, const int column[WANTED],
                     char decimal, bool looped) {
    double v[WANTED] = {0};
    bool blank = false;
    for (int w = 0; w < WANTED; w++) {
        if (column[w] < 0) continue;
        if ((w == RECURRENT || w == LOOPS) && !looped && is_blank(csv, row, column[w])) {
            v[w] = w == LOOPS ? 1 : 0;
            blank = true;
            continue;
        }
        v[w] = number_of(csv_text(csv, row, (size_t)column[w]), decimal);
        if (!isfinite(v[w]) || !(w >= ONCE && w <= LOOPS ? v[w] >= 0 : v[w] > 0)) return false;
    }
    if (blank && (v[RECURRENT] > 0 || v[LOOPS] > 1)) return false;
    if (column[ONCE] >= 0) v[PARAMETERS] = v[ONCE] + v[RECURRENT];
    if (!(v[PARAMETERS] > 0)) return false;
    const double used = v[PARAMETERS] + fmax(0, v[LOOPS] - 1) * v[RECURRENT]; /* by a token */
    *point = (struct ltm_fit_point){.loss = v[LOSS],
                                    .parameters = v[PARAMETERS],
                                    .recurrent = v[RECURRENT],
                                    .loops = v[LOOPS],
                                    .tokens = v[TOKENS],
                                    .token_flops = column[FLOPS] < 0 ? 6 * used : v[FLOPS] / v[TOKENS]};
    return true;
}

ltm_status ltm_fit_read(struct ltm_fit_point **points, size_t *count, size_t *dropped, const char *path,
                        const struct ltm_fit_columns *columns, struct ltm_error *error) {
    struct ltm_fit_point *all = NULL;
    struct csv csv;
    int column[WANTED];
    memset(column, -1, sizeof column);
    ltm_status status = csv_read(&csv, path, error);
    *points = NULL;
    *count = *dropped = 0;
    if (status != LTM_OK) return status;
    TRY(find_columns(column, &csv, path, columns, error));
    TRY(NEW_ARRAY(all, csv.rows + 1, "the runs of a fit", error));
    const char decimal = decimal_of(&csv, column);
    const bool looped = columns->recurrent || columns->loops;
    for (size_t r = 0; r < csv.rows; r++) {
        if (read_row(&all[*count], &csv, r, column, decimal, looped))
            ++*count;
        else
            ++*dropped;
    }
    *points = all;
    all = NULL;
cleanup:
    free(all);
    csv_free(&csv);
    return status;
}
