#include "ltm/scaling.h"

#include <math.h>

#include "config/slow_groups.h"
#include "ltm/model.h"
#include "ltm/train.h"
#include "stages/model_shape.h"
#include "train/depth.h"
#include "train/trainer.h"

enum { SHARE_WINDOW = 16 }; /* pieces whose weights are in transfer together, see base/processes_mpi.c */

/* Arrays of the size of the weights that the optimiser keeps: a step reads and writes them, weights and gradient. If
 * some cover only matrices and some the rest, the rest is nearly all embedding and output: the share `vocab`. */
static double states_of(const struct ltm_config *c, double vocab) {
    const struct optimiser_kind *kind = optimiser_kind_of(&c->slow);
    double states = 0;
    for (int k = 0; k < kind->states; k++)
        states += !kind->whole_matrices ? 1 : kind->of_matrices[k] ? 1 - vocab : vocab;
    return states;
}

static int smaller(int a, int b) { return a < b ? a : b; }

/* The share of a part's gradient that can be sent while the next group's fast loop runs: everything if there is a sum
 * of the part; otherwise the two layers and the embedding that a thread has buffers for (model/decoder.h). */
static double share_in_flight(const struct ltm_config *c, bool within, double P, double vocab) {
    const double layer = (1 - vocab) * P / c->model.layers;
    return within ? 1 : fmin(1, vocab + 2 * layer / P);
}

static double step_seconds(const struct ltm_config *c, const struct ltm_scaling_options *o, int n,
                           struct ltm_scaling *s) {
    const int groups = slow_groups(c);
    const int parts = c->slow.parts ? c->slow.parts : groups;
    const int part_share = (parts + n - 1) / n;
    const int here = gradient_groups(c, n, 0);
    const int threads = smaller(c->run.threads, here);
    const int rounds = (here + threads - 1) / threads;
    const double P = (double)ltm_parameter_count(&c->model);
    const double away = 4 * P * (n - 1) / n;
    const double pieces = ceil(P / PIECE);
    const double flops = ltm_training_flops(c);
    const double forward = ltm_forward_flops(&c->model);
    const double round = (double)c->slow.group * c->model.sequence * flops * c->run.threads / o->speed;
    const int sums = parts < groups ? smaller(part_share, rounds) : rounds;
    const double traffic = n > 1 ? part_share * (away / o->bandwidth + pieces * o->latency) / sums : 0;
    const double vocab = (double)model_vocab_weights(&c->model) / P;
    const double embedding = (double)c->model.vocab * c->model.dim / P; /* comes last */
    const double backward = round * 2 * forward / flops;
    const double hidden =
        fmin(traffic * share_in_flight(c, parts < groups, P, vocab), rounds * round / sums - backward) + backward;
    s->compute = rounds * round;
    s->exposed = fmax(traffic * embedding, sums * traffic - (sums - 1) * hidden - backward);
    s->share = n > 1 ? away / o->bandwidth + ceil(pieces / SHARE_WINDOW) * o->latency * log2(n) : 0;
    s->update = o->memory_bandwidth > 0 ? ((16 + 8 * states_of(c, vocab)) * P / n + 8 * P) / o->memory_bandwidth : 0;
    s->sent = (part_share + 1) * away;
    s->seconds = s->compute + s->exposed + s->share + s->update;
    return s->seconds;
}

static ltm_status memory(const struct ltm_config *c, int n, double *bytes, struct ltm_error *error) {
    struct plan plan;
    size_t whole = 0;
    const struct ltm_model_config model = depth_model(c);
    ltm_status status = plan_create(&plan, &model, error);
    if (status == LTM_OK) status = trainer_bytes_among(&whole, c, &plan, n, 0, error);
    *bytes = (double)whole;
    plan_free(&plan);
    return status;
}

ltm_status ltm_scaling_model(const struct ltm_config *config, const struct ltm_scaling_options *options, int processes,
                             struct ltm_scaling *scaling, struct ltm_error *error) {
    struct ltm_config c = *config;
    struct ltm_scaling alone;
    *scaling = (struct ltm_scaling){0};
    PASS_UP(ltm_config_check(&c, error));
    ltm_config_resolve(&c);
    if (c.model.vocab == LTM_AUTO)
        return fail(error, LTM_INVALID, "model.vocab = auto needs a tokenizer; set a number");
    if (!(options->speed > 0 && options->bandwidth > 0 && options->latency >= 0) || processes < 1)
        return fail(error, LTM_INVALID, "speed, bandwidth and processes must be above 0");
    const int groups = slow_groups(&c);
    if (processes > (c.slow.parts ? c.slow.parts : groups)) return LTM_OK;
    scaling->possible = true;
    scaling->efficiency =
        step_seconds(&c, options, 1, &alone) / (processes * step_seconds(&c, options, processes, scaling));
    return memory(&c, processes, &scaling->memory_bytes, error);
}
