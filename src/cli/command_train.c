/* ltm train */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "commands.h"
#include "ltm/model.h"
#include "ltm/names.h"
#include "ltm/processes.h"
#include "ltm/report.h"
#include "ltm/train.h"
#include "ltm/twin.h"
#include "options.h"
#include "signals.h"
#include "stream_print.h"
#include "terminal.h"
#include "text_io.h"

static const char usage[] =
    "usage: ltm train CONFIG.ini [section.key=value …] [--from CHECKPOINT] [--twin KIND] [--dry-run] [--json]\n"
    "\n"
    "Starts the run that CONFIG.ini describes, in runs/NAME unless run.dir says otherwise. The same command resumes a\n"
    "stopped run, bit-exactly. An interrupt (Ctrl-C), SIGTERM, SIGHUP or SIGXCPU aborts the slow step (the next call\n"
    "repeats it) or the scoring of held-out text, writes a checkpoint and exits with 130; a second one exits at once.\n"
    "When the run ends, its folder gets a report.html (see ltm report).\n"
    "With slow.schedule = wsd a finished run can be extended by raising run.tokens: it resumes from the checkpoint before\n"
    "its rate fell, bit-identical to a run of that length from the start; the shorter run is kept in tokens-N of its folder.\n"
    "Other schedules depend on run.tokens throughout, so such a run keeps its length; use --from to train on from its weights.\n"
    "  --from CHECKPOINT      start from the weights of a checkpoint, of a run (its best) or of a model.safetensors, matched\n"
    "                         by name, with a new optimiser: for another corpus with the same tokenizer, another sequence\n"
    "                         length or window, with latents added or removed, or loops added; with k times the layers,\n"
    "                         layer l starts from layer l mod L. New weights are initialised as usual\n"
    "  --twin KIND            train the plain decoder (latent.count = 0) to compare with, in runs/NAME-twin-KIND:\n"
    "                         parameters (as many, by wider feed-forward layers), compute (also as much compute, by more\n"
    "                         tokens), width (as much compute on the same tokens, by a wider model),\n"
    "                         or attention (parameters with model.window = model.sequence: what carrying the past can buy)\n"
    "  --dry-run              print the configuration instead of training\n"
    "  --json                 print the result as JSON\n"
    "Several processes, started by mpirun or srun, train one model, bit-identically to one process (slow.parts sets how\n"
    "much they send); only the first prints and writes. SIGUSR1 stops them all after their slow step.\n"
    "With data.kind = pairs, data.corpus is a .jsonl file of {\"prompt\": TEXT, \"answer\": TEXT} or {\"messages\":\n"
    "[{\"role\": TEXT, \"content\": TEXT}, …]} (read as \"ROLE: CONTENT\" and a newline each, then \"assistant:\" and its\n"
    "answer). Only answers count in the loss, and z is fitted on the prompt only; exact_match in the log is the share of\n"
    "held-out answers that greedy decoding reproduces exactly. slow.objective = dpo takes lines of {\"prompt\",\n"
    "\"chosen\", \"rejected\"}: the run's first weights are the reference, whose log p is kept in reference.safetensors;\n"
    "the log has log p of chosen and rejected answers, margin and accuracy, in place of recon and bound.\n"
    "With model.kind = solver, data.corpus is a folder with train.jsonl and test.jsonl of puzzles, a line each of {\"puzzle\",\n"
    "\"solution\", \"difficulty\", \"kind\", \"rows\", \"columns\"} as ltm corpus synth writes them; model.sequence is their cells,\n"
    "run.tokens the cells of all steps; solver.augment = yes trains on images of the puzzles by symmetry. The best\n"
    "weights, or their average (slow.ema), are those that solve the most held-out puzzles in all cells.\n"
    "log.jsonl has one line per slow step, with these marks: spike (the loss is more than 5 running standard\n"
    "deviations above its running mean of about 100 steps), above_uniform (the loss is above ln V, that of a uniform\n"
    "guess), diverged (number of sequences whose fast loop diverged; their z came from the prior), nonfinite (what was\n"
    "NaN or infinite; that step changed no weights, see run.on_nonfinite).\n"
    "run.on_event = COMMAND runs COMMAND without a shell, beside the training, at begin, eval, checkpoint, best, end, stop\n"
    "and failure. Its environment has LTM_EVENT, which of these it is, and if known LTM_RUN, LTM_STEP, LTM_STEPS,\n"
    "LTM_TOKENS, LTM_BOUND (at eval the new one, otherwise the best), LTM_BITS_PER_BYTE, LTM_CHECKPOINT, LTM_MESSAGE. A\n"
    "command that fails or takes more than 30 s is reported; the run goes on.\n"
    "\n"
    "Keys and their defaults. Numbers may be written 10M, 1e6, 1_000.\n";

/* What the display knows about the run. */
struct display {
    struct cli_bar bar;
    struct ltm_watch loading; /* draws on the bar until the first step is done */
    int64_t steps, step;      /* in all, done */
    double part;              /* of the current step */
    double seconds;
    double bound; /* of the last held-out scoring; NAN before there is one */
    char figures[128];
};

/* Other work than training takes the place of the figures: a terminal has no room for both. */
static void draw(struct display *display, const char *also) {
    const char *detail = also[0] ? also : display->figures;
    cli_bar_progress(&display->bar, &(struct ltm_progress){.what = "train",
                                                           .done = (double)display->step + display->part,
                                                           .total = (double)display->steps,
                                                           .detail = detail});
}

/* log p of answers, their margin and accuracy. */
static void print_preferences(char *text, size_t size, const struct ltm_train_record *record) {
    char number[5][CLI_NUMBER];
    snprintf(text, size, "loss %s  log p chosen %s, rejected %s  margin %s  accuracy %s %%",
             cli_fixed(number[0], 4, record->loss), cli_fixed(number[1], 2, record->chosen),
             cli_fixed(number[2], 2, record->rejected), cli_fixed(number[3], 3, record->margin),
             cli_fixed(number[4], 1, 100 * record->accuracy));
}

/* What a solver solves; of a slow step its losses. */
static void print_solver(char *text, size_t size, const struct ltm_train_record *record) {
    const struct ltm_solver_record *s = &record->solver;
    char exact[2 * CLI_NUMBER + 8];
    char number[3][CLI_NUMBER];
    if (record->heldout)
        snprintf(text, size, "puzzles whole %s %%, cells %s %%; where it halts %s %%, behind %.1f steps",
                 cli_with_error(exact, 1, 100 * s->exact, 100 * s->exact_error),
                 cli_fixed(number[0], 1, 100 * s->cells), cli_fixed(number[1], 1, 100 * s->halted), s->halted_steps);
    else
        snprintf(text, size, "%s nats a cell  halting %s  %.0f cells/s", cli_fixed(number[0], 3, record->recon),
                 cli_fixed(number[1], 3, record->kl), record->tokens_per_second);
}

static void on_step(void *user, const struct ltm_train_record *record) {
    struct display *display = user;
    display->step = record->step;
    display->steps = record->steps;
    display->seconds = record->seconds;
    display->part = 0;
    if (record->nonfinite) return; /* said in a message */
    if (record->preferences || record->solver.on) {
        char figures[sizeof display->figures];
        (record->solver.on ? print_solver : print_preferences)(figures, sizeof figures, record);
        if (record->heldout)
            cli_bar_line(&display->bar, "step %lld of %lld: held-out %s", (long long)record->step,
                         (long long)record->steps, figures);
        else
            snprintf(display->figures, sizeof display->figures, "%s", figures);
        if (!record->heldout) draw(display, "");
        return;
    }
    if (record->heldout) {
        display->bound = record->bound;
        char bound[2 * CLI_NUMBER + 8];
        char bits[CLI_NUMBER + 16] = "";
        char number[CLI_NUMBER];
        char exact[CLI_NUMBER + 40] = "";
        if (record->answers > 0)
            snprintf(exact, sizeof exact, ", exact match %s %% of %.0f",
                     cli_fixed(number, 1, 100 * record->matches / record->answers), record->answers);
        if (isfinite(record->bits_per_byte))
            snprintf(bits, sizeof bits, ", %s bits a byte", cli_fixed(number, 4, record->bits_per_byte));
        cli_bar_line(&display->bar, "step %lld of %lld: held-out bound %s nats a token%s (recon %.4f, KL %.4f)%s",
                     (long long)record->step, (long long)record->steps,
                     cli_with_error(bound, 4, record->bound, record->bound_error), bits, record->recon, record->kl,
                     exact);
        for (int k = 0; k < record->corpora; k++) {
            const struct ltm_corpus_score *c = &record->corpus[k];
            cli_bar_line(&display->bar, "  %.4g %% %s: %s", 100 * c->share, c->name,
                         cli_with_error(bound, 4, c->bound, c->bound_error));
        }
        char controls[200];
        if (record->stream.parts) cli_bar_line(&display->bar, "  %s", stream_print_controls(controls, &record->stream));
        return;
    }
    char bound[CLI_NUMBER + 8] = "";
    char rate[32];
    char number[3][CLI_NUMBER];
    if (isfinite(display->bound)) snprintf(bound, sizeof bound, "  bound %s", cli_fixed(number[0], 3, display->bound));
    cli_quantity(rate, sizeof rate, record->tokens_per_second);
    snprintf(display->figures, sizeof display->figures, "recon %s  KL %s%s  %s tokens/s",
             cli_fixed(number[1], 3, record->recon), cli_fixed(number[2], 3, record->kl), bound, rate);
    draw(display, "");
}

/* Scoring within the run must not replace the bar of training. */
static void on_progress(void *user, const struct ltm_progress *progress) {
    struct display *display = user;
    if (display->steps == 0) {
        display->loading.progress(display->loading.user, progress);
        return;
    }
    char also[64] = "";
    if (strcmp(progress->what, "slow step") == 0)
        display->part = progress->done / progress->total;
    else if (progress->total > 0)
        snprintf(also, sizeof also, "%.30s %d%%", progress->what, (int)(100 * progress->done / progress->total));
    draw(display, also);
}

static void on_message(void *user, const char *line) { cli_bar_line(&((struct display *)user)->bar, "%s", line); }

static int take_twin(void *twin, const char *name) {
    const char *names[8];
    size_t count = 0;
    for (; (names[count] = ltm_twin_name((int)count)); count++)
        if (strcmp(name, names[count]) == 0) {
            *(int *)twin = (int)count;
            return CLI_OK;
        }
    const char *nearest = ltm_nearest_name(name, names, count);
    return cli_usage("train", "--twin takes parameters, compute, width or attention, not \"%s\"%s%s%s", name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* runs/NAME for …/NAME.ini; a twin's folder has another name, unless the command line gives it. */
static ltm_status name_run(struct ltm_config *config, const char *path, int twin, bool given, struct ltm_error *error) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    char folder[2 * LTM_PATH_MAX];
    size_t used;
    if (given || (config->run.dir[0] && twin < 0)) return LTM_OK;
    if (config->run.dir[0])
        used = (size_t)snprintf(folder, sizeof folder, "%s", config->run.dir);
    else
        used = (size_t)snprintf(folder, sizeof folder, "runs/%.*s",
                                dot && dot > name ? (int)(dot - name) : (int)strnlen(name, LTM_PATH_MAX), name);
    if (twin >= 0) snprintf(folder + used, sizeof folder - used, "-twin-%s", ltm_twin_name(twin));
    return ltm_config_set(config, "run.dir", folder, error);
}

/* Print how closely the twin matches the model. */
static void describe_twin(const struct ltm_config *config, const struct ltm_config *twin, int kind) {
    struct ltm_config from = *config;
    from.model.vocab = twin->model.vocab; /* the twin's has been found */
    const double parameters = (double)ltm_parameter_count(&from.model);
    const double twins = (double)ltm_parameter_count(&twin->model);
    fprintf(stderr, "twin of %s: width %d, %d head%s, ffn_multiple %d, window %d, %.0f tokens\n", ltm_twin_name(kind),
            twin->model.dim, twin->model.heads, ltm_plural(twin->model.heads), twin->model.ffn_multiple,
            twin->model.window, (double)ltm_training_tokens(twin));
    if (twin->model.vocab == LTM_AUTO) return;
    const double flops = ltm_training_flops(&from) * (double)ltm_training_tokens(&from);
    const double twin_flops = ltm_training_flops(twin) * (double)ltm_training_tokens(twin);
    fprintf(stderr, "  parameters  %.0f against %.0f of the model: %+.3f %%\n", twins, parameters,
            100 * (twins / parameters - 1));
    fprintf(stderr, "  operations  %.4e against %.4e of the model: %+.3f %%\n", twin_flops, flops,
            100 * (twin_flops / flops - 1));
}

static ltm_status make_twin(struct ltm_config *config, int kind, struct ltm_error *error) {
    struct ltm_config twin;
    ltm_status status = ltm_config_twin(&twin, config, (enum ltm_twin)kind, error);
    if (status != LTM_OK) return status;
    if (ltm_processes_rank() == 0) describe_twin(config, &twin, kind);
    *config = twin;
    return LTM_OK;
}

/* As an INI file. */
static void print_config(const struct ltm_config *config) {
    size_t count;
    size_t length = 0;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    const char *section = "";
    for (size_t i = 0; i < count; i++) {
        char value[LTM_PATH_MAX] = "";
        const char *dot = strrchr(keys[i].name, '.');
        const size_t this_length = (size_t)(dot - keys[i].name);
        if (this_length != length || strncmp(keys[i].name, section, length) != 0)
            printf("%s[%.*s]\n", i ? "\n" : "", (int)this_length, keys[i].name);
        section = keys[i].name;
        length = this_length;
        ltm_config_get(config, keys[i].name, value, sizeof value, NULL);
        printf("%s =%s", dot + 1, *value ? " " : "");
        cli_print_text(value, strlen(value));
        putchar('\n');
    }
}

static void print_amount(const struct ltm_config *c, struct cli_bar *bar) {
    const bool solves = c->model.kind == LTM_MODEL_SOLVER;
    const char *token = solves ? "cells" : "tokens";
    const char *sequence = solves ? "puzzle" : "sequence";
    char tokens[3][32];
    const double a_step = (double)c->slow.batch * c->model.sequence;
    const double all = (double)ltm_training_tokens(c);
    const long long steps = (long long)ltm_training_steps(c);
    cli_quantity(tokens[0], sizeof tokens[0], all);
    cli_quantity(tokens[1], sizeof tokens[1], (double)c->run.tokens);
    cli_quantity(tokens[2], sizeof tokens[2], a_step);
    cli_bar_line(bar, "%s %s in %lld slow step%s of %s%d %s%s at rate %g", tokens[0], token, steps, ltm_plural(steps),
                 c->slow.batch_start ? "up to " : "", c->slow.batch, sequence, ltm_plural(c->slow.batch), c->slow.lr);
    if (all > 2.0 * (double)c->run.tokens)
        cli_bar_line(bar,
                     "this is %.3g times run.tokens = %s: one slow step takes slow.batch * model.sequence = %s %s; "
                     "lower slow.batch to use fewer",
                     all / (double)c->run.tokens, tokens[1], tokens[2], token);
}

static void print_memory(const struct ltm_config *c, struct cli_bar *bar) {
    char kind[32] = "";
    const int chunk = c->model.memory_chunk ? c->model.memory_chunk : c->model.window;
    ltm_config_get(c, "model.memory", kind, sizeof kind, NULL);
    cli_bar_line(bar, "a %s memory in each layer, written every %d token%s", kind, chunk, ltm_plural(chunk));
}

static void print_solving(const struct ltm_config *c, struct cli_bar *bar) {
    cli_bar_line(bar, "%s: a solver of %d layer%s of width %d, cells mixed by %s, puzzles of %d cells", c->run.dir,
                 c->model.layers, ltm_plural(c->model.layers), c->model.dim,
                 c->model.mix == LTM_SOLVER_MLP ? "an MLP" : "attention", c->model.sequence);
    cli_bar_line(bar, "up to %d step%s on a puzzle, of %d cycle%s of %d inner step%s%s", c->model.supervision,
                 ltm_plural(c->model.supervision), c->model.cycles, ltm_plural(c->model.cycles), c->model.inner,
                 ltm_plural(c->model.inner), c->data.augment ? "; images by symmetry" : "");
    if (c->model.latents) {
        cli_bar_line(bar, "%d latent%s a puzzle, fitted to its givens by %d fast step%s", c->model.latents,
                     ltm_plural(c->model.latents), c->fast.steps, ltm_plural(c->fast.steps));
        cli_bar_line(bar, "latent.count = 0 is the plain solver, which so far has learned faster");
    }
    print_amount(c, bar);
}

static void print_settings(struct ltm_config settled, struct cli_bar *bar) {
    char method[32] = "";
    char moves[80];
    ltm_config_resolve(&settled);
    const struct ltm_config *c = &settled;
    if (c->model.kind == LTM_MODEL_SOLVER) {
        print_solving(c, bar);
        return;
    }
    ltm_config_get(c, "fast.method", method, sizeof method, NULL);
    cli_bar_line(bar, "%s: %d layer%s of width %d, %d head%s, sequences of %d tokens, window %d", c->run.dir,
                 c->model.layers, ltm_plural(c->model.layers), c->model.dim, c->model.heads, ltm_plural(c->model.heads),
                 c->model.sequence, c->model.window);
    if (c->model.latents && c->model.latent_kind == LTM_LATENT_STREAMING)
        cli_bar_line(bar, "%d latent%s, streaming: %s", c->model.latents, ltm_plural(c->model.latents),
                     stream_print_moves(moves, &c->model));
    else if (c->model.latents)
        cli_bar_line(bar, "%d latent%s a sequence, %d fast step%s of %s at rate %g", c->model.latents,
                     ltm_plural(c->model.latents), c->fast.steps, ltm_plural(c->fast.steps), method, c->fast.lr);
    else
        cli_bar_line(bar, "no latents: a plain autoregressive model");
    if (c->model.memory != LTM_MEMORY_NONE) print_memory(c, bar);
    if (c->model.latents && c->latent_start > 0)
        cli_bar_line(bar, "the first %g %% of the tokens without them", 100 * c->latent_start);
    print_amount(c, bar);
    if (c->slow.batch_start || c->slow.window_start)
        cli_bar_line(bar, "the first %g %% of the tokens from a batch of %d and a window of %d, growing",
                     100 * c->slow.growth, c->slow.batch_start ? c->slow.batch_start : c->slow.batch,
                     c->slow.window_start ? c->slow.window_start : c->model.window);
}

static ltm_status print_json(const struct ltm_train_result *result) {
    json_t *json = json_object();
    json_object_set_new(json, "step", json_integer(result->step));
    json_object_set_new(json, "tokens", json_integer(result->tokens));
    if (isfinite(result->best_bound)) {
        json_object_set_new(json,
                            result->solver        ? "best_unsolved"
                            : result->preferences ? "best_loss"
                                                  : "best_bound",
                            json_real(result->best_bound));
        json_object_set_new(json, "best_step", json_integer(result->best_step));
        json_object_set_new(json, "best", json_string(result->best));
    }
    json_object_set_new(json, "skipped", json_integer(result->skipped));
    json_object_set_new(json, "spikes", json_integer(result->spikes));
    json_object_set_new(json, "above_uniform", json_integer(result->above_uniform));
    json_object_set_new(json, "diverged", json_integer(result->diverged));
    return cli_print_json(json, 9);
}

static void print_result(const struct ltm_train_result *result, double seconds) {
    char tokens[32];
    char time[32] = "";
    cli_quantity(tokens, sizeof tokens, (double)result->tokens);
    if (seconds > 0) cli_duration(time, sizeof time, seconds);
    printf("trained on %s %s in %lld slow step%s%s%s\n", tokens, result->solver ? "cells" : "tokens",
           (long long)result->step, ltm_plural(result->step), *time ? ", " : "", time);
    if (isfinite(result->best_bound) && result->solver)
        cli_print_line(stdout, "best: %.1f %% of held-out puzzles whole, at step %lld: %s",
                       100 * (1 - result->best_bound), (long long)result->best_step, result->best);
    else if (isfinite(result->best_bound))
        cli_print_line(stdout, "best held-out %s %.4f nats a %s, at step %lld: %s",
                       result->preferences ? "loss" : "bound", result->best_bound,
                       result->preferences ? "pair" : "token", (long long)result->best_step, result->best);
    if (isfinite(result->best_bound) && !result->solver && result->best_bound > result->uniform)
        printf("that is worse than ln V = %.4f, what guessing evenly among the tokens costs\n", result->uniform);
    if (result->above_uniform)
        printf("%lld slow step%s had a loss above that of a uniform guess: training diverged (above_uniform in "
               "log.jsonl)\n",
               (long long)result->above_uniform, ltm_plural(result->above_uniform));
    if (result->skipped)
        printf("%lld slow step%s skipped because a loss or gradient was not finite (nonfinite in log.jsonl)\n",
               (long long)result->skipped, result->skipped == 1 ? " was" : "s were");
    if (result->spikes)
        printf("%lld loss spike%s (spike in log.jsonl)\n", (long long)result->spikes, ltm_plural(result->spikes));
    if (result->diverged)
        printf("%lld time%s a fast loop diverged and the prior replaced its fit (diverged in log.jsonl)\n",
               (long long)result->diverged, ltm_plural(result->diverged));
}

/* A page of curves in the run's folder. The run is complete without it, so errors are reported but are not failures. */
static void write_report(const char *folder, struct cli_bar *bar) {
    struct ltm_report_result result;
    struct ltm_error error = {0};
    if (ltm_report(folder, NULL, NULL, &result, &error) != LTM_OK) cli_bar_line(bar, "no report: %s", error.message);
}

static ltm_status train(struct ltm_config *config, bool json, struct ltm_error *error) {
    static const char said[] = "\nltm: writing a checkpoint; interrupt again to stop at once\n";
    volatile sig_atomic_t *stop = cli_catch_interrupts(ltm_processes_rank() > 0 ? NULL : said, true);
    struct display display = {.bound = NAN};
    display.loading = cli_watch(&display.bar);
    struct ltm_watch watch = {.user = &display, .progress = on_progress, .message = on_message};
    const struct ltm_train_hooks hooks = {.watch = watch, .user = &display, .on_step = on_step, .stop = stop};
    struct ltm_train_result result = {0};
    print_settings(*config, &display.bar);
    ltm_status status = ltm_train(config, &hooks, &result, error);
    if (status == LTM_OK && ltm_processes_rank() == 0) write_report(result.dir, &display.bar);
    cli_bar_end(&display.bar);
    if (status == LTM_OK && json) return print_json(&result);
    if (status == LTM_OK) print_result(&result, display.seconds);
    return status;
}

struct request {
    const char *path; /* of the configuration */
    char **settings;
    const char *from; /* or NULL */
    int count, twin;
    bool dir_given; /* in the settings */
};

static ltm_status configure(struct ltm_config *config, const struct request *r, struct ltm_error *error) {
    ltm_config_defaults(config);
    ltm_status status = ltm_config_load(config, r->path, error);
    if (status == LTM_OK) status = arguments_override(config, r->settings, r->count, error);
    if (status == LTM_OK && r->from) status = ltm_config_set(config, "run.from", r->from, error);
    if (status == LTM_OK) status = name_run(config, r->path, r->twin, r->dir_given, error);
    if (status == LTM_OK) status = ltm_config_check(config, error);
    if (status == LTM_OK && r->twin >= 0) status = make_twin(config, r->twin, error);
    return status;
}

int command_train(int argc, char **argv) {
    static const char *const all[] = {"", NULL};
    struct ltm_error error = {0};
    struct ltm_config config;
    bool json = false, dry_run = false, dir_given = false;
    const char *from = NULL;
    int twin = -1; /* none */
    const struct cli_option options[] = {{"from", .text = &from},
                                         {"twin", .take = take_twin, .user = &twin},
                                         {"dry-run", .on = &dry_run},
                                         {"json", .on = &json},
                                         {0}};
    const struct command_line line = {"train", usage, all, options};
    const int code = options_read(&line, argc, argv);
    if (code != CLI_GO_ON) return code;
    if (optind == argc) return cli_usage("train", "name a configuration, such as runs/nano.ini");
    const char *path = argv[optind++];
    for (int i = optind; i < argc; i++) {
        if (!argument_is_setting(argv[i]))
            return cli_usage("train", "\"%s\" is not of the form section.key=value", argv[i]);
        dir_given = dir_given || strncmp(argv[i], "run.dir=", 8) == 0;
    }
    const struct request request = {path, argv + optind, from, argc - optind, twin, dir_given};
    ltm_status status = cli_join(&error);
    if (status == LTM_OK) status = ltm_processes_agree(configure(&config, &request, &error), &error);
    if (status == LTM_OK && dry_run)
        print_config(&config);
    else if (status == LTM_OK)
        status = train(&config, json, &error);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}
