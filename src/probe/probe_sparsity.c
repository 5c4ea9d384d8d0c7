#include "probe/probe_sparsity.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "stages/model_shape.h"

ltm_status probe_sparsity_create(struct probe_sparsity *s, const struct plan *plan, int64_t documents,
                                 struct ltm_error *error) {
    ltm_status status = LTM_OK;
    *s = (struct probe_sparsity){.places = model_depth(&plan->config)};
    TRY(NEW_ARRAY(s->name, (size_t)s->places, "sparsity", error));
    TRY(NEW_ARRAY(s->numbers, (size_t)documents * (size_t)s->places * SPARSITY_NUMBERS, "sparsity", error));
    TRY(NEW_ARRAY(s->surprise, (size_t)documents, "sparsity", error));
    TRY(NEW_ARRAY(s->room, (size_t)documents * (size_t)plan->config.dim, "sparsity", error));
    plan_layer_places(plan, s->name);
cleanup:
    return status;
}

void probe_sparsity_free(struct probe_sparsity *s) {
    free(s->name);
    free(s->numbers);
    free(s->surprise);
    free(s->room);
    *s = (struct probe_sparsity){0};
}

static int descending(const void *a, const void *b) {
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return x > y ? -1 : x < y;
}

/* Adds to the numbers those of h, for one of T tokens; `squares` (d) is room. Hoyer: (√d - |h|₁ / |h|₂) / (√d - 1); top: the share of |h|²
 * in the largest tenth of its numbers. */
static void add_state(double *numbers, const float *h, const float *before, int d, int T, float *squares) {
    double sum = 0;
    double all = 0;
    double top = 0;
    double moved = 0;
    for (int i = 0; i < d; i++) {
        squares[i] = h[i] * h[i];
        sum += (double)fabsf(h[i]);
        all += (double)squares[i];
        if (before) moved += ((double)h[i] - (double)before[i]) * ((double)h[i] - (double)before[i]);
    }
    if (!(all > 0)) return;
    qsort(squares, (size_t)d, sizeof *squares, descending);
    for (int i = 0; i < (d + 9) / 10; i++) top += (double)squares[i];
    numbers[SPARSITY_HOYER] += (sqrt(d) - sum / sqrt(all)) / (sqrt(d) - 1) / T;
    numbers[SPARSITY_TOP] += top / all / T;
    if (before) numbers[SPARSITY_CHANGE] += sqrt(moved / all) / T;
    numbers[SPARSITY_NORM] += 0.5 * log(all) / T;
}

/* The same layer's states in the loop before, or NULL. */
static const float *loop_before(const struct probe_sparsity *s, const struct decoder_pass *pass, int place) {
    const struct layer_place here = s->name[place];
    for (int k = place + 1; here.loop > 1 && k < s->places; k++)
        if (s->name[k].layer == here.layer) return decoder_layer_states(pass, k);
    return NULL;
}

void probe_sparsity_measure(struct probe_sparsity *s, const struct decoder_pass *pass, int g, int T, const float *nll,
                            int64_t document) {
    const size_t d = (size_t)decoder_pass_decoder(pass)->plan.config.dim;
    float *squares = s->room + (size_t)document * d;
    for (int p = 0; p < s->places; p++) {
        double *numbers = s->numbers + ((size_t)document * (size_t)s->places + (size_t)p) * SPARSITY_NUMBERS;
        const float *h = decoder_layer_states(pass, p);
        const float *before = loop_before(s, pass, p);
        for (int t = 0; t < T; t++) {
            const size_t at = ((size_t)g * (size_t)T + (size_t)t) * d;
            add_state(numbers, h + at, before ? before + at : NULL, (int)d, T, squares);
        }
    }
    for (int t = 0; t < T; t++) s->surprise[document] += (double)nll[t] / T;
}
