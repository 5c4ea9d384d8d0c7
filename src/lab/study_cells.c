/* Opening a study: its file, its cells (all combinations of its axes, budgets and seeds, each run once), and their
 * state. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "config/chunks.h"
#include "config/config_keys.h"
#include "lab/study_file.h"
#include "lab/study_folder.h"
#include "lab/study_variants.h"
#include "ltm/corpus.h"
#include "ltm/model.h"
#include "ltm/train.h"
#include "text/corpus_info.h"

/* ---- One cell ---- */

static bool of_stream(const char *key) {
    return strncmp(key, "latent.stream_", 14) == 0 || strcmp(key, "latent.chunk") == 0;
}

bool study_of_latents(const char *key) {
    return of_stream(key) || strncmp(key, "fast.", 5) == 0 || strcmp(key, "latent.start") == 0 ||
           strncmp(key, "latent.encoder", 14) == 0;
}

/* Where nothing is fitted the fast loop's keys do not matter, and the cell has the base's; likewise where nothing streams. */
bool study_idle(const struct study_cell *cell, const char *key) {
    const struct ltm_model_config *m = &cell->config.model;
    return study_of_latents(key) && (m->latents == 0 || model_streams(m) != of_stream(key));
}

/* The values of the axes. */
static ltm_status set_axes(const struct ltm_study *s, struct study_cell *cell, struct ltm_error *error) {
    for (int pass = 0; pass < 2; pass++) { /* the fast loop's last, when latent.count and latent.kind are known */
        for (int a = 0; a < s->axis_count; a++) {
            const struct study_axis *axis = &s->axes[a];
            char value[LTM_PATH_MAX];
            char *rest = value;
            if (study_is_variant(axis)) {
                if (pass == 0) PASS_UP(study_set_variant(&cell->config, s, cell->value[a], error));
                continue;
            }
            snprintf(value, sizeof value, "%s", axis->values.values[cell->value[a]]);
            for (int k = 0; k < axis->linked; k++) {
                const char *part = axis->linked == 1 ? value : strsep(&rest, "/");
                if (study_of_latents(axis->keys[k]) != (pass == 1)) continue;
                if (study_idle(cell, axis->keys[k])) {
                    cell->blank[a] = cell->blank[a] || k == 0;
                    continue;
                }
                PASS_UP(ltm_config_set(&cell->config, axis->keys[k], part, error));
            }
        }
        struct ltm_model_config *m = &cell->config.model;
        if (pass == 0) cell->window = m->window;
        if (cell->twin) m->latents = 0;
        if (cell->twin) m->memory = LTM_MEMORY_NONE;
        if (cell->twin > STUDY_WINDOW) m->window = m->sequence;
    }
    return LTM_OK;
}

/* Tokens of the slow steps closest to the requested compute. */
static double tokens_for(const struct study_cell *cell) {
    const double a_step = (double)cell->config.slow.batch * cell->config.model.sequence;
    const double steps = cell->budget_flops > 0 ? round(cell->budget_flops / (cell->flops_per_token * a_step))
                                                : ceil((double)cell->budget_tokens / a_step);
    return fmax(steps, 1) * a_step;
}

/* Vocabulary and size of the cell's data, into s->data. */
static ltm_status find_data(struct ltm_study *s, const struct ltm_config *c, struct ltm_error *error) {
    struct study_data *data = &s->data;
    struct ltm_corpus_info info;
    struct ltm_config probe = *c;
    bool there;
    if (data->known && strcmp(data->corpus, c->data.corpus) == 0 && strcmp(data->tokenizer, c->data.tokenizer) == 0)
        return LTM_OK;
    *data = (struct study_data){0};
    snprintf(data->corpus, sizeof data->corpus, "%s", c->data.corpus);
    snprintf(data->tokenizer, sizeof data->tokenizer, "%s", c->data.tokenizer);
    probe.model.vocab = LTM_AUTO;
    PASS_UP(ltm_vocabulary_find(&probe, error));
    data->vocab = probe.model.vocab;
    ltm_status status = corpus_info_find(&info, &there, c->data.corpus, error);
    if (status == LTM_OK && there) data->heldout_tokens = info.heldout.tokens;
    data->known = status == LTM_OK;
    return status;
}

/* Held-out tokens that ltm eval scores, 0 if unknown. */
static double scored_tokens(const struct ltm_study *s, const struct ltm_config *c) {
    const double T = c->model.sequence;
    const double tokens = (double)s->data.heldout_tokens;
    const double available = floor(fmax(tokens - 1, 0) / T);
    return T * (c->eval.sequences > 0 && c->eval.sequences < available ? c->eval.sequences : available);
}

/* Forward passes of a scored token: fit, samples, and for the continuation another fit on a part. With streaming
 * latents: two for the score and for each draw, one for each of three controls. */
static ltm_status find_scoring_flops(const struct ltm_study *s, struct study_cell *cell, struct ltm_error *error) {
    struct ltm_config c = cell->config;
    const double T = c.model.sequence;
    const double F = cell->forward_flops;
    const bool streams = model_streams(&c.model);
    const double fit = streams ? 6 : c.model.latents ? 2.0 * c.fast.steps : 0;
    const double steps = (double)ltm_training_steps(&c);
    const double during = c.run.eval_every > 0 ? floor(steps / c.run.eval_every) + 1 : 1;
    for (size_t i = 0; i < s->score_settings.count; i++)
        PASS_UP(ltm_config_override(&c, s->score_settings.values[i], error));
    const double fitted = c.model.latents ? c.eval.samples + c.eval.iwae + c.eval.prior : 1;
    const double samples = streams ? 2 * c.eval.samples - 1 : fitted;
    const double end = fit + samples + (c.eval.continuation > 0 && !streams ? c.eval.continuation * fit + 1 : 0);
    cell->scoring_flops =
        F * (during * c.run.eval_sequences * T * (fit + 1) + (1 + s->corpus_count) * scored_tokens(s, &c) * end);
    return LTM_OK;
}

/* A short name for a key: its last part, unless that is too vague. */
static const char *short_key(const struct ltm_study *s, const char *key) {
    const char *last = strrchr(key, '.') + 1;
    if (strcmp(key, "latent.count") == 0) return "latents";
    for (int a = 0; a < s->axis_count; a++)
        for (int k = 0; k < s->axes[a].linked; k++) {
            const char *other = s->axes[a].keys[k];
            if (strcmp(other, key) != 0 && strcmp(strrchr(other, '.') + 1, last) == 0) return key;
        }
    return last;
}

/* 1000000 → 1M */
static void short_count(char text[NUMBER_TEXT], int64_t count) {
    static const char *const units[] = {"", "k", "M", "G"};
    int unit = 0;
    while (unit < 3 && count >= 1000 && count % 1000 == 0) {
        count /= 1000;
        unit++;
    }
    snprintf(text, NUMBER_TEXT, "%lld%s", (long long)count, units[unit]);
}

/* 2e13, not 20000000000000 nor 2e+13 */
static void short_flops(char text[NUMBER_TEXT], double flops) {
    snprintf(text, NUMBER_TEXT, "%.6e", flops);
    char *e = strchr(text, 'e');
    char *digit = e;
    const int power = (int)strtol(e + 1, NULL, 10);
    while (digit[-1] == '0') digit--;
    if (digit[-1] == '.') digit--;
    snprintf(digit, (size_t)(text + NUMBER_TEXT - digit), "e%d", power);
}

/* Whether only one value has this first part: its linked values can then be omitted. */
static bool first_tells(const struct study_axis *axis, const char *first) {
    const size_t length = strlen(first);
    int count = 0;
    for (size_t i = 0; i < axis->values.count; i++) {
        const char *value = axis->values.values[i];
        count += strncmp(value, first, length) == 0 && (axis->linked == 1 ? !value[length] : value[length] == '/');
    }
    return count == 1;
}

/* "dim64-latents8-steps4-tokens1M-seed1": from the cell's own values, so that it stays when values are added to
 * axes. */
static ltm_status name_cell(const struct ltm_study *s, struct study_cell *cell, struct ltm_error *error) {
    char number[NUMBER_TEXT];
    char name[1024];
    size_t used = 0;
    for (int a = 0; a < s->axis_count && used < CELL_NAME; a++) {
        char value[LTM_PATH_MAX];
        if (cell->blank[a]) continue;
        if (study_is_variant(&s->axes[a]))
            snprintf(value, sizeof value, "-%s", s->axes[a].values.values[cell->value[a]]);
        else
            PASS_UP(ltm_config_get(&cell->config, s->axes[a].keys[0], value, sizeof value, error));
        if (s->axes[a].linked > 1 && !first_tells(&s->axes[a], value))
            snprintf(value, sizeof value, "%s", s->axes[a].values.values[cell->value[a]]);
        used += (size_t)snprintf(name + used, sizeof name - used, "%s%.200s-", short_key(s, s->axes[a].keys[0]), value);
    }
    if (cell->budget_flops > 0)
        short_flops(number, cell->budget_flops);
    else
        short_count(number, cell->budget_tokens);
    if (used < CELL_NAME)
        used += (size_t)snprintf(name + used, sizeof name - used, "%s%s-seed%llu",
                                 cell->budget_flops > 0 ? "flops" : "tokens", number,
                                 (unsigned long long)cell->config.run.seed);
    if (used >= CELL_NAME)
        return fail(error, LTM_INVALID,
                    "the name of the cell %.80s… is longer than %d bytes; use shorter values or fewer axes", name,
                    CELL_NAME - 1);
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-", *c)) *c = '_';
    snprintf(cell->name, sizeof cell->name, "%.*s", CELL_NAME - 1, name);
    return LTM_OK;
}

/* "the cell NAME: why" */
static ltm_status fail_cell(const struct study_cell *cell, struct ltm_error *error) {
    char why[700];
    if (!error) return LTM_INVALID;
    snprintf(why, sizeof why, "%.699s", error->message);
    return fail(error, error->code, "the cell %s is not possible: %s", cell->name, why);
}

/* The budget of the twin whose compute is that of the decoder with the window on the tokens asked for. */
static ltm_status budget_compute(const struct ltm_study *s, struct study_cell *cell, struct ltm_error *error) {
    struct study_cell windowed = *cell;
    struct ltm_config *c = &windowed.config;
    c->model.window = cell->window;
    windowed.flops_per_token = ltm_training_flops(c);
    c->run.tokens = (int64_t)tokens_for(&windowed);
    c->run.tokens = ltm_training_tokens(c);
    cell->budget_flops = ltm_training_flops(c) * (double)c->run.tokens;
    cell->budget_tokens = 0;
    return name_cell(s, cell, error);
}

static ltm_status finish_cell(struct ltm_study *s, struct study_cell *cell, struct ltm_error *error) {
    PASS_UP(set_axes(s, cell, error));
    PASS_UP(name_cell(s, cell, error));
    struct ltm_config *c = &cell->config;
    c->run.threads = s->threads;
    if (ltm_config_check(c, error) != LTM_OK) return fail_cell(cell, error);
    ltm_config_resolve(c);
    if (c->data.corpora[0])
        return fail(error, LTM_INVALID, "%.300s sets data.corpora; a study uses one data.corpus", s->base_path);
    PASS_UP(find_data(s, c, error));
    if (c->model.vocab == LTM_AUTO) c->model.vocab = s->data.vocab;
    if (c->model.vocab == LTM_AUTO) {
        if (!c->data.corpus[0])
            return fail(error, LTM_INVALID,
                        "data.corpus is not set in %.300s; name a folder that ltm corpus build made", s->base_path);
        return fail(error, LTM_INVALID,
                    "the corpus %.300s does not exist or does not give its vocabulary; build it, or set data.tokenizer "
                    "or model.vocab",
                    c->data.corpus);
    }
    cell->forward_flops = ltm_forward_flops(&c->model);
    cell->flops_per_token = ltm_training_flops(c);
    if (cell->twin == STUDY_ATTENTION_COMPUTE) PASS_UP(budget_compute(s, cell, error));
    const double tokens = tokens_for(cell);
    if (tokens > RUN_TOKENS_MOST) {
        fail(error, LTM_INVALID, "its budget is %.2g training tokens, but the maximum is %.0e", tokens,
             RUN_TOKENS_MOST);
        return fail_cell(cell, error);
    }
    c->run.tokens = (int64_t)tokens;
    c->run.tokens = cell->tokens = ltm_training_tokens(c);
    cell->flops_per_token = ltm_training_flops(c); /* of this length, where the window grows */
    ltm_status status = find_scoring_flops(s, cell, error);
    char folder[LTM_PATH_MAX];
    if (status == LTM_OK) status = path_join(folder, sizeof folder, s->dir, "cells", error);
    if (status == LTM_OK) status = path_join(c->run.dir, sizeof c->run.dir, folder, cell->name, error);
    return status;
}

/* ---- All of them ---- */

/* A checksum of everything that defines the run, or of everything except its window and tokens. */
static ltm_status run_key(char key[17], const struct study_cell *cell, bool whole, struct ltm_error *error) {
    size_t count;
    size_t used = 0;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    char text[16384];
    char value[LTM_PATH_MAX];
    for (size_t i = 0; i < count && used < sizeof text; i++) {
        if (strcmp(keys[i].name, "run.dir") == 0) continue;
        if (!whole && (strcmp(keys[i].name, "model.window") == 0 || strcmp(keys[i].name, "run.tokens") == 0)) continue;
        if (study_idle(cell, keys[i].name)) continue;
        PASS_UP(ltm_config_get(&cell->config, keys[i].name, value, sizeof value, error));
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", value);
    }
    checksum_hex(key, text, used < sizeof text ? used : sizeof text);
    return LTM_OK;
}

static bool is_corner(const struct ltm_study *s, const struct study_cell *cell) {
    for (int a = 0; a < s->axis_count; a++)
        if (cell->value[a] != 0 && cell->value[a] != (int)s->axes[a].values.count - 1) return false;
    return true;
}

/* Add the cell unless one before it is the same run. */
static ltm_status add_cell(struct ltm_study *s, char (*keys)[17], const struct study_cell *pattern, uint64_t seed,
                           size_t most, struct ltm_error *error) {
    struct study_cell *cell = &s->cells[s->cell_count];
    if (s->cell_count == most) return fail(error, LTM_INVALID, "a study has at most %zu cells", most);
    *cell = *pattern;
    cell->config.run.seed = seed;
    PASS_UP(finish_cell(s, cell, error));
    PASS_UP(run_key(keys[s->cell_count], cell, true, error));
    if (cell->config.model.latents == 0) PASS_UP(run_key(cell->decoder, cell, false, error));
    for (size_t i = 0; i < s->cell_count; i++) {
        if (strcmp(keys[i], keys[s->cell_count]) == 0) return LTM_OK;
        if (strcmp(s->cells[i].name, cell->name) == 0)
            return fail(error, LTM_INVALID, "two different cells would have the name %s; make their values differ more",
                        cell->name);
    }
    s->cell_count++;
    return LTM_OK;
}

static ltm_status add_seeds(struct ltm_study *s, char (*keys)[17], const struct study_cell *pattern, size_t most,
                            struct ltm_error *error) {
    const bool corner = is_corner(s, pattern);
    ltm_status status = LTM_OK;
    for (size_t i = 0; i < s->seeds.count && status == LTM_OK; i++)
        status = add_cell(s, keys, pattern, strtoull(s->seeds.values[i], NULL, 10), most, error);
    for (size_t i = 0; corner && i < s->corner_seeds.count && status == LTM_OK; i++)
        if (!value_list_has(&s->seeds, s->corner_seeds.values[i]))
            status = add_cell(s, keys, pattern, strtoull(s->corner_seeds.values[i], NULL, 10), most, error);
    return status;
}

/* The pattern's axis values as number `index` of all combinations says, the last axis fastest. */
static void place(const struct ltm_study *s, struct study_cell *pattern, size_t index) {
    for (int a = s->axis_count - 1; a >= 0; a--) {
        pattern->value[a] = (int)(index % s->axes[a].values.count);
        index /= s->axes[a].values.count;
    }
}

static ltm_status default_budget(struct ltm_study *s, struct ltm_error *error) {
    char tokens[NUMBER_TEXT];
    if (s->tokens.count + s->flops.count > 0) return LTM_OK;
    snprintf(tokens, sizeof tokens, "%lld", (long long)s->base.run.tokens);
    return value_list_add(&s->tokens, tokens, error);
}

struct ranked {
    double work;
    struct study_cell *cell;
};

static int larger_first(const void *a, const void *b) {
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->work != y->work) return x->work < y->work ? 1 : -1;
    return x->cell < y->cell ? -1 : x->cell > y->cell; /* cells of one array */
}

static ltm_status rank_cells(struct ltm_study *s, struct ltm_error *error) {
    struct ranked *order = NULL;
    PASS_UP(NEW_ARRAY(order, s->cell_count, "cells", error));
    for (size_t i = 0; i < s->cell_count; i++) order[i] = (struct ranked){study_cell_work(&s->cells[i]), &s->cells[i]};
    qsort(order, s->cell_count, sizeof *order, larger_first);
    for (size_t i = 0; i < s->cell_count; i++) order[i].cell->rank = i;
    free(order);
    return LTM_OK;
}

static ltm_status make_cells(struct ltm_study *s, struct ltm_error *error) {
    ltm_status status = default_budget(s, error);
    size_t grid = 1;
    char(*keys)[17] = NULL;
    if (status != LTM_OK) return status;
    const size_t budgets = s->tokens.count + s->flops.count;
    for (int a = 0; a < s->axis_count && grid <= STUDY_CELLS; a++) grid *= s->axes[a].values.count;
    const int twins = s->twin_attention ? STUDY_ATTENTION_COMPUTE : STUDY_NO_TWIN;
    const size_t most = (size_t)(1 + twins) * grid * budgets * (s->seeds.count + s->corner_seeds.count);
    if (grid > STUDY_CELLS || most > STUDY_CELLS)
        return fail(error, LTM_INVALID, "the axes of %.300s make more than %d cells; shorten their lists", s->path,
                    STUDY_CELLS);
    TRY(NEW_ARRAY(s->cells, most, "cells", error));
    TRY(NEW_ARRAY(keys, most, "cells", error));
    for (size_t b = 0; b < budgets; b++) {
        struct study_cell pattern = {.config = s->base};
        if (b < s->tokens.count)
            pattern.budget_tokens = strtoll(s->tokens.values[b], NULL, 10);
        else if (!number_parse_real(s->flops.values[b - s->tokens.count], &pattern.budget_flops))
            continue; /* it was read before */
        for (size_t i = 0; i < grid * (size_t)(1 + twins); i++) {
            pattern.twin = (enum study_twin)(i % (size_t)(1 + twins));
            if (pattern.twin == STUDY_ATTENTION_COMPUTE && pattern.budget_flops > 0) continue;
            place(s, &pattern, i / (size_t)(1 + twins));
            TRY(add_seeds(s, keys, &pattern, most, error));
        }
    }
    TRY(rank_cells(s, error));
cleanup:
    free(keys);
    return status;
}

/* ---- Opening ---- */

static ltm_status load(struct ltm_study *s, const char *path, const char *const *settings, size_t count,
                       struct ltm_error *error) {
    ltm_status status = study_read(s, path, settings, count, error);
    if (status == LTM_OK) status = make_cells(s, error);
    for (size_t i = 0; i < s->cell_count && status == LTM_OK; i++) status = study_cell_refresh(&s->cells[i], s, error);
    return status;
}

ltm_status ltm_study_open(struct ltm_study **study, const char *path, const char *const *settings, size_t count,
                          struct ltm_error *error) {
    struct ltm_study *made = NULL;
    *study = NULL;
    ltm_status status = NEW_ARRAY(made, 1, "a study", error);
    if (status == LTM_OK) status = load(made, path, settings, count, error);
    if (status == LTM_OK)
        *study = made;
    else
        ltm_study_close(made);
    return status;
}

void ltm_study_close(struct ltm_study *study) {
    if (!study) return;
    study_clear(study);
    free(study);
}
