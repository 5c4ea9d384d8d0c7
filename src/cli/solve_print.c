#include "solve_print.h"

#include <math.h>
#include <stdio.h>

#include "ltm/names.h"
#include "terminal.h"

static double number(const json_t *json, const char *key) {
    const json_t *value = json_object_get(json, key);
    return json_is_number(value) ? json_number_value(value) : NAN; /* of one puzzle there is no error */
}

/* Puzzles and cells that are right, in per cent with standard errors. */
static void print_mean(const char *what, const json_t *mean) {
    char exact[2 * CLI_NUMBER + 8];
    char cells[2 * CLI_NUMBER + 8];
    cli_with_error(exact, 1, 100 * number(mean, "exact"), 100 * number(mean, "exact_error"));
    cli_with_error(cells, 1, 100 * number(mean, "cells"), 100 * number(mean, "cells_error"));
    printf("  %-16s whole %s %%   cells %s %%   steps %.1f\n", what, exact, cells, number(mean, "steps"));
}

void solve_print(const char *puzzles, const json_t *scores) {
    char what[64];
    size_t i;
    json_t *one;
    cli_print_line(stdout, "%s: %.0f puzzle%s", puzzles, number(scores, "puzzles"),
                   ltm_plural((long long)number(scores, "puzzles")));
    print_mean(json_object_get(scores, "restarts") ? "least residual" : "all steps", json_object_get(scores, "full"));
    const json_t *restarts = json_object_get(scores, "restarts");
    if (restarts) {
        print_mean("the first run", json_object_get(restarts, "one"));
        print_mean("mean of the runs", json_object_get(restarts, "mean"));
        print_mean("best of all runs", json_object_get(restarts, "best"));
        if (number(restarts, "starts") > 1)
            cli_print_line(stdout,
                           "  Without solver.stable each run has another start, which no training saw: that may solve "
                           "far fewer than one run alone.");
    }
    const json_t *latents = json_object_get(scores, "latents");
    if (latents)
        printf("  latents          %.2f nats a puzzle's givens, KL %.2f\n", number(latents, "givens"),
               number(latents, "kl"));
    if (latents && number(latents, "diverged") > 0)
        cli_print_line(stdout, "  the fit of %.0f puzzle%s diverged: z is a draw from the prior there",
                       number(latents, "diverged"), ltm_plural((long long)number(latents, "diverged")));
    print_mean("where it halts", json_object_get(scores, "halted"));
    json_array_foreach(json_object_get(scores, "difficulties"), i, one) {
        snprintf(what, sizeof what, "difficulty %.0f", number(one, "difficulty"));
        print_mean(what, json_object_get(one, "full"));
    }
    json_array_foreach(json_object_get(scores, "steps"), i, one) {
        snprintf(what, sizeof what, "behind step %zu", i + 1);
        print_mean(what, one);
    }
}
