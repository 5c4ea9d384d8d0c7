/* ltm probe */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "commands.h"
#include "ltm/names.h"
#include "ltm/probe.h"
#include "options.h"
#include "probe_prune.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm probe CHECKPOINT TASK [option …] [section.key=value …]\n"
    "       ltm probe --prune CHECKPOINT A.jsonl B.jsonl …        which weights A needs: see ltm probe --prune --help\n"
    "\n"
    "Measures what latents encode. TASK is the folder or task.ini made by ltm corpus synth, or one of your own, whose items\n"
    "have \"document\": TEXT and \"factors\": {NAME: TEXT or NUMBER, …} too. For each item a posterior is fitted on its document,\n"
    "and ridge regression predicts the known factors from the posterior's mean. The regression is fitted on training items\n"
    "and scored on test items: accuracy for classes, R² for numbers, with standard errors.\n"
    "  mu, mu 1 …   the whole posterior mean, and each layer's part\n"
    "  states       the decoder's states before the output layer, mean over tokens, under z = mu\n"
    "  states z=0   the same under the prior's mean: what the window alone sees\n"
    "  u, u 1 …     in place of mu where latents stream: how far the document has moved z, up to its last whole chunk; then\n"
    "               states are those while z moves, and states frozen those under z at its start\n"
    "  chance       the most common training class (R²: 0)\n"
    "If items have a copy of the document with a synonym swapped (hierarchy), each place's sensitivity to the swap is shown\n"
    "too: 0 = none, 1 = as large as to another text.\n"
    "  --train-items N        items to fit on; 0 = all (0)\n"
    "  --items N              items to score; 0 = all (0)\n"
    "  --validation SHARE     of the training items, on which the regression's λ is chosen (0.2)\n"
    "  --shuffled             fit on the training items' factors in random order: scores without anything to read\n"
    "  --sparsity             also how sparse the states behind each layer are (under z = mu, means over tokens), and the\n"
    "                         correlation of that with surprise (-log p a token), unfamiliarity (1 - largest cosine of the\n"
    "                         mean state with a training item's) and the numbers that the task tells, log norm and log\n"
    "                         length controlled for. hoyer: 0 all numbers alike, 1 one alone; top tenth: their share of the\n"
    "                         squares; change: |h - h of the loop before| / |h|\n"
    "  --json                 print the result as JSON\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

static const char *const keys[] = {"fast.", "run.threads", "run.seed", "run.precision", NULL};

/* Rows are ordered by factor, then place; all factors have the same places. */
static int places_of(const struct ltm_probe_result *result) {
    int count = 1;
    while (count < result->row_count && strcmp(result->rows[count].factor, result->rows[0].factor) == 0) count++;
    return count;
}

/* As wide as the headings, since ± has two bytes. */
static void print_score(double score, double error) {
    char text[2 * CLI_NUMBER + 8];
    cli_with_error(text, 3, score, error);
    printf("  %*s", isfinite(error) ? 15 : 14, text);
}

/* Partial correlations: a line a layer and measure, a column a number. */
static void print_sparsity(const struct ltm_probe_result *result) {
    const struct ltm_probe_sparsity *rows = result->sparsity;
    int columns = 1;
    while (columns < result->sparsity_count && strcmp(rows[columns].against, rows[0].against) != 0) columns++;
    printf("\n%-14s %-9s %7s", "layer", "measure", "mean");
    for (int k = 0; k < columns; k++) printf("  %-14s", rows[k].against);
    for (int i = 0; i < result->sparsity_count; i++) {
        char layer[40];
        snprintf(layer, sizeof layer, rows[i].loop ? "%d, loop %d" : "%d", rows[i].layer, rows[i].loop);
        if (i % columns == 0) printf("\n%-14s %-9s %7.3f", layer, rows[i].measure, rows[i].mean);
        print_score(rows[i].partial, rows[i].error);
    }
    putchar('\n');
}

static void print_table(const struct ltm_probe_result *result) {
    const int places = places_of(result);
    char cut[64] = "";
    if (result->cut) snprintf(cut, sizeof cut, "; %lld longer than model.sequence were cut", (long long)result->cut);
    cli_print_line(stdout, "%s: fitted on %lld document%s, scored on %lld%s", result->task, (long long)result->train,
                   ltm_plural(result->train), (long long)result->items, cut);
    printf("%-14s %-9s %7s", "factor", "score", "chance");
    for (int k = 0; k < places; k++) printf("  %-14s", result->rows[k].place);
    putchar('\n');
    for (int i = 0; i < result->row_count; i++) {
        const struct ltm_probe_row *row = &result->rows[i];
        if (i % places == 0) printf("%-14s %-9s %7.3f", row->factor, row->classes ? "accuracy" : "R²   ", row->chance);
        print_score(row->score, row->error);
        if ((i + 1) % places == 0) putchar('\n');
    }
    if (result->swap_count) {
        printf("%-14s %-9s %7s", "synonym swap", "distance", "1");
        for (int k = 0; k < result->swap_count; k++) print_score(result->swaps[k].sensitivity, result->swaps[k].error);
        putchar('\n');
    }
    if (result->sparsity_count) print_sparsity(result);
}

static json_t *real_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *sparsity_json(const struct ltm_probe_result *result) {
    json_t *all = json_array();
    for (int i = 0; i < result->sparsity_count; i++) {
        const struct ltm_probe_sparsity *row = &result->sparsity[i];
        json_array_append_new(all, json_pack("{s:i,s:i,s:s,s:f,s:s,s:o,s:o,s:o}", "layer", row->layer, "loop",
                                             row->loop, "measure", row->measure, "mean", row->mean, "against",
                                             row->against, "correlation", real_or_null(row->correlation), "partial",
                                             real_or_null(row->partial), "stderr", real_or_null(row->error)));
    }
    return all;
}

static ltm_status print_json(const struct ltm_probe_result *result) {
    json_t *rows = json_array();
    json_t *swaps = json_array();
    for (int i = 0; i < result->row_count; i++) {
        const struct ltm_probe_row *row = &result->rows[i];
        json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:i,s:i,s:f,s:f,s:f,s:f}", "factor", row->factor, "place",
                                              row->place, "score", row->classes ? "accuracy" : "r2", "classes",
                                              row->classes, "features", row->features, "lambda", row->lambda, "value",
                                              row->score, "stderr", row->error, "chance", row->chance));
    }
    for (int k = 0; k < result->swap_count; k++)
        json_array_append_new(swaps, json_pack("{s:s,s:f,s:f}", "place", result->swaps[k].place, "sensitivity",
                                               result->swaps[k].sensitivity, "stderr", result->swaps[k].error));
    json_t *all =
        json_pack("{s:s,s:I,s:I,s:I,s:o,s:o}", "task", result->task, "train_items", (json_int_t)result->train, "items",
                  (json_int_t)result->items, "cut", (json_int_t)result->cut, "probes", rows, "synonym_swaps", swaps);
    if (result->sparsity_count) json_object_set_new(all, "sparsity", sparsity_json(result));
    return cli_print_json(all, 9);
}

static ltm_status probe(const struct cli_arguments *a, struct ltm_probe_options *options,
                        struct ltm_probe_result *result, struct ltm_error *error) {
    struct ltm_model *model = NULL;
    struct ltm_config config;
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = arguments_open_model(&model, &config, a, error);
    if (status == LTM_OK) {
        options->fast = &config.fast;
        options->threads = config.run.threads;
        options->seed = config.run.seed;
        options->precision = config.run.precision;
        status = ltm_probe(model, a->paths[1], options, &watch, result, error);
        options->fast = NULL;
    }
    cli_bar_end(&bar);
    ltm_model_close(model);
    return status;
}

int command_probe(int argc, char **argv) {
    struct ltm_probe_options o = ltm_probe_defaults();
    struct ltm_probe_result result = {0};
    struct ltm_error error = {0};
    bool json = false;
    const struct cli_option options[] = {{"train-items", .large = &o.train_items, .least = 0, .most = INT32_MAX},
                                         {"items", .large = &o.items, .least = 0, .most = INT32_MAX},
                                         {"validation", .real = &o.validation, .least = 0, .most = 1},
                                         {"shuffled", .on = &o.shuffled},
                                         {"sparsity", .on = &o.sparsity},
                                         {"json", .on = &json},
                                         {0}};
    const struct command_line line = {"probe", usage, keys, options};
    struct cli_arguments a;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--prune") == 0) return command_probe_prune(argc, argv);
    const int code = options_read_all(&line, argc, argv, &a);
    if (code != CLI_GO_ON) return code;
    if (a.path_count != 2) return cli_usage("probe", "name a checkpoint and a task, not %d paths", a.path_count);
    if (probe(&a, &o, &result, &error) != LTM_OK) return cli_fail(&error);
    if (!json) print_table(&result);
    const ltm_status status = json ? print_json(&result) : LTM_OK;
    ltm_probe_result_free(&result);
    return status == LTM_OK ? CLI_OK : cli_no_memory();
}
