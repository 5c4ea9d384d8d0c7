#include "tasks/metric_list.h"

#include <stdarg.h>
#include <stdio.h>

#include "ltm/printable.h"

enum { NUMBER_MOST = 1000 * 1000 };

void metric_add(struct metric_list *list, double value, const char *format, ...) {
    va_list arguments;
    if (list->count >= list->most) return;
    struct family_metric *metric = &list->metrics[list->count++];
    metric->value = value;
    char name[sizeof metric->name];
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    ltm_printable(metric->name, sizeof metric->name, name); /* values of an item stand in names */
}

const char *item_text(const json_t *item, const char *key) {
    const char *text = json_string_value(json_object_get(item, key));
    return text ? text : "";
}

int item_number(const json_t *value) {
    const json_int_t number = json_integer_value(value);
    return (int)(number > NUMBER_MOST ? NUMBER_MOST : number < -NUMBER_MOST ? -NUMBER_MOST : number);
}

int item_integer(const json_t *item, const char *key) { return item_number(json_object_get(item, key)); }
