/* Pictures of curves: described here, drawn by gnuplot, shown on a page and stored as SVG.
 *
 *     struct picture picture;
 *     picture_begin(&picture, "loss", "Loss", "tokens", "nats a token");
 *     struct picture_series *s = picture_add(&picture, PICTURE_LINES, 1, "training");
 *     picture_point(s, x, y, NAN);
 *     picture_svg(&picture, &svg, &error);
 *     picture_free(&picture);
 *
 * picture_whole and picture_svg report an earlier failed allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { PICTURE_TEXT = 240, PICTURE_CAPTION = 600, PICTURE_SERIES = 64, PICTURE_COLOURS = 8, PICTURE_NAMES = 32 };

enum picture_style { PICTURE_LINES, PICTURE_DASHES, PICTURE_POINTS, PICTURE_LINES_POINTS };

struct picture_point {
    double x, y, error; /* error NaN: no bar */
};

struct picture_series {
    char name[PICTURE_TEXT]; /* in the legend; empty: in none */
    enum picture_style style;
    int colour; /* 0 … PICTURE_COLOURS - 1, of which 0 is neutral; also the marker */
    bool faint; /* behind the others: the points of which a line shows the best */
    struct picture_point *point;
    size_t count, room;
    bool failed;
};

struct picture {
    char id[64]; /* letters, digits and dashes: its file's name */
    char title[PICTURE_TEXT], x_label[PICTURE_TEXT], y_label[PICTURE_TEXT];
    char caption[PICTURE_CAPTION]; /* what it shows, in a sentence or two; also its text for screen readers */
    bool log_x, log_y, zero;       /* zero: a line at y = 0 */
    bool small;
    const char *const *x_name; /* of the places 1, 2, … if x is a choice, not a number; the caller's */
    int x_names;
    struct picture_series series[PICTURE_SERIES];
    int count;
};

void picture_begin(struct picture *picture, const char *id, const char *title, const char *x_label,
                   const char *y_label);
void picture_free(struct picture *picture);

/* A series; NULL when there are PICTURE_SERIES of them, which picture_point accepts and ignores. */
struct picture_series *picture_add(struct picture *picture, enum picture_style style, int colour, const char *format,
                                   ...) __attribute__((format(printf, 4, 5)));
/* Points that are not finite are ignored. */
void picture_point(struct picture_series *series, double x, double y, double error);

/* Points in the order of x. */
void picture_sort(struct picture_series *series);

/* LTM_MEMORY if memory was short for a point. */
ltm_status picture_whole(const struct picture *picture, struct ltm_error *error);

/* Whether the axes can show a point: to 1e100, a logarithmic one from 1e-100, so that no range overflows. */
bool picture_takes(const struct picture *picture, const struct picture_point *point);

/* How many points the picture shows, and how many its axes cannot show. */
size_t picture_shown(const struct picture *picture);
size_t picture_left_out(const struct picture *picture);

/* An svg element, for a page: its ids start with the picture's, its colours are classes of html_style.
 * LTM_UNSUPPORTED without gnuplot, LTM_EXTERNAL if it fails; the caller frees. */
ltm_status picture_svg(const struct picture *picture, char **svg, struct ltm_error *error);
