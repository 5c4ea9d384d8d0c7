/* ltm fit */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "fit_json.h"
#include "ltm/fit.h"
#include "options.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm fit FILE.csv [--parameters COLUMN] [--tokens COLUMN] [--loss COLUMN] [option …]\n"
    "\n"
    "Fits E + A / N^α + B / D^β to any table of training runs, by the method of Hoffmann et al. (corrected by Besiroglu et\n"
    "al.): Huber loss of log residuals, L-BFGS from a grid of starting points, bootstrap intervals. The file has a header\n"
    "line and one run per row, with fields separated by commas, semicolons or tabs. Numbers may have thousands separators, a\n"
    "decimal comma, or a suffix k, M, B or T. Without options, columns are found by common names, such as params, val_loss,\n"
    "training tokens. Rows with a missing number are skipped and counted. For studies of ltm sweep use ltm report.\n"
    "With --recurrent and --loops, N_once + r^φ N_rec is tried for N too: what a layer is worth that runs r times.\n"
    "  --parameters COLUMN    N of each run, each counted once\n"
    "  --recurrent COLUMN     N_rec, those of N that loops run again\n"
    "  --loops COLUMN         r, how often they run\n"
    "  --once COLUMN          N_once, the others; N is then N_once + N_rec, without --parameters\n"
    "  --tokens COLUMN        D, its training tokens\n"
    "  --loss COLUMN          any loss above 0 that falls to a limit, such as nats per token\n"
    "  --flops COLUMN         its training compute (default 6 N D, recurrent parameters r times)\n"
    "  --budget FLOPS         training compute to divide between N and D; may be given several times\n"
    "  --resamples N          bootstrap resamples for the intervals; 0 = no intervals (4000)\n"
    "  --seed N               of the bootstrap (0)\n"
    "  --json                 print the fit as JSON\n";

enum { BUDGETS = 16 };

struct request {
    struct ltm_fit_columns columns;
    struct ltm_fit_options fit;
    double budget[BUDGETS];
    int budgets;
    bool json;
};

static int take_budget(void *user, const char *text) {
    struct request *r = user;
    if (r->budgets == BUDGETS) return cli_usage("fit", "at most %d budgets", BUDGETS);
    const int code = option_real("fit", "--budget", text, 1, 1e40, &r->budget[r->budgets]);
    if (code == CLI_OK) r->budgets++;
    return code;
}

static ltm_status print_json(const struct ltm_fit_info *info, const struct ltm_fit_answer *answers, int count,
                             const char *no_answer, size_t dropped) {
    json_t *json = fit_json(info);
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, answer_json(&answers[i]));
    json_object_set_new(json, "dropped", json_integer((json_int_t)dropped));
    json_object_set_new(json, "answers", list);
    if (*no_answer) json_object_set_new(json, "no_answer", json_string(no_answer));
    return cli_print_json(json, 9);
}

static void print_readable(const struct ltm_fit_info *info, const struct ltm_fit_answer *answers, int count,
                           const char *no_answer, size_t dropped) {
    printf("loss = %s, of %zu runs", info->candidate[info->chosen].form, info->points);
    if (dropped) printf("; %zu row%s with missing numbers skipped", dropped, dropped > 1 ? "s" : "");
    putchar('\n');
    for (int p = 0; p < LTM_FIT_PARAMETERS; p++) {
        const struct ltm_fit_interval *i = &info->parameter[p];
        if (isnan(i->value)) continue;
        printf("%s = %.6g", ltm_fit_parameter_name((enum ltm_fit_parameter)p), i->value);
        if (!isnan(i->low)) printf(" (%.4g to %.4g)", i->low, i->high);
        putchar('\n');
    }
    for (int c = 0; info->candidates > 1 && c < info->candidates; c++)
        printf("error of %s on runs held out: %.3g %%\n", info->candidate[c].form,
               100 * info->candidate[c].heldout_error);
    for (int i = 0; i < count; i++) cli_print_line(stdout, "%s", answers[i].words);
    if (*no_answer) cli_print_line(stdout, "no advice: %s", no_answer);
    for (int i = 0; i < info->notes; i++) cli_print_line(stdout, "%s", info->note[i]);
}

static int run(const char *path, const struct request *r) {
    struct ltm_fit_answer *answers = calloc(BUDGETS, sizeof *answers);
    struct ltm_fit_point *points = NULL;
    struct ltm_fit *fit = NULL;
    struct ltm_error error = {0};
    struct cli_bar bar;
    const struct ltm_watch watch = cli_watch(&bar);
    size_t count;
    size_t dropped;
    char no_answer[1024] = ""; /* why the law says nothing about budgets */
    int answered = 0;
    if (!answers) return cli_no_memory();
    ltm_status status = ltm_fit_read(&points, &count, &dropped, path, &r->columns, &error);
    if (status == LTM_OK) status = ltm_fit(&fit, points, count, &r->fit, &watch, &error);
    for (int i = 0; i < r->budgets && status == LTM_OK; i++) {
        status = ltm_fit_answer(fit, r->budget[i], &answers[answered], &error);
        answered += status == LTM_OK;
        if (status != LTM_INVALID) continue;
        if (!strstr(no_answer, error.message)) {
            if (*no_answer) strncat(no_answer, "; ", sizeof no_answer - strlen(no_answer) - 1);
            strncat(no_answer, error.message, sizeof no_answer - strlen(no_answer) - 1);
        }
        status = LTM_OK;
    }
    cli_bar_end(&bar);
    int code = status == LTM_OK ? CLI_OK : cli_fail(&error);
    if (status == LTM_OK && r->json)
        code =
            print_json(ltm_fit_info(fit), answers, answered, no_answer, dropped) == LTM_OK ? CLI_OK : cli_no_memory();
    else if (status == LTM_OK)
        print_readable(ltm_fit_info(fit), answers, answered, no_answer, dropped);
    ltm_fit_free(fit);
    free(points);
    free(answers);
    return code;
}

int command_fit(int argc, char **argv) {
    struct request r = {.budgets = 0};
    ltm_fit_options_defaults(&r.fit);
    r.fit.plain = true;
    const struct cli_option options[] = {{"parameters", .text = &r.columns.parameters},
                                         {"recurrent", .text = &r.columns.recurrent},
                                         {"loops", .text = &r.columns.loops},
                                         {"once", .text = &r.columns.once},
                                         {"tokens", .text = &r.columns.tokens},
                                         {"loss", .text = &r.columns.loss},
                                         {"flops", .text = &r.columns.flops},
                                         {"budget", .take = take_budget, .user = &r},
                                         {"resamples", .number = &r.fit.resamples, .least = 0, .most = 1000000},
                                         {"seed", .seed = &r.fit.seed},
                                         {"json", .on = &r.json},
                                         {0}};
    const struct command_line line = {"fit", usage, NULL, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (optind == argc) return cli_usage("fit", "name a table of runs");
    if (argc - optind > 1) return cli_usage("fit", "one table at a time, not also \"%s\"", argv[optind + 1]);
    return run(argv[optind], &r);
}
