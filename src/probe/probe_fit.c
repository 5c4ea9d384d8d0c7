#include "probe/probe_fit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "math/ridge.h"

enum { RESAMPLES = 1000 };

static const double lambdas[] = {1e4, 1e3, 100, 10, 1, 0.1, 0.01, 1e-3, 1e-4};
enum { LAMBDAS = sizeof lambdas / sizeof *lambdas };

static int largest(const double *values, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (values[i] > values[best]) best = i;
    return best;
}

/* Σ over documents, each counted `weights` times (NULL: once): hits, or squared errors of forecast and of the mean. */
struct sums {
    double hits, off, spread, count;
};

static struct sums add_up(const struct probe_data *d, const struct probe_factor *f, const double *forecast,
                          const double *truth, const double *level, const uint16_t *weights, int rows) {
    struct sums sums = {0};
    for (int i = 0; i < rows; i++) {
        const double w = weights ? weights[i] : 1;
        const double *y = truth + (size_t)i * (size_t)d->columns + f->column;
        const double *out = forecast + (size_t)i * (size_t)d->columns + f->column;
        sums.count += w;
        if (f->classes)
            sums.hits += w * (y[largest(out, f->classes)] > 0.5);
        else {
            sums.off += w * (y[0] - out[0]) * (y[0] - out[0]);
            sums.spread += w * (y[0] - level[f->column]) * (y[0] - level[f->column]);
        }
    }
    return sums;
}

static double score_of(const struct probe_factor *f, const struct sums *s) {
    if (f->classes) return s->hits / s->count;
    return s->spread > 0 ? 1 - s->off / s->spread : 0;
}

/* Standard deviation of R² over documents drawn with replacement. */
static double bootstrap(const struct probe_data *d, const struct probe_factor *f, const double *forecast,
                        const double *truth, const double *level, uint16_t *weights) {
    double sum = 0;
    double squares = 0;
    for (int r = 0; r < RESAMPLES; r++) {
        const struct random_key key = {.seed = d->seed, .purpose = RANDOM_PROBE, .step = (uint32_t)r};
        memset(weights, 0, (size_t)d->test * sizeof *weights);
        for (int i = 0; i < d->test; i++) weights[(uint64_t)random_bits(key, (uint32_t)i) * (uint64_t)d->test >> 32]++;
        const struct sums sums = add_up(d, f, forecast, truth, level, weights, d->test);
        const double score = score_of(f, &sums);
        sum += score;
        squares += score * score;
    }
    const double mean = sum / RESAMPLES;
    const double variance = squares / RESAMPLES - mean * mean;
    return sqrt(variance > 0 ? variance : 0);
}

/* How often the commonest class of training is right. */
static double chance_of(const struct probe_data *d, const struct probe_factor *f) {
    const size_t columns = (size_t)d->columns;
    double hits = 0;
    double commonest = -1;
    int class = 0;
    if (!f->classes) return 0;
    for (int c = 0; c < f->classes; c++) {
        double count = 0;
        for (int i = 0; i < d->train; i++) count += d->targets[(size_t)i * columns + (size_t)(f->column + c)];
        if (count > commonest) commonest = count, class = c;
    }
    for (int i = d->train; i < d->train + d->test; i++)
        hits += d->targets[(size_t)i * columns + (size_t)(f->column + class)];
    return hits / d->test;
}

/* The λ of each factor that does best on the validation part; of equals the larger one. */
static ltm_status choose(int *choice, const struct probe_data *d, const float *x, int width, size_t stride, double *w,
                         double *forecast, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int rows = d->train - d->validation;
    const double *truth = d->targets + (size_t)rows * (size_t)d->columns;
    double *best = NULL;
    struct ridge ridge = {0};
    TRY(NEW_ARRAY(best, (size_t)d->factor_count, "a probe", error));
    TRY(ridge_create(&ridge, x, stride, d->targets, rows, width, d->columns, error));
    for (int l = 0; l < LAMBDAS; l++) {
        TRY(ridge_solve(&ridge, lambdas[l], w, error));
        TRY(ridge_predict(&ridge, w, x + (size_t)rows * stride, stride, d->validation, forecast, error));
        for (int k = 0; k < d->factor_count; k++) {
            const struct sums sums = add_up(d, &d->factors[k], forecast, truth, ridge.level, NULL, d->validation);
            const double score = score_of(&d->factors[k], &sums);
            if (l > 0 && score <= best[k]) continue;
            best[k] = score;
            choice[k] = l;
        }
    }
cleanup:
    ridge_free(&ridge);
    free(best);
    return status;
}

static void score_test(struct probe_score *score, const struct probe_data *d, const struct probe_factor *f,
                       const double *forecast, const double *level, uint16_t *weights) {
    const double *truth = d->targets + (size_t)d->train * (size_t)d->columns;
    const struct sums sums = add_up(d, f, forecast, truth, level, NULL, d->test);
    score->score = score_of(f, &sums);
    score->chance = chance_of(d, f);
    score->error = f->classes ? sqrt(score->score * (1 - score->score) / d->test)
                              : bootstrap(d, f, forecast, truth, level, weights);
}

ltm_status probe_fit(struct probe_score *scores, const struct probe_data *d, const float *x, int width, size_t stride,
                     struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int most = d->test > d->validation ? d->test : d->validation;
    int *choice = NULL;
    double *w = NULL;
    double *forecast = NULL;
    uint16_t *weights = NULL;
    struct ridge ridge = {0};
    TRY(NEW_ARRAY(choice, (size_t)d->factor_count, "a probe", error));
    TRY(NEW_ARRAY(w, (size_t)width * (size_t)d->columns, "a probe", error));
    TRY(NEW_ARRAY(forecast, (size_t)most * (size_t)d->columns, "a probe", error));
    TRY(NEW_ARRAY(weights, (size_t)d->test, "a probe", error));
    TRY(choose(choice, d, x, width, stride, w, forecast, error));
    TRY(ridge_create(&ridge, x, stride, d->targets, d->train, width, d->columns, error));
    for (int l = 0; l < LAMBDAS; l++) {
        bool wanted = false;
        for (int k = 0; k < d->factor_count; k++) wanted = wanted || choice[k] == l;
        if (!wanted) continue;
        TRY(ridge_solve(&ridge, lambdas[l], w, error));
        TRY(ridge_predict(&ridge, w, x + (size_t)d->train * stride, stride, d->test, forecast, error));
        for (int k = 0; k < d->factor_count; k++) {
            if (choice[k] != l) continue;
            scores[k].lambda = lambdas[l];
            score_test(&scores[k], d, &d->factors[k], forecast, ridge.level, weights);
        }
    }
cleanup:
    ridge_free(&ridge);
    free(choice), free(w), free(forecast), free(weights);
    return status;
}
