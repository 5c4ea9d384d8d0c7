#include "eval_print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ltm/names.h"
#include "ltm/printable.h"
#include "stream_print.h"
#include "terminal.h"

enum { WIDE = 17, SCORE = 15, NARROW = 8, NAME = 50 };

/* Pad to a width in characters: printf counts bytes, and ± has two. */
static void print_cell(const char *text, int width) { printf("  %*s", width + (strstr(text, "±") != NULL), text); }

static void print_score(struct ltm_score score, int digits, int width) {
    char text[2 * CLI_NUMBER + 8];
    print_cell(isfinite(score.mean) ? cli_with_error(text, digits, score.mean, score.error) : "-", width);
}

/* ---- One result ---- */

void eval_print_measure_heading(void) {
    printf("%-*s  %*s  %*s  %*s\n", NAME, "", WIDE, "nats a token", WIDE, "bits a byte", WIDE, "perplexity");
}

void eval_print_measure(const char *name, const struct ltm_measure *m, bool perplexity) {
    if (isnan(m->nats.mean)) return; /* not asked for */
    printf("%-*s", NAME, name);
    print_score(m->nats, 4, WIDE);
    print_score(m->bits, 4, WIDE);
    if (perplexity) print_score(m->perplexity, m->perplexity.mean < 100 ? 3 : 1, WIDE);
    putchar('\n');
}

static void print_setting(const char *corpus, const struct ltm_config *config, const struct ltm_eval_result *r) {
    char method[32] = "";
    char bytes[64] = "";
    char moves[80];
    ltm_config_get(config, "fast.method", method, sizeof method, NULL);
    if (r->bytes) snprintf(bytes, sizeof bytes, ", %.2f bytes a token", (double)r->bytes / (double)r->tokens);
    cli_print_line(stdout, "%s: %lld sequence%s of %s%d tokens%s", corpus, (long long)r->sequences,
                   ltm_plural(r->sequences), r->tokens < r->sequences * config->model.sequence ? "up to " : "",
                   config->model.sequence, bytes);
    if (r->stream.memory)
        printf("no latents: every score is the exact -log p; a memory beside the window, written every %d tokens\n",
               config->model.memory_chunk ? config->model.memory_chunk : config->model.window);
    else if (r->stream.parts)
        printf("%s; %d draw%s of z around its mean\n", stream_print_moves(moves, &config->model), r->samples,
               ltm_plural(r->samples));
    else if (config->model.latents)
        printf("%d step%s of %s at rate %g, %d sample%s of new noise\n", r->fast_steps, ltm_plural(r->fast_steps),
               method, r->fast_lr, r->samples, ltm_plural(r->samples));
    else
        printf("no latents: every score is the exact -log p\n");
    if (r->loops > 1)
        printf("depth: %.4g of %d loops a token%s\n", r->depth.mean, r->loops,
               config->eval.exit.kind == LTM_EXIT_FIXED ? "" : ", as positions leave by eval.exit");
    if (r->diverged)
        printf("the fit of %lld sequence%s diverged: the prior replaces it, so the bound is still valid\n",
               (long long)r->diverged, ltm_plural(r->diverged));
    putchar('\n');
}

void eval_print_block(const char *corpus, const struct ltm_config *config, const struct ltm_eval_result *r) {
    char name[64];
    const int rest = config->model.sequence - r->first_part;
    print_setting(corpus, config, r);
    eval_print_measure_heading();
    if (r->stream.memory) {
        eval_print_measure("score: exact -log p", &r->recon, true);
        eval_print_measure("control: the memory frozen at its start", &r->frozen, true);
        snprintf(name, sizeof name, "continuation: last %d", rest);
        eval_print_measure(name, &r->continuation, true);
        stream_print_parts(&r->stream);
        fflush(stdout);
        return;
    }
    if (r->stream.parts) {
        eval_print_measure("score: exact -log p, z at its mean", &r->recon, true);
        eval_print_measure("control: z frozen at its start", &r->frozen, true);
        eval_print_measure("control: z of another sequence", &r->others, true);
        eval_print_measure("control: z = 0", &r->zero, true);
        eval_print_measure("bound: z drawn", &r->drawn, true);
        stream_print_parts(&r->stream);
        fflush(stdout);
        return;
    }
    eval_print_measure("recon", &r->recon, true);
    eval_print_measure("KL to the prior", &r->kl, false);
    eval_print_measure("bound: negative ELBO", &r->bound, true);
    eval_print_measure("bound: encoder start, no fast step", &r->start, true);
    eval_print_measure("amortisation gap: encoder start - negative ELBO", &r->gap, false);
    snprintf(name, sizeof name, "bound: importance-weighted, %d sample%s", r->iwae_samples,
             ltm_plural(r->iwae_samples));
    eval_print_measure(name, &r->iwae, true);
    snprintf(name, sizeof name, "bound: z from the prior, %d sample%s", r->prior_samples, ltm_plural(r->prior_samples));
    eval_print_measure(name, &r->prior, true);
    snprintf(name, sizeof name, "continuation: last %d, z fitted on the first %d", rest, r->first_part);
    eval_print_measure(name, &r->continuation, true);
    snprintf(name, sizeof name, "continuation: last %d, z from the prior", rest);
    eval_print_measure(name, &r->continuation_prior, true);
    eval_print_measure("fitted-noise score (not a bound)", &r->fitted_noise, true);
    fflush(stdout);
}

/* ---- A table ---- */

/* "fast.steps" for eval.fast.steps: the key that it scans. */
static const char *short_name(const struct grid_axis *axis) {
    return strncmp(axis->name, "eval.", 5) == 0 ? axis->name + 5 : axis->name;
}

static int axis_width(const struct grid_axis *axis) {
    int width = (int)strlen(short_name(axis));
    for (int i = 0; i < axis->count; i++)
        if ((int)strlen(axis->values[i]) > width) width = (int)strlen(axis->values[i]);
    return width;
}

/* The columns that any row of this table has. */
struct column {
    const char *name;
    const struct ltm_measure *measure;
    bool shown;
};

enum { COLUMNS = 10 };

static void columns_of(struct column columns[COLUMNS], const struct setting_grid *grid,
                       const struct ltm_eval_result *r) {
    const bool rest = r->first_part > 0 || grid_has(grid, "eval.continuation");
    const bool prior = r->prior_samples > 0 || grid_has(grid, "eval.prior");
    const bool iwae = r->iwae_samples > 0 || grid_has(grid, "eval.iwae");
    const bool fitted = isfinite(r->fitted_noise.nats.mean) || grid_has(grid, "fast.noise");
    const bool memory = r->stream.memory;
    const bool streams = r->stream.parts > 0 && !memory;
    const struct column all[COLUMNS] = {{"bound", &r->bound, true},
                                        {memory ? "memory frozen" : "z frozen", &r->frozen, streams || memory},
                                        {"z of another", &r->others, streams},
                                        {"z = 0", &r->zero, streams},
                                        {"z drawn", &r->drawn, streams},
                                        {"IWAE", &r->iwae, iwae},
                                        {"prior", &r->prior, prior},
                                        {"continuation", &r->continuation, rest},
                                        {"rest under prior", &r->continuation_prior, rest && prior},
                                        {"fitted (no bound)", &r->fitted_noise, fitted}};
    memcpy(columns, all, sizeof all);
}

static int column_width(const struct column *column) {
    const int name = (int)strlen(column->name);
    return name > SCORE ? name : SCORE;
}

static bool shows_depth(const struct setting_grid *grid, const struct ltm_eval_result *r) {
    return r->loops > 1 || grid_has(grid, "eval.loops");
}

void eval_print_heading(const struct eval_table *table, const struct ltm_eval_result *first) {
    struct column columns[COLUMNS];
    columns_of(columns, table->grid, first);
    printf("%-*s", table->width, "corpus");
    for (int a = 0; a < table->grid->axes; a++) {
        const struct grid_axis *axis = &table->grid->axis[a];
        print_cell(short_name(axis), axis_width(axis));
    }
    if (shows_depth(table->grid, first)) print_cell("depth", NARROW);
    print_cell("sequences", 9);
    print_cell("recon", NARROW);
    print_cell("KL", NARROW);
    for (int i = 0; i < COLUMNS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", columns[i].name);
        if (columns[i].measure == &first->iwae && !grid_has(table->grid, "eval.iwae"))
            snprintf(name, sizeof name, "IWAE-%d", first->iwae_samples);
        if (columns[i].shown) print_cell(name, column_width(&columns[i]));
    }
    print_cell("bits a byte", SCORE);
    putchar('\n');
}

void eval_print_row(const struct eval_table *table, const char *corpus, int row, const struct ltm_eval_result *r) {
    struct column columns[COLUMNS];
    columns_of(columns, table->grid, r);
    char shown[4 * LTM_PATH_MAX];
    printf("%-*s", table->width, ltm_printable(shown, sizeof shown, corpus));
    for (int a = 0; a < table->grid->axes; a++)
        print_cell(grid_value(table->grid, row, a), axis_width(&table->grid->axis[a]));
    if (shows_depth(table->grid, r)) print_score((struct ltm_score){r->depth.mean, NAN}, 3, NARROW);
    printf("  %9lld", (long long)r->sequences);
    print_score((struct ltm_score){r->recon.nats.mean, NAN}, 4, NARROW);
    print_score((struct ltm_score){r->kl.nats.mean, NAN}, 4, NARROW);
    for (int i = 0; i < COLUMNS; i++)
        if (columns[i].shown) print_score(columns[i].measure->nats, 4, column_width(&columns[i]));
    print_score(r->bound.bits, 4, SCORE);
    putchar('\n');
    fflush(stdout);
}

/* ---- JSON ---- */

static json_t *real_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *score_json(struct ltm_score score) {
    if (!isfinite(score.mean)) return json_null();
    return json_pack("{s:f, s:o}", "mean", score.mean, "error", real_or_null(score.error));
}

void eval_add_measure(json_t *json, const char *name, const struct ltm_measure *m) {
    json_t *value = json_null();
    if (!isnan(m->nats.mean))
        value = json_pack("{s:o, s:o, s:o}", "nats_per_token", score_json(m->nats), "bits_per_byte",
                          score_json(m->bits), "perplexity", score_json(m->perplexity));
    json_object_set_new(json, name, value);
}

/* Bins that have tokens; bin i begins at `unit` · i. */
static json_t *depth_json(const struct ltm_depth_bin *bins, double unit) {
    json_t *all = json_array();
    for (int i = 0; i < LTM_DEPTH_BINS; i++)
        if (bins[i].tokens > 0)
            json_array_append_new(all, json_pack("{s:f, s:f, s:f}", "from", unit * i, "tokens", bins[i].tokens, "depth",
                                                 bins[i].loops / bins[i].tokens));
    return all;
}

json_t *eval_json(const struct setting_grid *grid, const char *corpus, int row, const struct ltm_config *config,
                  const struct ltm_eval_result *r) {
    json_t *json = json_object();
    json_t *settings = json_object();
    char method[32] = "";
    ltm_config_get(config, "fast.method", method, sizeof method, NULL);
    for (int a = 0; a < grid->axes; a++)
        json_object_set_new(settings, grid->axis[a].name, json_string(grid_value(grid, row, a)));
    json_object_set_new(json, "corpus", json_string(corpus));
    json_object_set_new(json, "settings", settings);
    eval_add_measure(json, "recon", &r->recon);
    eval_add_measure(json, "kl", &r->kl);
    eval_add_measure(json, "bound", &r->bound);
    eval_add_measure(json, "iwae", &r->iwae);
    if (isfinite(r->start.nats.mean)) {
        eval_add_measure(json, "start", &r->start);
        eval_add_measure(json, "amortisation_gap", &r->gap);
    }
    eval_add_measure(json, "prior", &r->prior);
    eval_add_measure(json, "continuation", &r->continuation);
    eval_add_measure(json, "continuation_prior", &r->continuation_prior);
    eval_add_measure(json, "fitted_noise_not_a_bound", &r->fitted_noise);
    if (r->stream.parts) {
        if (!r->stream.memory) {
            eval_add_measure(json, "drawn", &r->drawn);
            eval_add_measure(json, "others", &r->others);
            eval_add_measure(json, "zero", &r->zero);
        }
        eval_add_measure(json, "frozen", &r->frozen);
        json_object_set_new(json, "carried",
                            score_json((struct ltm_score){r->stream.carried, r->stream.carried_error}));
        json_t *parts = json_array();
        for (int p = 0; p < r->stream.parts; p++)
            json_array_append_new(parts, json_pack("{s:o, s:o}", "score", real_or_null(r->stream.part[p]), "frozen",
                                                   real_or_null(r->stream.frozen_part[p])));
        json_object_set_new(json, "parts", parts);
    }
    json_object_update_new(json, json_pack("{s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:s, s:i, s:f, s:f}", "sequences",
                                           (json_int_t)r->sequences, "tokens", (json_int_t)r->tokens, "bytes",
                                           (json_int_t)r->bytes, "diverged", (json_int_t)r->diverged, "first_part",
                                           r->first_part, "samples", r->samples, "iwae_samples", r->iwae_samples,
                                           "prior_samples", r->prior_samples, "fast_method", method, "fast_steps",
                                           r->fast_steps, "fast_lr", r->fast_lr, "seconds", r->seconds));
    json_object_update_new(json, json_pack("{s:i, s:f}", "loops", r->loops, "depth", r->depth.mean));
    if (config->eval.exit.kind == LTM_EXIT_FIXED) return json;
    json_object_set_new(json, "depth_by_surprise", depth_json(r->depth.surprise, 1));
    json_object_set_new(json, "depth_by_position", depth_json(r->depth.position, 1.0 / LTM_DEPTH_BINS));
    return json;
}
