#include "probe_prune.h"

#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "ltm/prune.h"
#include "options.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm probe --prune CHECKPOINT A.jsonl B.jsonl [option …] [section.key=value …]\n"
    "\n"
    "Finds the part of a model that answering A needs. A and B are files of prompts with answers, as for data.kind = pairs. A\n"
    "mask keeps a share of the layers' weights, none of which changes, and is learned so that A is still answered. The\n"
    "masked model, and its complement, which has only what the mask leaves out, are scored on the twentieth of A and of B\n"
    "that learning does not see, beside the whole model and random masks with as many weights of each matrix (mean ±\n"
    "standard deviation), and the mask that learning starts from: the weights largest in their matrices, which all masks of\n"
    "a model share. Figures: -log p of an answer's token, given the prompt, and the share of the answers that greedy\n"
    "decoding would write. Products are in fp32.\n"
    "  --keep SHARE           of the weights that the mask keeps, above 0 and below 1 (0.3)\n"
    "  --steps N              of learning (400)\n"
    "  --batch N              pairs a step, a multiple of 4 (32)\n"
    "  --lr RATE              of the scores of weights, by which they are kept (0.01)\n"
    "  --random N             random masks, at least 2 (5)\n"
    "  --items N              held-out pairs of each file to score; 0 = all (0)\n"
    "  --mask FILE            write the mask: safetensors, zeros and ones under each weight's name; replaces only a mask\n"
    "  --against FILE         tell how much this mask shares with another: weights that both keep / that one or both keep\n"
    "                         (Jaccard), beside what random masks would share\n"
    "  --json                 print the result as JSON\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

static const char *const keys[] = {"fast.", "run.threads", "run.seed", NULL};

static const char *const models[LTM_PRUNE_MODELS] = {
    "whole model", "mask", "complement", "random masks", "their complements", "magnitude alone"};

/* As wide as the headings, since ± has two bytes. */
static void print_figure(double value, double spread) {
    char text[48];
    if (spread > 0)
        snprintf(text, sizeof text, "%.3f ± %.3f", value, spread);
    else
        snprintf(text, sizeof text, "%.3f        ", value);
    printf("  %*s", spread > 0 ? 16 : 15, text);
}

static void print_table(const struct ltm_prune_result *result, const char *a, const char *b) {
    const char *const paths[2] = {a, b};
    cli_print_line(stdout, "kept %lld of %lld weights of %d matrices", (long long)result->kept,
                   (long long)result->weights, result->matrix_count);
    for (int k = 0; k < 2; k++)
        cli_print_line(stdout, "%c: %s, %lld held-out pairs", 'A' + k, paths[k], (long long)result->pairs[k]);
    printf("%-18s  %-15s  %-15s  %-15s  %-15s\n", "", "A: nats a token", "A: exact", "B: nats a token", "B: exact");
    for (int m = 0; m < LTM_PRUNE_MODELS; m++) {
        printf("%-18s", models[m]);
        for (int k = 0; k < 2; k++) {
            const struct ltm_prune_score *s = &result->scores[m][k];
            print_figure(s->loss, s->loss_spread);
            print_figure(s->exact, s->exact_spread);
        }
        putchar('\n');
    }
    printf("overlap of the mask with that of magnitude alone %.3f; %.3f by chance\n", result->start_overlap,
           result->start_chance);
    if (isfinite(result->overlap))
        printf("overlap with the other mask %.3f; %.3f by chance\n", result->overlap, result->overlap_chance);
    printf("%-44s %10s %8s\n", "matrix", "weights", "kept");
    for (int k = 0; k < result->matrix_count; k++) {
        const struct ltm_prune_matrix *row = &result->matrices[k];
        cli_print_line(stdout, "%-44s %10lld %8.3f", row->name, (long long)row->weights,
                       (double)row->kept / (double)row->weights);
    }
}

static ltm_status print_json(const struct ltm_prune_result *result, const char *a, const char *b) {
    static const char *const names[LTM_PRUNE_MODELS] = {"whole",    "mask", "complement", "random", "random_complement",
                                                        "magnitude"};
    const char *const paths[2] = {a, b};
    json_t *all = json_pack("{s:I,s:I}", "weights", (json_int_t)result->weights, "kept", (json_int_t)result->kept);
    for (int k = 0; k < 2; k++) {
        json_t *file = json_pack("{s:s,s:I}", "path", paths[k], "items", (json_int_t)result->pairs[k]);
        for (int m = 0; m < LTM_PRUNE_MODELS; m++) {
            const struct ltm_prune_score *s = &result->scores[m][k];
            json_object_set_new(file, names[m],
                                json_pack("{s:f,s:f,s:f,s:f}", "loss", s->loss, "loss_spread", s->loss_spread, "exact",
                                          s->exact, "exact_spread", s->exact_spread));
        }
        json_object_set_new(all, k ? "b" : "a", file);
    }
    json_object_set_new(all, "magnitude_overlap", json_real(result->start_overlap));
    json_object_set_new(all, "magnitude_overlap_chance", json_real(result->start_chance));
    if (isfinite(result->overlap)) {
        json_object_set_new(all, "overlap", json_real(result->overlap));
        json_object_set_new(all, "overlap_chance", json_real(result->overlap_chance));
    }
    json_t *matrices = json_array();
    for (int k = 0; k < result->matrix_count; k++)
        json_array_append_new(matrices, json_pack("{s:s,s:I,s:I}", "name", result->matrices[k].name, "weights",
                                                  (json_int_t)result->matrices[k].weights, "kept",
                                                  (json_int_t)result->matrices[k].kept));
    json_object_set_new(all, "matrices", matrices);
    return cli_print_json(all, 9);
}

static ltm_status prune(const struct cli_arguments *a, struct ltm_prune_options *options,
                        struct ltm_prune_result *result, struct ltm_error *error) {
    struct ltm_model *model = NULL;
    struct ltm_config config;
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = arguments_open_model(&model, &config, a, error);
    if (status == LTM_OK) {
        options->fast = &config.fast;
        options->threads = config.run.threads;
        options->seed = config.run.seed;
        status = ltm_prune(model, a->paths[1], a->paths[2], options, &watch, result, error);
        options->fast = NULL;
    }
    cli_bar_end(&bar);
    ltm_model_close(model);
    return status;
}

int command_probe_prune(int argc, char **argv) {
    struct ltm_prune_options o = ltm_prune_defaults();
    struct ltm_prune_result result = {0};
    struct ltm_error error = {0};
    bool on = true;
    bool json = false;
    const struct cli_option options[] = {{"prune", .on = &on},
                                         {"keep", .real = &o.keep, .least = 0, .most = 1},
                                         {"steps", .large = &o.steps, .least = 1, .most = INT32_MAX},
                                         {"batch", .number = &o.batch, .least = 4, .most = 65536},
                                         {"lr", .real = &o.lr, .least = 0, .most = 10},
                                         {"random", .number = &o.random, .least = 2, .most = 1000},
                                         {"items", .large = &o.items, .least = 0, .most = INT32_MAX},
                                         {"mask", .text = &o.mask},
                                         {"against", .text = &o.against},
                                         {"json", .on = &json},
                                         {0}};
    const struct command_line line = {"probe", usage, keys, options};
    struct cli_arguments a;
    const int code = options_read_all(&line, argc, argv, &a);
    if (code != CLI_GO_ON) return code;
    if (a.path_count != 3)
        return cli_usage("probe --prune", "name a checkpoint and two files of pairs, not %d paths", a.path_count);
    if (prune(&a, &o, &result, &error) != LTM_OK) return cli_fail(&error);
    if (!json) print_table(&result, a.paths[1], a.paths[2]);
    const ltm_status status = json ? print_json(&result, a.paths[1], a.paths[2]) : LTM_OK;
    ltm_prune_result_free(&result);
    return status == LTM_OK ? CLI_OK : cli_no_memory();
}
