#include "tasks/metric_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void metric_add(struct metric_list *list, double value, const char *format, ...) {
    va_list arguments;
    if (list->count >= list->most) return;
    struct family_metric *metric = &list->metrics[list->count++];
    metric->value = value;
    va_start(arguments, format);
    vsnprintf(metric->name, sizeof metric->name, format, arguments);
    va_end(arguments);
}

const char *measure_text(const json_t *item, const char *key) {
    const char *text = json_string_value(json_object_get(item, key));
    return text ? text : "";
}

int measure_integer(const json_t *item, const char *key) { return (int)json_integer_value(json_object_get(item, key)); }

bool measure_right(const json_t *item, const char *output) {
    static const char blanks[] = " \n\t";
    const json_t *choices = json_object_get(item, "choices");
    const char *gold = choices ? json_string_value(json_array_get(choices, (size_t)measure_integer(item, "gold")))
                               : measure_text(item, "answer");
    if (!gold) return false;
    output += strspn(output, blanks);
    size_t bytes = strlen(output);
    while (bytes && strchr(blanks, output[bytes - 1])) bytes--;
    return strlen(gold) == bytes && memcmp(gold, output, bytes) == 0;
}
