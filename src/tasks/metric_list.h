/* The metrics that families report for an output. */
#pragma once

#include <jansson.h>

struct family_metric {
    char name[48];
    double value;
};

struct metric_list {
    struct family_metric *metrics;
    int count, most;
};

/* Ignored if there is no room. */
void metric_add(struct metric_list *list, double value, const char *format, ...) __attribute__((format(printf, 3, 4)));

const char *item_text(const json_t *item, const char *key); /* "" where there is none */
int item_integer(const json_t *item, const char *key);      /* 0 where there is none */
int item_number(const json_t *value); /* kept within a million, so that sums of some do not overflow */
