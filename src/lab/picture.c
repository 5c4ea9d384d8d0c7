#include "lab/picture.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void picture_begin(struct picture *picture, const char *id, const char *title, const char *x_label,
                   const char *y_label) {
    *picture = (struct picture){0};
    snprintf(picture->id, sizeof picture->id, "%s", id);
    snprintf(picture->title, sizeof picture->title, "%s", title);
    snprintf(picture->x_label, sizeof picture->x_label, "%s", x_label);
    snprintf(picture->y_label, sizeof picture->y_label, "%s", y_label);
}

void picture_free(struct picture *picture) {
    for (int i = 0; i < picture->count; i++) free(picture->series[i].point);
    *picture = (struct picture){0};
}

struct picture_series *picture_add(struct picture *picture, enum picture_style style, int colour, const char *format,
                                   ...) {
    va_list arguments;
    if (picture->count == PICTURE_SERIES) return NULL;
    struct picture_series *series = &picture->series[picture->count++];
    series->style = style;
    series->colour = colour < PICTURE_COLOURS ? colour : 1 + (colour - 1) % (PICTURE_COLOURS - 1);
    va_start(arguments, format);
    vsnprintf(series->name, sizeof series->name, format, arguments);
    va_end(arguments);
    return series;
}

void picture_point(struct picture_series *series, double x, double y, double error) {
    if (!series || !isfinite(x) || !isfinite(y) || series->failed) return;
    if (series->count == series->room) {
        const size_t room = series->room ? 2 * series->room : 16;
        struct picture_point *point = realloc(series->point, room * sizeof *point);
        series->failed = !point;
        if (!point) return;
        series->point = point;
        series->room = room;
    }
    series->point[series->count++] = (struct picture_point){x, y, error};
}

static int by_x(const void *a, const void *b) {
    const struct picture_point *p = a, *q = b;
    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->y > q->y) - (p->y < q->y);
}

void picture_sort(struct picture_series *series) {
    if (series && series->count) qsort(series->point, series->count, sizeof *series->point, by_x);
}

ltm_status picture_whole(const struct picture *picture, struct ltm_error *error) {
    for (int i = 0; i < picture->count; i++)
        if (picture->series[i].failed) return fail(error, LTM_MEMORY, "out of memory for a picture's points");
    return LTM_OK;
}

bool picture_has_points(const struct picture *picture) {
    for (int i = 0; i < picture->count; i++)
        for (size_t k = 0; k < picture->series[i].count; k++)
            if ((!picture->log_x || picture->series[i].point[k].x > 0) &&
                (!picture->log_y || picture->series[i].point[k].y > 0))
                return true;
    return false;
}
