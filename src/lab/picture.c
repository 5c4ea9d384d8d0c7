#include "lab/picture.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

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
    if (!series || isnan(x) || isnan(y) || series->failed) return;
    series->failed = GROW_ARRAY(series->point, series->room, series->count + 1, "a picture's points", NULL) != LTM_OK;
    if (!series->failed) series->point[series->count++] = (struct picture_point){x, y, error};
}

static int by_x(const void *a, const void *b) {
    const struct picture_point *p = a;
    const struct picture_point *q = b;
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

static bool axis_takes(double value, bool logarithmic) {
    return fabs(value) <= 1e100 && (!logarithmic || value >= 1e-100);
}

bool picture_takes(const struct picture *picture, const struct picture_point *point) {
    return axis_takes(point->x, picture->log_x) && axis_takes(point->y, picture->log_y) &&
           (isnan(point->error) || axis_takes(point->error, false));
}

size_t picture_shown(const struct picture *picture) {
    size_t count = 0;
    for (int i = 0; i < picture->count; i++)
        for (size_t k = 0; k < picture->series[i].count; k++)
            count += picture_takes(picture, &picture->series[i].point[k]);
    return count;
}

size_t picture_left_out(const struct picture *picture) {
    size_t all = 0;
    for (int i = 0; i < picture->count; i++) all += picture->series[i].count;
    return all - picture_shown(picture);
}
