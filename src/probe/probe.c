#include "ltm/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/random.h"
#include "config/chunks.h"
#include "ltm/printable.h"
#include "math/matmul.h"
#include "probe/probe_features.h"
#include "probe/probe_fit.h"
#include "probe/probe_sparsity.h"
#include "probe/sparsity_score.h"
#include "tasks/random_draws.h"
#include "tasks/task.h"
#include "train/trained_model.h"

enum { CLASSES_MOST = 256, FACTORS_MOST = 64, ITEMS_LEAST = 10, RESAMPLES = 1000 };

/* A part of a row of features. */
struct place {
    char name[24];
    int at, width;
};

struct probing {
    const struct ltm_probe_options *options;
    struct task *task;
    int train, test, swapped; /* documents, in this order; swapped 0 or `test` */
    struct probe_features features;
    struct probe_sparsity sparsity; /* where it is asked for */
    struct probe_factor factors[FACTORS_MOST];
    json_t *classes[FACTORS_MOST]; /* of a factor of text: its values' numbers */
    struct probe_data data;
    struct place *places; /* [place_count] */
    int place_count;
};

struct ltm_probe_options ltm_probe_defaults(void) {
    return (struct ltm_probe_options){.validation = 0.2, .seed = 1, .precision = LTM_PRECISION_AUTO};
}

/* The i-th document's item: those of training, then those of the test. */
static const struct task_item *item_at(const struct probing *p, int i) {
    return i < p->train ? &p->task->shots.all[i] : &p->task->items.all[i - p->train];
}

static int at_most(int64_t limit, int64_t count) { return (int)(limit > 0 && limit < count ? limit : count); }

static ltm_status open_task(struct probing *p, const char *path, struct ltm_error *error) {
    const struct ltm_probe_options *o = p->options;
    PASS_UP(task_load(&p->task, path, error));
    if (!p->task->shots.count)
        return fail(error, LTM_INVALID, "the task %s has no shots to fit a probe on: give its INI shots = FILE",
                    p->task->name);
    p->train = at_most(o->train_items, p->task->shots.count);
    p->test = at_most(o->items, p->task->items.count);
    if (!(o->validation > 0 && o->validation < 1))
        return fail(error, LTM_INVALID, "validation = %g is outside 0 … 1", o->validation);
    p->data.validation = (int)(o->validation * p->train + 0.5);
    if (p->test < 2 || p->data.validation < 2 || p->train - p->data.validation < ITEMS_LEAST)
        return fail(error, LTM_INVALID,
                    "%d items to fit a probe on (%d of them to choose lambda) and %d to test it are too few", p->train,
                    p->data.validation, p->test);
    const json_t *first = item_at(p, p->train)->json;
    p->swapped = json_is_string(json_object_get(first, "swapped")) ? p->test : 0;
    return LTM_OK;
}

/* An item's own "document", or its context with the right answer behind it. */
static ltm_status add_document(struct probing *p, const struct ltm_model *model, int i, const char *key,
                               const struct task_item *item, struct ltm_error *error) {
    const char *own = json_string_value(json_object_get(item->json, key));
    if (own) return probe_features_set(&p->features, i, model, own, error);
    const size_t bytes = strlen(item->context) + strlen(p->task->delimiter) + strlen(item->answer) + 1;
    char *joined = NULL;
    PASS_UP(NEW_ARRAY(joined, bytes, "a document", error));
    snprintf(joined, bytes, "%s%s%s", item->context, p->task->delimiter, item->answer);
    ltm_status status = probe_features_set(&p->features, i, model, joined, error);
    free(joined);
    return status;
}

static ltm_status add_documents(struct probing *p, const struct ltm_model *model, struct ltm_error *error) {
    const int all = p->train + p->test;
    if (!ltm_model_tokenizer(model))
        return fail(error, LTM_UNSUPPORTED,
                    "the checkpoint has no tokenizer, so it cannot read text; train on a corpus that has one");
    PASS_UP(probe_features_create(&p->features, model, all + p->swapped, error));
    if (p->options->sparsity) {
        PASS_UP(probe_sparsity_create(&p->sparsity, &model->decoder->plan, p->features.documents, error));
        p->features.sparsity = &p->sparsity;
    }
    for (int i = 0; i < all; i++) PASS_UP(add_document(p, model, i, "document", item_at(p, i), error));
    for (int i = 0; i < p->swapped; i++)
        PASS_UP(add_document(p, model, all + i, "swapped", item_at(p, p->train + i), error));
    return LTM_OK;
}

/* The number of a factor's value, or of a new one. */
static ltm_status class_of(int *class, struct probing *p, int f, const char *value, struct ltm_error *error) {
    json_t *known = json_object_get(p->classes[f], value);
    if (!known && p->factors[f].classes == CLASSES_MOST)
        return fail(error, LTM_INVALID, "the factor %s has more than %d classes; it may be a number",
                    p->factors[f].name, CLASSES_MOST);
    if (!known) {
        known = json_integer(p->factors[f].classes++);
        if (json_object_set_new(p->classes[f], value, known) != 0) return fail_memory(error, 0, "classes");
    }
    *class = (int)json_integer_value(known);
    return LTM_OK;
}

/* The first item names the factors and says which are numbers. */
static ltm_status name_factors(struct probing *p, struct ltm_error *error) {
    const char *name;
    json_t *value;
    json_t *factors = json_object_get(item_at(p, 0)->json, "factors");
    if (json_object_size(factors) == 0)
        return fail(error, LTM_INVALID,
                    "the items of %s name no factors to probe for; items made by ltm corpus synth do", p->task->name);
    json_object_foreach(factors, name, value) {
        if (p->data.factor_count == FACTORS_MOST)
            return fail(error, LTM_INVALID, "the items of %s name more than %d factors", p->task->name, FACTORS_MOST);
        char shown[sizeof p->factors->name];
        if (strcmp(ltm_printable(shown, sizeof shown, name), name) != 0)
            return fail(error, LTM_INVALID,
                        "the factor \"%.100s\" of %s has a name that is too long, or contains control characters", name,
                        p->task->name);
        const int f = p->data.factor_count++;
        snprintf(p->factors[f].name, sizeof p->factors[f].name, "%s", name);
        if (json_is_string(value) && !(p->classes[f] = json_object())) return fail_memory(error, 0, "classes");
    }
    return LTM_OK;
}

static json_t *value_at(const struct probing *p, int i, int f) {
    return json_object_get(json_object_get(item_at(p, i)->json, "factors"), p->factors[f].name);
}

/* Find all classes, then lay out the columns. */
static ltm_status lay_out(struct probing *p, struct ltm_error *error) {
    for (int f = 0; f < p->data.factor_count; f++) {
        for (int i = 0; i < p->train + p->test; i++) {
            const json_t *value = value_at(p, i, f);
            int class;
            if (p->classes[f] ? !json_is_string(value) : !json_is_number(value))
                return fail(error, LTM_INVALID,
                            "%s: the factor %s of item %d of %s is not a %s, unlike that of the first item",
                            p->task->name, p->factors[f].name, (i < p->train ? i : i - p->train) + 1,
                            i < p->train ? "the shots" : "the items", p->classes[f] ? "text" : "number");
            if (!p->classes[f]) continue;
            PASS_UP(class_of(&class, p, f, json_string_value(value), error));
        }
        if (p->factors[f].classes == 1)
            return fail(error, LTM_INVALID, "the factor %s of %s is the same in all items: there is nothing to predict",
                        p->factors[f].name, p->task->name);
        p->factors[f].column = p->data.columns;
        p->data.columns += p->classes[f] ? p->factors[f].classes : 1;
    }
    return LTM_OK;
}

/* Of the training rows, whose documents keep their places: what is fitted then on nothing scores. */
static void shuffle_targets(struct probe_data *d) {
    struct draw draw = {.key = {.seed = d->seed, .purpose = RANDOM_PROBE, .sequence = 2}};
    for (int i = d->train - 1; i > 0; i--) {
        double *a = d->targets + (size_t)i * (size_t)d->columns;
        double *b = d->targets + (size_t)draw_below(&draw, (uint32_t)i + 1) * (size_t)d->columns;
        for (int k = 0; k < d->columns; k++) {
            const double value = a[k];
            a[k] = b[k];
            b[k] = value;
        }
    }
}

static ltm_status set_targets(struct probing *p, struct ltm_error *error) {
    struct probe_data *d = &p->data;
    PASS_UP(name_factors(p, error));
    PASS_UP(lay_out(p, error));
    const int rows = p->train + p->test;
    PASS_UP(NEW_ARRAY(d->targets, (size_t)rows * (size_t)d->columns, "factors", error));
    for (int i = 0; i < rows; i++)
        for (int f = 0; f < d->factor_count; f++) {
            const json_t *value = value_at(p, i, f);
            double *row = d->targets + (size_t)i * (size_t)d->columns + p->factors[f].column;
            if (p->classes[f])
                row[json_integer_value(json_object_get(p->classes[f], json_string_value(value)))] = 1;
            else
                row[0] = json_number_value(value);
        }
    d->train = p->train;
    d->test = p->test;
    d->factors = p->factors;
    d->seed = p->options->seed;
    if (p->options->shuffled) shuffle_targets(d);
    return LTM_OK;
}

static ltm_status name_places(struct probing *p, const struct ltm_model *model, struct ltm_error *error) {
    const struct ltm_model_config *c = &ltm_model_config(model)->model;
    const struct probe_features *f = &p->features;
    const int reading = c->latents ? c->layers - c->latent_from : 1;
    const int part = f->latents / reading;
    const int layers = reading > 1 ? reading : 0;
    PASS_UP(NEW_ARRAY(p->places, (size_t)layers + 3, "places", error));
    struct place *at = p->places;
    const bool streams = model_streams(c);
    if (f->latents) *at++ = (struct place){.name = "mu", .width = f->latents};
    if (streams) strcpy(p->places->name, "u");
    for (int l = 0; l < layers && f->latents; l++, at++) {
        *at = (struct place){"", l * part, part};
        snprintf(at->name, sizeof at->name, "%s %d", streams ? "u" : "mu", c->latent_from + l + 1);
    }
    *at++ = (struct place){"states", f->latents, f->dim};
    if (f->latents) *at++ = (struct place){"states z=0", f->latents + f->dim, f->dim};
    if (streams) strcpy(at[-1].name, "states frozen");
    p->place_count = (int)(at - p->places);
    return LTM_OK;
}

static ltm_status fit_all(const struct probing *p, const struct ltm_watch *watch, struct ltm_probe_result *result,
                          struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int factors = p->data.factor_count;
    struct probe_score *scores = NULL;
    TRY(NEW_ARRAY(scores, (size_t)factors, "scores", error));
    TRY(NEW_ARRAY(result->rows, (size_t)factors * (size_t)p->place_count, "scores", error));
    for (int k = 0; k < p->place_count; k++) {
        const struct place *place = &p->places[k];
        TRY(probe_fit(scores, &p->data, p->features.rows + place->at, place->width, (size_t)p->features.width, error));
        for (int f = 0; f < factors; f++) {
            struct ltm_probe_row *row = &result->rows[f * p->place_count + k];
            *row = (struct ltm_probe_row){.classes = p->factors[f].classes,
                                          .features = place->width,
                                          .lambda = scores[f].lambda,
                                          .score = scores[f].score,
                                          .error = scores[f].error,
                                          .chance = scores[f].chance};
            memcpy(row->factor, p->factors[f].name, sizeof row->factor);
            memcpy(row->place, place->name, sizeof row->place);
        }
        watch_progress(watch, "probing", k + 1, p->place_count);
    }
    result->row_count = factors * p->place_count;
cleanup:
    free(scores);
    return status;
}

static double squared_distance(const float *a, const float *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

/* near[i] = ‖f(x_i) - f(x_i')‖², far[i] = ‖f(x_i) - f(x_i+1)‖²; the ratio of their sums, its error by bootstrap. */
static void swap_ratio(struct ltm_probe_swap *swap, const double *near, const double *far, int n, uint64_t seed) {
    double sums[2] = {0};
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < n; i++) sums[0] += near[i], sums[1] += far[i];
    swap->sensitivity = sums[1] > 0 ? sums[0] / sums[1] : 0;
    for (int r = 0; r < RESAMPLES; r++) {
        const struct random_key key = {.seed = seed, .purpose = RANDOM_PROBE, .step = (uint32_t)r, .sequence = 1};
        double drawn[2] = {0};
        for (int i = 0; i < n; i++) {
            const int k = (int)((uint64_t)random_bits(key, (uint32_t)i) * (uint64_t)n >> 32);
            drawn[0] += near[k], drawn[1] += far[k];
        }
        const double ratio = drawn[1] > 0 ? drawn[0] / drawn[1] : 0;
        sum += ratio;
        squares += ratio * ratio;
    }
    const double variance = squares / RESAMPLES - sum / RESAMPLES * (sum / RESAMPLES);
    swap->error = sqrt(variance > 0 ? variance : 0);
}

static ltm_status measure_swaps(const struct probing *p, struct ltm_probe_result *result, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct probe_features *f = &p->features;
    const size_t n = (size_t)p->test;
    const size_t width = (size_t)f->width;
    double *near = NULL;
    double *far = NULL;
    if (!p->swapped) return LTM_OK;
    TRY(NEW_ARRAY(near, n, "distances", error));
    TRY(NEW_ARRAY(far, n, "distances", error));
    TRY(NEW_ARRAY(result->swaps, (size_t)p->place_count, "distances", error));
    for (int k = 0; k < p->place_count; k++) {
        const struct place *place = &p->places[k];
        const float *own = f->rows + (size_t)p->train * width + place->at;
        const float *swapped = own + n * width;
        for (size_t i = 0; i < n; i++) {
            near[i] = squared_distance(own + i * width, swapped + i * width, place->width);
            far[i] = squared_distance(own + i * width, own + (i + 1) % n * width, place->width);
        }
        memcpy(result->swaps[k].place, place->name, sizeof place->name);
        swap_ratio(&result->swaps[k], near, far, p->test, p->options->seed);
    }
    result->swap_count = p->place_count;
cleanup:
    free(near);
    free(far);
    return status;
}

static ltm_status look(struct probing *p, const struct ltm_model *model, const struct ltm_watch *watch,
                       struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct ltm_config config = *ltm_model_config(model);
    struct decoder *decoder = NULL;
    const int threads = p->options->threads > 0 ? p->options->threads : processors_granted("");
    if (p->options->fast) config.fast = *p->options->fast;
    ltm_config_resolve(&config);
    TRY(trained_model_decoder(&decoder, model, p->options->precision, 0, threads, error));
    TRY(probe_features_compute(&p->features, decoder, &config.fast, p->options->seed, threads, watch, error));
cleanup:
    decoder_free(decoder);
    return status;
}

ltm_status ltm_probe(const struct ltm_model *model, const char *task, const struct ltm_probe_options *options,
                     const struct ltm_watch *watch, struct ltm_probe_result *result, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct probing p = {.options = options};
    *result = (struct ltm_probe_result){0};
    TRY(matmul_start(error));
    if (options->sparsity) TRY(decoder_expect_fitted(model->decoder, "ltm probe --sparsity", error));
    TRY(open_task(&p, task, error));
    TRY(set_targets(&p, error));
    TRY(add_documents(&p, model, error));
    TRY(name_places(&p, model, error));
    TRY(look(&p, model, watch, error));
    TRY(fit_all(&p, watch, result, error));
    TRY(measure_swaps(&p, result, error));
    if (options->sparsity) TRY(probe_sparsity_score(result, &p.features, p.task, p.train, p.test, error));
    memcpy(result->task, p.task->name, sizeof result->task);
    result->train = p.train;
    result->items = p.test;
    result->cut = p.features.cut;
cleanup:
    task_free(p.task);
    probe_features_free(&p.features);
    probe_sparsity_free(&p.sparsity);
    for (int f = 0; f < FACTORS_MOST; f++) json_decref(p.classes[f]);
    free(p.data.targets);
    free(p.places);
    if (status != LTM_OK) ltm_probe_result_free(result);
    return status;
}

void ltm_probe_result_free(struct ltm_probe_result *result) {
    free(result->rows);
    free(result->swaps);
    free(result->sparsity);
    *result = (struct ltm_probe_result){0};
}
