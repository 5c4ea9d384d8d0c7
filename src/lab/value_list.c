#include "lab/value_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

void value_list_free(struct value_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->values[i]);
    free(list->values);
    *list = (struct value_list){0};
}

bool value_list_has(const struct value_list *list, const char *value) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->values[i], value) == 0) return true;
    return false;
}

ltm_status value_list_add(struct value_list *list, const char *value, struct ltm_error *error) {
    char *copy = strdup(value);
    char **grown = realloc(list->values, (list->count + 1) * sizeof *grown);
    if (grown) list->values = grown;
    if (!copy || !grown) {
        free(copy);
        return fail_memory(error, (list->count + 1) * sizeof *grown, "a list of values");
    }
    list->values[list->count++] = copy;
    return LTM_OK;
}

static bool parse_number(const char *text, double *value) {
    int64_t integer;
    if (!number_parse_integer(text, &integer)) return number_parse_real(text, value);
    *value = (double)integer;
    return true;
}

static void print_number(char text[NUMBER_TEXT], double value) {
    if (value == floor(value) && fabs(value) < 1e15)
        snprintf(text, NUMBER_TEXT, "%.0f", value);
    else
        number_print_real(text, value);
}

/* first..last, optionally followed by *factor or +step. */
struct range {
    double first, last, step;
    bool multiply;
};

/* False if the word is not a range, such as a path with dots. */
static bool read_range(const char *word, struct range *range) {
    char copy[96];
    char *dots;
    char *by;
    if (snprintf(copy, sizeof copy, "%s", word) >= (int)sizeof copy || !(dots = strstr(copy, ".."))) return false;
    *dots = 0;
    by = dots + 2 + strcspn(dots + 2, "*+");
    const char how = *by;
    *by = 0;
    *range = (struct range){.step = 1, .multiply = how == '*'};
    return parse_number(copy, &range->first) && parse_number(dots + 2, &range->last) &&
           (!how || parse_number(by + 1, &range->step));
}

static ltm_status add_range(struct value_list *list, const char *name, const char *word, struct range range,
                            struct ltm_error *error) {
    const bool forward = range.multiply ? range.step > 1 && range.first > 0 : range.step > 0;
    if (!forward || range.last < range.first)
        return fail(error, LTM_INVALID,
                    "%s: the range %.80s does not step from its first value up to its last; write 1..4, 0..96+24 or "
                    "1..16*2",
                    name, word);
    /* By index, so that roundings do not add up; a value minimally beyond the end still belongs to it. */
    for (int i = 0;; i++) {
        const double value = range.multiply ? range.first * pow(range.step, i) : range.first + i * range.step;
        if (value > range.last + 1e-9 * fabs(range.last)) return LTM_OK;
        if (list->count >= VALUE_LIST_MOST)
            return fail(error, LTM_INVALID, "%s has more than %d values; shorten it", name, VALUE_LIST_MOST);
        char text[NUMBER_TEXT];
        char shorter[NUMBER_TEXT];
        double same;
        print_number(text, value);
        /* 0.1 + 2 · 0.1 must be 0.3. */
        snprintf(shorter, sizeof shorter, "%.12g", value);
        if (value != floor(value) && number_parse_real(shorter, &same)) print_number(text, same);
        PASS_UP(value_list_add(list, text, error));
    }
}

ltm_status value_list_parse(struct value_list *list, const char *name, const char *text, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char *copy = strdup(text);
    char *rest = NULL;
    value_list_free(list);
    if (!copy) return fail_memory(error, strlen(text) + 1, name);
    for (const char *word = strtok_r(copy, " \t,", &rest); word; word = strtok_r(NULL, " \t,", &rest)) {
        struct range range;
        if (list->count >= VALUE_LIST_MOST)
            TRY(fail(error, LTM_INVALID, "%s has more than %d values; shorten it", name, VALUE_LIST_MOST));
        if (read_range(word, &range))
            TRY(add_range(list, name, word, range, error));
        else
            TRY(value_list_add(list, word, error));
    }
    if (list->count == 0)
        status = fail(error, LTM_INVALID, "%s has no value; give it a list, such as 64 128, or leave it out", name);
cleanup:
    free(copy);
    return status;
}

/* A list of whole numbers, each as it would be printed. */
ltm_status value_list_integers(struct value_list *list, const char *name, const char *value, int64_t least,
                               struct ltm_error *error) {
    struct value_list words = {0};
    ltm_status status = LTM_OK;
    value_list_free(list);
    TRY(value_list_parse(&words, name, value, error));
    for (size_t i = 0; i < words.count; i++) {
        char text[NUMBER_TEXT];
        int64_t number;
        if (!number_parse_integer(words.values[i], &number) || number < least || number > 1000000000000000000)
            TRY(fail(error, LTM_INVALID, "%s has \"%.100s\", which is not a whole number of at least %lld", name,
                     words.values[i], (long long)least));
        snprintf(text, sizeof text, "%lld", (long long)number);
        if (!value_list_has(list, text)) TRY(value_list_add(list, text, error));
    }
cleanup:
    value_list_free(&words);
    return status;
}
