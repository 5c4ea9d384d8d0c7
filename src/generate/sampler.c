#include "generate/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "math/vector.h"

/* The likeliest tokens are found without sorting the vocabulary: tokens go to buckets by the upper bits of their
 * probability (a float's bits rise with its value), and only the bucket in which the limit falls is sorted. */
enum { BUCKET_SHIFT = 20, BUCKETS = 1 << 11 };

struct sampler_bucket {
    double mass;
    int32_t count;
};

ltm_status sampler_create(struct sampler *sampler, int vocab, double temperature, int top_k, double top_p,
                          struct ltm_error *error) {
    *sampler = (struct sampler){.vocab = vocab, .top_k = top_k, .temperature = temperature, .top_p = top_p};
    PASS_UP(NEW_ARRAY(sampler->buckets, BUCKETS, "sampling", error));
    PASS_UP(NEW_ARRAY(sampler->p, (size_t)vocab, "sampling", error));
    return NEW_ARRAY(sampler->border, (size_t)vocab, "sampling", error);
}

void sampler_free(struct sampler *sampler) {
    free(sampler->p);
    free(sampler->buckets);
    free(sampler->border);
    *sampler = (struct sampler){0};
}

static int bucket_of(float p) {
    uint32_t bits;
    memcpy(&bits, &p, sizeof bits);
    return (int)(bits >> BUCKET_SHIFT & (BUCKETS - 1)); /* a NaN may carry a sign */
}

static int by_probability(const void *a, const void *b, void *user) {
    const float *p = user;
    const int32_t i = *(const int32_t *)a;
    const int32_t j = *(const int32_t *)b;
    if (p[i] != p[j]) return p[i] > p[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

/* Of probabilities p (not normalised) that sum to `all`, set those outside both limits to 0; returns what is left. */
static double cut(struct sampler *sampler, float *p, double all) {
    const int V = sampler->vocab;
    const int most = sampler->top_k > 0 && sampler->top_k < V ? sampler->top_k : V;
    const double enough = sampler->top_p < 1 ? sampler->top_p * all : INFINITY;
    struct sampler_bucket *buckets = sampler->buckets;
    if (most == V && sampler->top_p >= 1) return all;
    memset(buckets, 0, sizeof *buckets * BUCKETS);
    for (int i = 0; i < V; i++) {
        struct sampler_bucket *bucket = &buckets[bucket_of(p[i])];
        bucket->mass += p[i];
        bucket->count++;
    }
    /* Whole buckets from the likeliest down, while both limits lie beyond them. */
    double kept = 0;
    int taken = 0;
    int at = BUCKETS - 1;
    for (; at >= 0 && taken + buckets[at].count <= most && kept + buckets[at].mass < enough; at--) {
        kept += buckets[at].mass;
        taken += buckets[at].count;
    }
    int32_t *border = sampler->border;
    size_t count = 0;
    for (int i = 0; i < V; i++) {
        const int bucket = bucket_of(p[i]);
        if (bucket == at) border[count++] = i;
        if (bucket < at) p[i] = 0;
    }
    qsort_r(border, count, sizeof *border, by_probability, p);
    for (size_t i = 0; i < count; i++) {
        if (taken > 0 && (taken >= most || kept >= enough))
            p[border[i]] = 0;
        else {
            kept += p[border[i]];
            taken++;
        }
    }
    return kept;
}

int32_t sampler_pick(struct sampler *sampler, const float *logits, double uniform) {
    const int V = sampler->vocab;
    const bool *only = sampler->only;
    float *p = sampler->p;
    for (int i = 0; only && i < V; i++) p[i] = only[i] ? logits[i] : -INFINITY;
    const float most = vector_max(only ? p : logits, (size_t)V);
    int32_t likeliest = 0;
    while (likeliest < V - 1 && ((only && !only[likeliest]) || logits[likeliest] < most)) likeliest++;
    if (sampler->temperature <= 0) return likeliest;
    const float cooler = (float)fmin(1 / sampler->temperature, 1e30); /* 0 · ∞ is no logit */
#pragma omp simd
    for (int i = 0; i < V; i++) p[i] = (logits[i] - most) * cooler;
    double all = (double)vector_exp_sum(p, 0, (size_t)V);
    if (only) all = 0;
    for (int i = 0; only && i < V; i++) all += (double)(p[i] = only[i] ? p[i] : 0);
    double left = uniform * cut(sampler, p, all);
    for (int i = 0; i < V; i++) {
        left -= (double)p[i];
        if (left < 0 && p[i] > 0) return i;
    }
    return likeliest; /* what rounding left over */
}

double sampler_log_p(const struct sampler *sampler, const float *logits, int32_t token) {
    const float most = vector_max(logits, (size_t)sampler->vocab);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < sampler->vocab; i++) sum += vector_exp1(logits[i] - most);
    return (double)(logits[token] - most) - log((double)sum);
}

int sampler_likeliest(int32_t *ids, const float *logits, int vocab, int n) {
    int count = 0;
    for (int v = 0; v < vocab && n > 0; v++) {
        if (count == n && !(logits[v] > logits[ids[n - 1]])) continue;
        int at = count < n ? count++ : n - 1;
        for (; at > 0 && logits[v] > logits[ids[at - 1]]; at--) ids[at] = ids[at - 1];
        ids[at] = v;
    }
    return count;
}
