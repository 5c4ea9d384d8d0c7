#include "probe/prune_learn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/memory.h"
#include "base/progress.h"

struct learner {
    const struct prune_learning *l;
    const struct ltm_prune_options *options;
    size_t n;                       /* weights that can be masked */
    float *scores, *first, *second; /* (n): and Adam's moments */
    float *room;                    /* (n) */
    float *gradients;               /* (PRUNE_PARTS, the table's size) */
    double loss[PRUNE_PARTS], tokens[PRUNE_PARTS];
    bool foreign;
};

double prune_share(double keep, int64_t step, int64_t steps) {
    const double done = (double)step / (0.7 * (double)steps);
    const double left = done < 1 ? 1 - done : 0;
    return keep + (1 - keep) * left * left * left;
}

/* The gradient of the answers' -log p of one part of a step's pairs. */
static void compute_part(struct learner *a, struct worker *w, int64_t step, int part) {
    const struct prune_learning *l = a->l;
    const int count = a->options->batch / PRUNE_PARTS;
    const int T = l->workers->length;
    const size_t size = l->matrices->table->size;
    const struct noise_source fit = {{a->options->seed, RANDOM_FAST_NOISE, (uint32_t)step, 0, 0}, w->numbers};
    const struct noise_source fresh = {{a->options->seed, RANDOM_SLOW_NOISE, (uint32_t)step, 0, 0}, w->numbers};
    if (!worker_begin(w, l->source, step * a->options->batch + part * count, (uint32_t)(part * count), count, T)) {
#pragma omp atomic write
        a->foreign = true;
        return;
    }
    struct fast_loop *loop = &w->loop;
    if (loop->latents) {
        fast_loop_start(loop, l->fast, count);
        fast_loop_run(loop, w->pass, l->fast, &fit, count, T, NULL);
        fast_loop_draw(loop, &fresh, count, 0);
        posterior_sample(loop->z, loop->mu, loop->logvar, loop->noise, (size_t)count * loop->latents);
    }
    float *gradient = a->gradients + (size_t)part * size;
    memset(gradient, 0, size * sizeof *gradient);
    decoder_weight_gradient(w->pass, loop->latents ? loop->z : NULL, loop->weights, loop->nll, gradient);
    a->loss[part] = a->tokens[part] = 0;
    for (int g = 0; g < count; g++) a->loss[part] += fast_loop_nll(loop, g, 0, T);
    for (int i = 0; i < count * T; i++) a->tokens[part] += loop->weights ? (double)loop->weights[i] : 1;
}

static void step_scores(struct learner *a, int64_t step, double tokens) {
    const struct prune_matrices *m = a->l->matrices;
    const size_t size = m->table->size;
    const double decay[2] = {0.9, 0.999};
    const double unbias[2] = {1 - pow(decay[0], (double)(step + 1)), 1 - pow(decay[1], (double)(step + 1))};
    for (int k = 0; k < m->count; k++) {
        const size_t at = m->table->weights[m->rows[k]].offset;
        for (size_t i = m->begins[k]; i < m->begins[k + 1]; i++) {
            const size_t j = at + i - m->begins[k];
            double g = 0;
            for (int part = 0; part < PRUNE_PARTS; part++) g += (double)a->gradients[(size_t)part * size + j];
            g *= (double)a->l->weights[j] / tokens; /* ds = W ⊙ dL/d(W ⊙ m) */
            a->first[i] = (float)(decay[0] * (double)a->first[i] + (1 - decay[0]) * g);
            a->second[i] = (float)(decay[1] * (double)a->second[i] + (1 - decay[1]) * g * g);
            a->scores[i] -= (float)(a->options->lr * ((double)a->first[i] / unbias[0]) /
                                    (sqrt((double)a->second[i] / unbias[1]) + 1e-12));
        }
    }
}

static ltm_status learn_step(struct learner *a, uint8_t *mask, int64_t step, struct ltm_error *error) {
    const struct prune_learning *l = a->l;
    const struct workers *workers = l->workers;
    double loss = 0;
    double tokens = 0;
    prune_apply(l->masked, l->weights, l->matrices, mask, false);
#pragma omp parallel for num_threads(workers->threads) schedule(dynamic, 1)
    for (int part = 0; part < PRUNE_PARTS; part++) compute_part(a, &workers->each[omp_get_thread_num()], step, part);
    PASS_UP(workers_status(workers, error));
    if (a->foreign) return workers_fail_vocabulary(workers, error);
    for (int part = 0; part < PRUNE_PARTS; part++) loss += a->loss[part], tokens += a->tokens[part];
    if (!isfinite(loss))
        return decoder_fail_nonfinite(l->decoder, "the loss of the masked model is not finite",
                                      "lower fast.lr or use a checkpoint from before the training diverged", error);
    step_scores(a, step, tokens);
    const double share = prune_share(a->options->keep, step + 1, a->options->steps);
    prune_select(mask, a->scores, a->n, (size_t)(share * (double)a->n + 0.5), a->room);
    return LTM_OK;
}

ltm_status prune_learn(uint8_t *mask, const struct prune_learning *learning, const struct ltm_prune_options *options,
                       struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct learner a = {.l = learning, .options = options, .n = prune_size(learning->matrices)};
    struct progress pace = progress_begin(learning->watch, "learning a mask", (double)options->steps);
    TRY(NEW_ARRAY(a.scores, a.n, "scores of weights", error));
    TRY(NEW_ARRAY(a.first, a.n, "scores of weights", error));
    TRY(NEW_ARRAY(a.second, a.n, "scores of weights", error));
    TRY(NEW_ARRAY(a.room, a.n, "scores of weights", error));
    TRY(NEW_ARRAY(a.gradients, PRUNE_PARTS * learning->matrices->table->size, "gradients", error));
    /* Larger weights first, until gradients say more: what no gradient reaches then is below what has helped. */
    prune_magnitudes(a.scores, learning->weights, learning->matrices, options->lr);
    memset(mask, 1, a.n);
    for (int64_t step = 0; step < options->steps; step++) {
        TRY(learn_step(&a, mask, step, error));
        progress_at(&pace, (double)(step + 1));
    }
    progress_end(&pace);
cleanup:
    free(a.scores);
    free(a.first);
    free(a.second);
    free(a.room);
    free(a.gradients);
    return status;
}
