/* ltm eval */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "arguments.h"
#include "commands.h"
#include "ltm/eval.h"
#include "options.h"
#include "terminal.h"

static const char usage[] =
    "usage: ltm eval CHECKPOINT CORPUS… [section.key=value …] [--json]\n"
    "\n"
    "Scores a model (a checkpoint's folder, or a run's: its best) on each corpus. For each sequence a posterior is\n"
    "fitted, then S samples with noise that the fit never saw give recon, E[-log p(x|z)], and with the KL to the\n"
    "prior the bound: on average at least -log p(x). Nats a token, with standard errors over sequences; bits a byte\n"
    "are the bound's.\n"
    "  --json                 print the scores as JSON\n"
    "\n"
    "Keys that matter here (and their defaults; those of [fast] are the checkpoint's):\n";

/* What the checkpoint was trained with, but for what belonged to that machine or that call. */
static struct ltm_config starting_config(const struct ltm_model *model) {
    struct ltm_config config = *ltm_model_config(model);
    config.run.threads = LTM_AUTO;
    config.eval.dump[0] = 0;
    /* A resolved auto has become a number: make it follow fast.method, and fast.*, again. */
    struct ltm_config probe = config;
    probe.fast.lr = LTM_AUTO;
    ltm_config_resolve(&probe);
    if (config.eval.fast_steps == config.fast.steps) config.eval.fast_steps = LTM_AUTO;
    if (config.eval.fast_lr == config.fast.lr) config.eval.fast_lr = LTM_AUTO;
    if (config.fast.lr == probe.fast.lr) config.fast.lr = LTM_AUTO;
    return config;
}

static json_t *score_json(struct ltm_score score) {
    if (!isfinite(score.mean)) return json_null();
    return json_pack("{s:f, s:o}", "mean", score.mean, "error",
                     isfinite(score.error) ? json_real(score.error) : json_null());
}

static json_t *result_json(const char *corpus, const struct ltm_eval_result *r) {
    json_t *json = json_object();
    json_object_set_new(json, "corpus", json_string(corpus));
    json_object_set_new(json, "recon", score_json(r->recon));
    json_object_set_new(json, "kl", score_json(r->kl));
    json_object_set_new(json, "bound", score_json(r->bound));
    json_object_set_new(json, "bits_per_byte", score_json(r->bits_per_byte));
    json_object_set_new(json, "sequences", json_integer(r->sequences));
    json_object_set_new(json, "tokens", json_integer(r->tokens));
    json_object_set_new(json, "bytes", json_integer(r->bytes));
    json_object_set_new(json, "samples", json_integer(r->samples));
    json_object_set_new(json, "fast_steps", json_integer(r->fast_steps));
    json_object_set_new(json, "seconds", json_real(r->seconds));
    return json;
}

static void print_heading(int width) {
    printf("%-*s  %9s  %8s  %8s  %19s  %17s\n", width, "corpus", "sequences", "recon", "KL", "bound, nats a token",
           "bits a byte");
}

static void print_score(struct ltm_score score, int width) {
    char text[64];
    if (!isfinite(score.mean))
        snprintf(text, sizeof text, "-");
    else if (isfinite(score.error))
        snprintf(text, sizeof text, "%.4f ± %.4f", score.mean, score.error);
    else
        snprintf(text, sizeof text, "%.4f", score.mean);
    /* printf counts bytes, and ± has two. */
    printf("  %*s", width + (strchr(text, (char)0xc2) != NULL), text);
}

static void print_row(const char *corpus, int width, const struct ltm_eval_result *r) {
    printf("%-*s  %9lld  %8.4f  %8.4f", width, corpus, (long long)r->sequences, r->recon.mean, r->kl.mean);
    print_score(r->bound, 19);
    print_score(r->bits_per_byte, 17);
    putchar('\n');
    fflush(stdout);
}

static ltm_status evaluate(const struct ltm_model *model, const struct ltm_config *config, char **corpora, int count,
                           json_t *all, struct ltm_error *error) {
    struct cli_bar bar;
    struct ltm_watch watch = cli_watch(&bar);
    int width = 6;
    for (int i = 0; i < count; i++)
        if ((int)strlen(corpora[i]) > width) width = (int)strlen(corpora[i]);
    for (int i = 0; i < count; i++) {
        struct ltm_eval_result result;
        ltm_status status = ltm_eval(model, corpora[i], config, &watch, &result, error);
        cli_bar_end(&bar);
        if (status != LTM_OK) return status;
        if (all) json_array_append_new(all, result_json(corpora[i], &result));
        if (!all && i == 0) print_heading(width);
        if (!all) print_row(corpora[i], width, &result);
    }
    return LTM_OK;
}

static int run(const char *checkpoint, char **corpora, int count, char **settings, int setting_count, bool json) {
    struct ltm_error error = {0};
    struct ltm_model *model = NULL;
    json_t *all = json ? json_array() : NULL;
    ltm_status status = ltm_model_open(&model, checkpoint, &error);
    if (status != LTM_OK) goto cleanup;
    struct ltm_config config = starting_config(model);
    status = arguments_override(&config, settings, setting_count, &error);
    if (status == LTM_OK) status = ltm_config_check(&config, &error);
    if (status != LTM_OK) goto cleanup;
    ltm_config_resolve(&config);
    status = evaluate(model, &config, corpora, count, all, &error);
    if (status == LTM_OK && json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    }
cleanup:
    json_decref(all);
    ltm_model_close(model);
    return status == LTM_OK ? CLI_OK : cli_fail(&error);
}

static int print_help(void) {
    static const char *const keys[] = {"eval.", "fast.", "run.threads", "run.seed", "run.precision", NULL};
    fputs(usage, stdout);
    arguments_print_keys(keys);
    return CLI_OK;
}

int command_eval(int argc, char **argv) {
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    bool json = false;
    int letter, paths = 0, settings = 0;
    while ((letter = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (letter == 'h') return print_help();
        if (letter != 'j') return option_unknown("eval", argv);
        json = true;
    }
    /* Paths to the front of one list, settings into the other: they may stand in any order. */
    char **assignments = calloc((size_t)argc, sizeof *assignments);
    if (!assignments) return CLI_FAILED;
    bool dump = false;
    int code = CLI_OK;
    for (int i = optind; i < argc && code == CLI_OK; i++) {
        if (!argument_is_assignment(argv[i])) {
            argv[paths++] = argv[i];
            continue;
        }
        assignments[settings++] = argv[i];
        dump = dump || strncmp(argv[i], "eval.dump=", 10) == 0;
        if (strncmp(argv[i], "model.", 6) == 0 || strncmp(argv[i], "latent.", 7) == 0)
            code = cli_usage("eval", "\"%s\": the model's shape is the checkpoint's", argv[i]);
    }
    if (code == CLI_OK && paths < 2) code = cli_usage("eval", "name a checkpoint and a corpus");
    if (code == CLI_OK && dump && paths > 2)
        code = cli_usage("eval", "eval.dump goes with one corpus, not %d", paths - 1);
    if (code == CLI_OK) code = run(argv[0], argv + 1, paths - 1, assignments, settings, json);
    free(assignments);
    return code;
}
