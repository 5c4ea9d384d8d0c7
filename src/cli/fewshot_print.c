#include "fewshot_print.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "terminal.h"

enum { CELL = 2 * CLI_NUMBER + 8, NARROWEST = 16, BIN = 40 /* characters of a bin's name */ };

static bool is_bin(const struct ltm_fewshot_metric *metric) { return strchr(metric->name, '=') != NULL; }

static int width_of(const struct ltm_fewshot_metric *metric) {
    const size_t name = strlen(metric->name);
    const size_t filter = strlen(metric->filter);
    const size_t widest = name > filter ? name : filter;
    return widest < NARROWEST ? NARROWEST : (int)widest;
}

static void format(char cell[CELL], const struct ltm_fewshot_metric *metric) {
    cli_with_error(cell, metric->value >= 1000 ? 0 : metric->value >= 10 ? 2 : 4, metric->value, metric->error);
}

/* Padded on the left to a width in characters: ± has two bytes. */
static void print_cell(const char *text, int width) {
    const int have = (int)utf8_count(text);
    printf("  %*s%s", have < width ? width - have : 0, "", text);
}

static const struct ltm_fewshot_metric *find(const struct ltm_fewshot_result *result,
                                             const struct ltm_fewshot_metric *like) {
    for (int i = 0; i < result->count; i++)
        if (strcmp(result->metrics[i].name, like->name) == 0 && strcmp(result->metrics[i].filter, like->filter) == 0)
            return &result->metrics[i];
    return NULL;
}

static void print_heading(const struct ltm_fewshot_result *result) {
    bool filters = false;
    cli_print_line(stdout, "%s: %lld of %lld items", result->task, (long long)result->items,
                   (long long)result->items_in_all);
    printf("%6s  %6s", "shots", "cut");
    for (int i = 0; i < result->count; i++) {
        const struct ltm_fewshot_metric *metric = &result->metrics[i];
        if (is_bin(metric)) continue;
        print_cell(metric->name, width_of(metric));
        filters = filters || strcmp(metric->filter, "none") != 0;
    }
    putchar('\n');
    if (!filters) return;
    printf("%6s  %6s", "", "");
    for (int i = 0; i < result->count; i++)
        if (!is_bin(&result->metrics[i])) print_cell(result->metrics[i].filter, width_of(&result->metrics[i]));
    putchar('\n');
}

static void print_metric(const struct ltm_fewshot_result *result, const struct ltm_fewshot_metric *like) {
    const struct ltm_fewshot_metric *metric = find(result, like);
    char cell[CELL] = "-";
    if (metric) format(cell, metric);
    print_cell(cell, width_of(is_bin(like) ? &(struct ltm_fewshot_metric){.items = 0} : like));
}

/* Whether one has every metric of the other that is no bin's. */
static bool covers(const struct ltm_fewshot_result *one, const struct ltm_fewshot_result *other) {
    for (int i = 0; i < other->count; i++)
        if (!is_bin(&other->metrics[i]) && !find(one, &other->metrics[i])) return false;
    return true;
}

void fewshot_print_row(const struct ltm_fewshot_result *results, int count) {
    const struct ltm_fewshot_result *last = &results[count - 1];
    /* A figure may be there only where some output could be read: then the columns change. */
    if (count == 1 || !covers(last, &results[count - 2]) || !covers(&results[count - 2], last)) print_heading(last);
    printf("%6d  %6lld", last->shots, (long long)last->cut);
    for (int i = 0; i < last->count; i++)
        if (!is_bin(&last->metrics[i])) print_metric(last, &last->metrics[i]);
    putchar('\n');
    fflush(stdout);
}

static void print_bins_heading(const struct ltm_fewshot_result *results, int count) {
    char cell[CELL];
    printf("%-*s", BIN, "");
    for (int r = 0; r < count; r++) {
        snprintf(cell, sizeof cell, "%d shots", results[r].shots);
        print_cell(cell, NARROWEST);
    }
    putchar('\n');
}

void fewshot_print_bins(const struct ltm_fewshot_result *results, int count) {
    bool any = false;
    for (int from = 0; from < count; from++)
        for (int i = 0; i < results[from].count; i++) {
            const struct ltm_fewshot_metric *metric = &results[from].metrics[i];
            bool shown = !is_bin(metric);
            for (int before = 0; before < from; before++) shown = shown || find(&results[before], metric);
            if (shown) continue;
            if (!any) print_bins_heading(results, count);
            any = true;
            printf("%-*s", BIN, metric->name);
            for (int r = 0; r < count; r++) print_metric(&results[r], metric);
            putchar('\n');
        }
}
