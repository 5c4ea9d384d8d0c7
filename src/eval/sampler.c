#include "eval/sampler.h"

#include <stdlib.h>

#include "base/memory.h"
#include "math/vector.h"

ltm_status sampler_create(struct sampler *sampler, int vocab, double temperature, int top_k, double top_p,
                          struct ltm_error *error) {
    *sampler = (struct sampler){.vocab = vocab, .top_k = top_k, .temperature = temperature, .top_p = top_p};
    return NEW_ARRAY(sampler->heap, (size_t)vocab, "sampling", error);
}

void sampler_free(struct sampler *sampler) {
    free(sampler->heap);
    sampler->heap = NULL;
}

/* Let the token at `at` sink to its place in a heap whose root is the likeliest (of equals, the smallest id). */
static void sink(int32_t *heap, int size, const float *p, int at) {
    for (;;) {
        int best = at;
        for (int child = 2 * at + 1; child <= 2 * at + 2 && child < size; child++) {
            const int32_t a = heap[child], b = heap[best];
            if (p[a] > p[b] || (p[a] == p[b] && a < b)) best = child;
        }
        if (best == at) return;
        const int32_t moved = heap[at];
        heap[at] = heap[best];
        heap[best] = moved;
        at = best;
    }
}

int32_t sampler_pick(struct sampler *sampler, float *logits, double uniform) {
    const int V = sampler->vocab;
    const float most = vector_max(logits, (size_t)V);
    if (sampler->temperature <= 0) {
        int32_t likeliest = 0;
        while (likeliest < V - 1 && logits[likeliest] < most) likeliest++;
        return likeliest;
    }
    for (int i = 0; i < V; i++) logits[i] = (float)((logits[i] - most) / sampler->temperature);
    const double all = vector_exp_sum(logits, 0, (size_t)V);
    int32_t *heap = sampler->heap;
    for (int i = 0; i < V; i++) heap[i] = i;
    for (int i = V / 2; i-- > 0;) sink(heap, V, logits, i);
    /* Take tokens off the heap until both limits are met; they gather behind its end, the likeliest last. */
    const int keep = sampler->top_k > 0 && sampler->top_k < V ? sampler->top_k : V;
    double kept = 0;
    int taken = 0;
    while (taken < keep && (taken == 0 || kept < sampler->top_p * all)) {
        const int32_t top = heap[0];
        kept += logits[top];
        taken++;
        heap[0] = heap[V - taken];
        heap[V - taken] = top;
        sink(heap, V - taken, logits, 0);
    }
    double left = uniform * kept;
    for (int i = 1; i <= taken; i++) {
        left -= logits[heap[V - i]];
        if (left < 0) return heap[V - i];
    }
    return heap[V - 1];
}
