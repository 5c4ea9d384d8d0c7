/* ltm eval */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "commands.h"
#include "eval_print.h"
#include "ltm/eval.h"
#include "ltm/processes.h"
#include "ltm/solve.h"
#include "options.h"
#include "setting_grid.h"
#include "solve_print.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm eval CHECKPOINT CORPUS… [section.key=value …] [--json]\n"
    "       ltm eval SOLVER PUZZLES.jsonl… [eval.sequences=N] [eval.restarts=N] [run.threads=N] [--json]\n"
    "\n"
    "Scores a model (a checkpoint's folder, or a run's: its best) on each corpus. A posterior q(z|x) is fitted to each\n"
    "sequence; all scores except fitted-noise use noise that the fit never saw. Scores are given with standard errors over\n"
    "sequences, in nats per token, bits per byte and perplexity:\n"
    "  recon, KL, bound   E_q[-log p(x|z)], KL(q to the prior), and their sum: on average at least -log p(x)\n"
    "  importance-weighted  -log of the mean of p(x|z) p(z) / q(z) over eval.iwae draws of z: between bound and -log p(x)\n"
    "  prior              the same with z from the prior, eval.prior draws: the decoder without a fit\n"
    "  continuation       z fitted on the first part of a sequence (eval.continuation), the rest scored under it\n"
    "  fitted-noise       with fast.noise = fixed, under the fit's own noise as published: NOT a bound\n"
    "If layers run in loops, the mean depth is the number of loops per token. With eval.exit = state or kl a position leaves the\n"
    "loops depending only on itself and earlier tokens, so scores stay valid bounds. Scoring saves a loop only if all positions\n"
    "of a group have left; ltm generate runs only the loops it needs. --json adds depth by surprise and by position; ltm report\n"
    "draws them.\n"
    "A list of values scans: eval.fast.steps=4,16,64, eval.loops=1,2,4 or fast.method=adam,natural print one row for each value,\n"
    "several lists one for each combination. One result prints as a block, several as a table in nats per token.\n"
    "For a solver (model.kind = solver): the share of puzzles with all cells right, and of right cells, with standard errors over\n"
    "puzzles: after all steps, where the halting head stops, after each step, and by difficulty. With eval.restarts=N each puzzle\n"
    "has N runs, with noise of their own (solver.stable; without it with starts of their own, which no training saw): the answer\n"
    "is that of the run whose state moves least at the end; beside it stand the first run, the mean of all, and the best of all,\n"
    "which needs the solution. Rows by step, by difficulty and where it halts are those of the run chosen after all steps.\n"
    "  --json             print the scores as JSON\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

/* The checkpoint's configuration with row i of the lists. */
static ltm_status configure(struct ltm_config *config, const struct ltm_model *model, const struct setting_grid *grid,
                            int i, struct ltm_error *error) {
    *config = arguments_checkpoint_config(model);
    ltm_status status = grid_apply(grid, i, config, error);
    if (status == LTM_OK) status = ltm_config_check(config, error);
    if (status == LTM_OK) ltm_config_resolve(config);
    return status;
}

static ltm_status evaluate(const struct ltm_model *model, const struct setting_grid *grid, char **corpora, int count,
                           json_t *all, struct ltm_error *error) {
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    struct ltm_config config;
    struct eval_table table = {.grid = grid, .width = 6};
    for (int i = 0; i < count; i++)
        if ((int)strlen(corpora[i]) > table.width) table.width = (int)strlen(corpora[i]);
    for (int row = 0; row < grid->rows; row++) { /* report a bad last item before the first is scored */
        ltm_status status = configure(&config, model, grid, row, error);
        if (status != LTM_OK) return status;
    }
    for (int i = 0; i < count * grid->rows; i++) {
        const char *corpus = corpora[i / grid->rows];
        const int row = i % grid->rows;
        struct ltm_eval_result result;
        ltm_status status = configure(&config, model, grid, row, error);
        if (status == LTM_OK) status = ltm_eval(model, corpus, &config, &watch, &result, error);
        cli_bar_end(&bar);
        if (status != LTM_OK) return status;
        if (all)
            json_array_append_new(all, eval_json(grid, corpus, row, &config, &result));
        else if (count * grid->rows == 1)
            eval_print_block(corpus, &config, &result);
        else {
            if (i == 0) eval_print_heading(&table, &result);
            eval_print_row(&table, corpus, row, &result);
        }
    }
    return LTM_OK;
}

static int run(const char *checkpoint, char **corpora, int count, const struct setting_grid *grid, bool json) {
    struct ltm_error error = {0};
    struct ltm_model *model = NULL;
    json_t *all = json ? json_array() : NULL;
    if (json && !all) return cli_no_memory();
    ltm_status status = cli_join(&error);
    if (status == LTM_OK) status = ltm_processes_agree(ltm_model_open(&model, checkpoint, &error), &error);
    if (status == LTM_OK) status = evaluate(model, grid, corpora, count, all, &error);
    if (status == LTM_OK && json)
        status = cli_print_json(all, 9);
    else
        json_decref(all);
    ltm_model_close(model);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

static ltm_status solve(const char *checkpoint, char **puzzles, int count, const struct ltm_config *config, json_t *all,
                        struct ltm_error *error) {
    ltm_status status = LTM_OK;
    for (int i = 0; i < count && status == LTM_OK; i++) {
        char *text;
        status = ltm_solve(checkpoint, puzzles[i], config->eval.sequences, config->eval.restarts, config->run.threads,
                           &text, error);
        if (status != LTM_OK) break;
        json_t *scores = json_loads(text, 0, NULL);
        free(text);
        if (all) {
            json_object_set_new(scores, "file", json_string(puzzles[i]));
            json_array_append_new(all, scores);
        } else {
            solve_print(puzzles[i], scores);
            json_decref(scores);
        }
    }
    return status;
}

static int run_solver(const struct cli_arguments *a, bool json) {
    struct ltm_error error = {0};
    struct ltm_config config;
    for (int i = 0; i < a->setting_count; i++)
        if (strncmp(a->settings[i], "eval.sequences=", 15) != 0 && strncmp(a->settings[i], "eval.restarts=", 14) != 0 &&
            strncmp(a->settings[i], "run.threads=", 12) != 0)
            return cli_usage("eval", "%s says nothing to a solver; eval.sequences, eval.restarts and run.threads do",
                             a->settings[i]);
    json_t *all = json ? json_array() : NULL;
    ltm_config_defaults(&config);
    config.model.kind = LTM_MODEL_SOLVER;
    config.model.latents = 0;
    ltm_status status = cli_join(&error);
    if (status == LTM_OK) status = arguments_override(&config, a->settings, a->setting_count, &error);
    if (status == LTM_OK) status = solve(a->paths[0], a->paths + 1, a->path_count - 1, &config, all, &error);
    if (status == LTM_OK && json)
        status = cli_print_json(all, 9);
    else
        json_decref(all);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

int command_eval(int argc, char **argv) {
    static const char *const keys[] = {"eval.",       "fast.",    "data.packing",  "data.document_end",
                                       "run.threads", "run.seed", "run.precision", NULL};
    bool json = false;
    const struct cli_option options[] = {{"json", .on = &json}, {0}};
    const struct command_line line = {"eval", usage, keys, options};
    struct cli_arguments a;
    int code = options_read_all(&line, argc, argv, &a);
    if (code != CLI_GO_ON) return code;
    if (a.path_count < 2) return cli_usage("eval", "name a checkpoint and a corpus");
    if (ltm_is_solver(a.paths[0])) return run_solver(&a, json);
    bool dump = false;
    for (int i = 0; i < a.setting_count; i++) dump = dump || strncmp(a.settings[i], "eval.dump=", 10) == 0;
    struct setting_grid grid;
    code = grid_create(&grid, "eval", a.settings, a.setting_count);
    if (code == CLI_OK && dump && (a.path_count > 2 || grid.rows > 1))
        code = cli_usage("eval", "eval.dump works with one corpus and no lists, not %d rows",
                         (a.path_count - 1) * grid.rows);
    if (code == CLI_OK) code = run(a.paths[0], a.paths + 1, a.path_count - 1, &grid, json);
    grid_free(&grid);
    return code;
}
