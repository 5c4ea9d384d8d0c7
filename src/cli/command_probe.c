/* ltm probe */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "arguments.h"
#include "commands.h"
#include "json_output.h"
#include "ltm/probe.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm probe CHECKPOINT TASK [option …] [section.key=value …]\n"
    "\n"
    "What thoughts hold: for each item of TASK (what ltm corpus synth made: its folder or task.ini) a posterior is "
    "fitted\n"
    "on the item's document, and ridge regression reads the known factors off its mean. Fitted on the task's training\n"
    "items, scored on its test items: accuracy for classes, R² for numbers, with standard errors.\n"
    "  mu, mu 1 …   all of the posterior's mean, and each layer's part\n"
    "  states       the decoder's states before the output layer, mean over tokens, under z = mu\n"
    "  states z=0   the same under the prior's mean: what the window alone sees\n"
    "  chance       the commonest class of training (R²: 0)\n"
    "Items with a document in which a synonym is exchanged (hierarchy) also tell how sensitive each is to such a "
    "swap:\n"
    "0 does not see it, 1 as to another text.\n"
    "  --train-items N        items to fit on; 0 = all (0)\n"
    "  --items N              items to score; 0 = all (0)\n"
    "  --validation SHARE     of the training items, on which the regression's λ is chosen (0.2)\n"
    "  --json                 print the result as JSON\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

static const struct option long_options[] = {{"train-items", required_argument, NULL, 'r'},
                                             {"items", required_argument, NULL, 'i'},
                                             {"validation", required_argument, NULL, 'v'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static const char *const keys[] = {"fast.", "run.threads", "run.seed", "run.precision", NULL};

static int set_option(struct ltm_probe_options *options, int letter, char **argv) {
    const char *command = "probe";
    long long number = 0;
    int code = CLI_OK;
    switch (letter) {
    case 'r':
        code = option_number(command, "--train-items", optarg, 0, INT32_MAX, &number);
        options->train_items = number;
        break;
    case 'i':
        code = option_number(command, "--items", optarg, 0, INT32_MAX, &number);
        options->items = number;
        break;
    case 'v':
        code = option_share(command, "--validation", optarg, &options->validation);
        break;
    default:
        code = option_unknown(command, argv);
    }
    return code;
}

/* Rows come by factor, then place: the places of the first factor are those of all. */
static int places_of(const struct ltm_probe_result *result) {
    int count = 1;
    while (count < result->row_count && strcmp(result->rows[count].factor, result->rows[0].factor) == 0) count++;
    return count;
}

static void print_table(const struct ltm_probe_result *result) {
    const int places = places_of(result);
    char cut[64] = "";
    if (result->cut) snprintf(cut, sizeof cut, "; %lld longer than model.sequence were cut", (long long)result->cut);
    cli_print_line(stdout, "%s: fitted on %lld documents, scored on %lld%s", result->task, (long long)result->train,
                   (long long)result->items, cut);
    printf("%-14s %-9s %7s", "factor", "score", "chance");
    for (int k = 0; k < places; k++) printf("  %-14s", result->rows[k].place);
    putchar('\n');
    for (int i = 0; i < result->row_count; i++) {
        const struct ltm_probe_row *row = &result->rows[i];
        if (i % places == 0) printf("%-14s %-9s %7.3f", row->factor, row->classes ? "accuracy" : "R²   ", row->chance);
        printf("  %6.3f ± %.3f", row->score, row->error);
        if ((i + 1) % places == 0) putchar('\n');
    }
    if (!result->swap_count) return;
    printf("%-14s %-9s %7s", "synonym swap", "distance", "1");
    for (int k = 0; k < result->swap_count; k++)
        printf("  %6.3f ± %.3f", result->swaps[k].sensitivity, result->swaps[k].error);
    putchar('\n');
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
    return cli_print_json(all, 9);
}

static ltm_status probe(const char *checkpoint, const char *task, struct ltm_probe_options *options, char **assignments,
                        int count, struct ltm_probe_result *result, struct ltm_error *error) {
    struct ltm_model *model = NULL;
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    ltm_status status = ltm_model_open(&model, checkpoint, error);
    if (status == LTM_OK) {
        struct ltm_config config = arguments_checkpoint_config(model);
        status = arguments_override(&config, assignments, count, error);
        if (status == LTM_OK) status = ltm_config_check(&config, error);
        if (status == LTM_OK) {
            ltm_config_resolve(&config);
            options->fast = &config.fast;
            options->threads = config.run.threads;
            options->seed = config.run.seed;
            options->precision = config.run.precision;
            status = ltm_probe(model, task, options, &watch, result, error);
            options->fast = NULL;
        }
    }
    cli_bar_end(&bar);
    ltm_model_close(model);
    return status;
}

static int run(const char *checkpoint, const char *task, struct ltm_probe_options *options, char **assignments,
               int count, bool json) {
    struct ltm_error error = {0};
    struct ltm_probe_result result = {0};
    ltm_status status = LTM_OK;
    if (probe(checkpoint, task, options, assignments, count, &result, &error) != LTM_OK) return cli_fail(&error);
    if (json)
        status = print_json(&result);
    else
        print_table(&result);
    ltm_probe_result_free(&result);
    return status == LTM_OK ? CLI_OK : cli_no_memory();
}

/* Whether a key changes what a probe finds. */
static bool key_matters(const char *assignment) {
    for (int i = 0; keys[i]; i++)
        if (strncmp(assignment, keys[i], strlen(keys[i])) == 0) return true;
    return false;
}

int command_probe(int argc, char **argv) {
    struct ltm_probe_options options = ltm_probe_defaults();
    bool json = false;
    int letter;
    int paths = 0;
    int settings = 0;
    while ((letter = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(usage, stdout);
            arguments_print_keys(keys);
            return CLI_OK;
        }
        if (letter == ':') return cli_usage("probe", "%s needs a value", argv[optind - 1]);
        json = json || letter == 'j';
        int code = letter == 'j' ? CLI_OK : set_option(&options, letter, argv);
        if (code != CLI_OK) return code;
    }
    char *two[2] = {NULL, NULL};
    char **assignments = calloc((size_t)argc, sizeof *assignments);
    if (!assignments) return cli_no_memory();
    int code = CLI_OK;
    for (int i = optind; i < argc && code == CLI_OK; i++) {
        if (!argument_is_assignment(argv[i])) {
            if (paths < 2) two[paths] = argv[i];
            paths++;
        } else if (key_matters(argv[i]))
            assignments[settings++] = argv[i];
        else
            code = cli_usage("probe", "\"%s\" changes nothing here", argv[i]);
    }
    if (code == CLI_OK && paths != 2) code = cli_usage("probe", "name a checkpoint and a task, not %d paths", paths);
    if (code == CLI_OK) code = run(two[0], two[1], &options, assignments, settings, json);
    free(assignments);
    return code;
}
