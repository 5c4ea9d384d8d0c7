/* ltm report */
#include <getopt.h>
#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "commands.h"
#include "fit_json.h"
#include "ltm/follow.h"
#include "ltm/names.h"
#include "ltm/report.h"
#include "options.h"
#include "signals.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm report RUN-OR-STUDY [-o FILE.html] [--score NAME]… [--budget FLOPS]… [--resamples N] [--follow] [--json]\n"
    "       ltm report SCORES.json [-o FILE.html] [--json]\n"
    "       ltm report RUN RUN… [-o FILE.html] [--json]\n"
    "       ltm report RESULTS… [-o FILE.html] [--json]\n"
    "\n"
    "Writes report.html into the folder of a run (ltm train) or a study (ltm sweep): curves, tables and, for a study, a\n"
    "scaling law with intervals and its conclusions in words. The page needs no network and no JavaScript; its pictures\n"
    "are SVG files beside it, drawn by gnuplot (Debian: gnuplot-nox). Fits need a build with liblbfgs.\n"
    "For several runs: their curves in one picture, the settings that differ, and the differences of their best bounds,\n"
    "sequence by sequence if they scored the same ones. The page is comparison.html here, unless -o names another file.\n"
    "For folders that ltm fewshot -o wrote: the tasks' scores, and accuracy by the size of items (length, hops, steps), one\n"
    "curve per folder; several go to comparison.html too. Reports of studies with tasks have it too, one curve per cell.\n"
    "For scores printed by ltm eval CHECKPOINT CORPUS eval.exit=state --json, or a scan of them: the bound by mean depth, and\n"
    "depth by surprise and by position, in SCORES.html beside the file (SCORES-report.html for a file without .json).\n"
    "  -o, --output FILE      the page; its pictures go to a folder of the same name without .html\n"
    "  --score NAME           a column of results.csv to draw; may be given several times, the first is fitted\n"
    "                         (bound, and continuation if present)\n"
    "  --budget FLOPS         training compute to divide, such as 2e15; may be given several times (the largest cell's)\n"
    "  --resamples N          bootstrap resamples for the intervals (4000)\n"
    "  --seed N               of the bootstrap (0)\n"
    "  --follow               rewrite a run's report as it trains, until it ends or Ctrl-C; a browser that shows the page\n"
    "                         reloads it by itself\n"
    "  --json                 print the fit as JSON\n";

static json_t *real_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *interval_json(const struct ltm_fit_interval *i) {
    return json_pack("{s:o, s:o, s:o}", "value", real_or_null(i->value), "low", real_or_null(i->low), "high",
                     real_or_null(i->high));
}

json_t *fit_json(const struct ltm_fit_info *info) {
    json_t *json = json_object();
    json_t *candidates = json_array();
    json_t *constants = json_object();
    json_t *notes = json_array();
    for (int i = 0; i < info->candidates; i++) {
        const struct ltm_fit_candidate *c = &info->candidate[i];
        json_array_append_new(candidates, json_pack("{s:s, s:i, s:o, s:o, s:o, s:b}", "form", c->form, "parameters",
                                                    c->parameters, "heldout_error", real_or_null(c->heldout_error),
                                                    "heldout_stderr", real_or_null(c->heldout_stderr), "fitted_error",
                                                    real_or_null(c->fitted_error), "chosen", c->chosen));
    }
    for (int p = 0; p < LTM_FIT_PARAMETERS; p++)
        if (!isnan(info->parameter[p].value))
            json_object_set_new(constants, ltm_fit_parameter_name((enum ltm_fit_parameter)p),
                                interval_json(&info->parameter[p]));
    for (int i = 0; i < info->notes; i++) json_array_append_new(notes, json_string(info->note[i]));
    json_object_set_new(json, "form", json_string(info->candidate[info->chosen].form));
    json_object_set_new(json, "constants", constants);
    json_object_set_new(json, "latent_scale", json_real(info->latent_scale));
    json_object_set_new(json, "runs", json_integer((json_int_t)info->points));
    json_object_set_new(json, "cells", json_integer((json_int_t)info->cells));
    json_object_set_new(json, "resamples", json_integer(info->resamples));
    json_object_set_new(json, "interval", json_real(info->share));
    json_object_set_new(json, "candidates", candidates);
    json_object_set_new(json, "notes", notes);
    return json;
}

json_t *answer_json(const struct ltm_fit_answer *a) {
    return json_pack("{s:f, s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:s}", "budget_flops", a->budget,
                     "latents", a->latents, "loops", a->loops, "fast_steps",
                     a->latents ? json_real(a->fast_steps) : json_null(), "parameters", interval_json(&a->parameters),
                     "tokens", interval_json(&a->tokens), "loss", interval_json(&a->loss), "latents_gain",
                     interval_json(&a->gain), "agreement", real_or_null(a->share), "extrapolates", a->extrapolates,
                     "at_edge", a->at_edge, "fixed_tokens", a->fixed_tokens, "words", a->words);
}

static ltm_status print_json(const struct ltm_report_result *r) {
    json_t *json = json_object();
    json_t *answers = json_array();
    json_object_set_new(json, "path", json_string(r->path));
    json_object_set_new(json, "pictures", json_integer(r->pictures));
    if (r->study) {
        json_object_set_new(json, "cells", json_integer((json_int_t)r->cells));
        json_object_set_new(json, "cells_done", json_integer((json_int_t)r->cells_done));
        json_object_set_new(json, "fit", r->fitted ? fit_json(&r->fit) : json_null());
        if (!r->fitted) json_object_set_new(json, "no_fit", json_string(r->no_fit));
        for (int i = 0; i < r->answers; i++) json_array_append_new(answers, answer_json(&r->answer[i]));
        json_object_set_new(json, "answers", answers);
        if (*r->no_answer) json_object_set_new(json, "no_answer", json_string(r->no_answer));
    }
    return cli_print_json(json, 9);
}

static void print_readable(const struct ltm_report_result *r) {
    if (r->gnuplot)
        cli_print_line(stdout, "%s, with %d picture%s", r->path, r->pictures, ltm_plural(r->pictures));
    else
        cli_print_line(stdout, "%s, without pictures: install gnuplot (Debian: gnuplot-nox)", r->path);
    if (r->fitted) cli_print_line(stdout, "loss = %s", r->fit.candidate[r->fit.chosen].form);
    for (int i = 0; i < r->answers; i++) cli_print_line(stdout, "%s", r->answer[i].words);
    if (*r->no_answer) cli_print_line(stdout, "no advice: %s", r->no_answer);
    if (r->fitted)
        for (int i = 0; i < r->fit.notes; i++) cli_print_line(stdout, "%s", r->fit.note[i]);
    if (r->study && !r->fitted) cli_print_line(stdout, "no scaling law: %s", r->no_fit);
}

static int take_score(void *user, const char *text) {
    struct ltm_report_options *options = user;
    if (options->scores == LTM_REPORT_SCORES)
        return cli_usage("report", "--score may be given at most %d times", LTM_REPORT_SCORES);
    options->score[options->scores++] = text;
    return CLI_OK;
}

static int take_budget(void *user, const char *text) {
    struct ltm_report_options *options = user;
    if (options->budgets == LTM_REPORT_BUDGETS)
        return cli_usage("report", "--budget may be given at most %d times", LTM_REPORT_BUDGETS);
    const int code = option_real("report", "--budget", text, 1, 1e40, &options->budget[options->budgets]);
    if (code == CLI_OK) options->budgets++;
    return code;
}

/* Rewrite the report at each held-out scoring, and from time to time in between. */
static int follow(const char *run, struct ltm_report_options *o, struct cli_bar *bar) {
    enum { AGAIN_SECONDS = 30, LOOK_SECONDS = 2 };
    static struct ltm_run_view view;
    const volatile sig_atomic_t *stop = cli_catch_interrupts(NULL, true);
    const struct ltm_watch watch = cli_watch(bar);
    struct ltm_report_result result;
    struct ltm_error error = {0};
    int64_t step = 0;
    int scores = 0;
    double written = -AGAIN_SECONDS;
    for (bool over = false; !over;) {
        if (ltm_run_look(run, &view, &error) != LTM_OK) return cli_fail(&error);
        over = view.phase >= LTM_RUN_STOPPED || *stop;
        o->refresh = over ? 0 : AGAIN_SECONDS;
        const bool news = view.scores != scores || (view.step != step && cli_seconds() - written >= AGAIN_SECONDS);
        if (view.step > 0 && (news || over)) {
            const ltm_status status = ltm_report(run, o, &watch, &result, &error);
            cli_bar_end(bar);
            if (status != LTM_OK) return cli_fail(&error);
            cli_print_line(stdout, "%s: slow step %lld of %lld", result.path, (long long)view.step,
                           (long long)view.steps);
            fflush(stdout);
            scores = view.scores;
            step = view.step;
            written = cli_seconds();
        }
        if (!over) cli_nap(LOOK_SECONDS, stop);
    }
    return *stop ? CLI_INTERRUPTED : CLI_OK;
}

int command_report(int argc, char **argv) {
    struct ltm_report_options o;
    struct ltm_report_result result;
    struct ltm_error error = {0};
    struct cli_bar bar;
    bool json = false;
    bool again = false;
    ltm_report_options_defaults(&o);
    const struct ltm_report_options unasked = o;
    const struct cli_option options[] = {{"output", .letter = 'o', .text = &o.output},
                                         {"score", .take = take_score, .user = &o},
                                         {"budget", .take = take_budget, .user = &o},
                                         {"resamples", .number = &o.fit.resamples, .least = 0, .most = 1000000},
                                         {"seed", .seed = &o.fit.seed},
                                         {"follow", .on = &again},
                                         {"json", .on = &json},
                                         {0}};
    const struct command_line line = {"report", usage, NULL, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (o.output && !*o.output) return cli_usage("report", "--output needs a file name");
    if (optind == argc) return cli_usage("report", "name the folder of a run or of a study, or a file of scores");
    const int runs = argc - optind;
    if (runs > 1 &&
        (o.scores || o.budgets || o.fit.resamples != unasked.fit.resamples || o.fit.seed != unasked.fit.seed))
        return cli_usage("report", "--score, --budget, --resamples and --seed work only with one study");
    if (again && (runs > 1 || json)) return cli_usage("report", "--follow works with one run and without --json");
    if (again) return follow(argv[optind], &o, &bar);
    const struct ltm_watch watch = cli_watch(&bar);
    const ltm_status status =
        runs > 1 ? ltm_report_runs((const char *const *)argv + optind, runs, &o, &watch, &result, &error)
                 : ltm_report(argv[optind], &o, &watch, &result, &error);
    cli_bar_end(&bar);
    if (status != LTM_OK) return cli_fail(&error);
    if (json) return print_json(&result) == LTM_OK ? CLI_OK : cli_no_memory();
    print_readable(&result);
    return CLI_OK;
}
