#include "score/score_means.h"

#include <math.h>

const struct ltm_measure no_measure = {{NAN, NAN}, {NAN, NAN}, {NAN, NAN}};

/* Σ values / Σ sizes over sequences, with the standard error of that ratio. sizes NULL: each is `size`. */
static struct ltm_score ratio(const double *values, const double *sizes, double size, int64_t n) {
    double sum = 0;
    double all = 0;
    double squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += values[i];
        all += sizes ? sizes[i] : size;
    }
    const double mean = sum / all;
    for (int64_t i = 0; i < n; i++) {
        const double off = values[i] - mean * (sizes ? sizes[i] : size);
        squares += off * off;
    }
    return (struct ltm_score){mean, n > 1 ? sqrt((double)n / (double)(n - 1) * squares) / all : NAN};
}

struct ltm_measure score_means(const double *values, const double *bytes, const double *each, int tokens, int64_t n) {
    struct ltm_measure m = no_measure;
    m.nats = ratio(values, each, tokens, n);
    m.perplexity = (struct ltm_score){exp(m.nats.mean), exp(m.nats.mean) * m.nats.error};
    if (!bytes) return m;
    m.bits = ratio(values, bytes, 0, n);
    m.bits.mean /= log(2);
    m.bits.error /= log(2);
    return m;
}
