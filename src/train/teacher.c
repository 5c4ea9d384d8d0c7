#include "train/teacher.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/processes.h"
#include "model/layer_states.h"
#include "stages/model_shape.h"

static size_t group_rows(const struct ltm_config *config) {
    return (size_t)config->slow.group * (size_t)config->model.sequence;
}

ltm_status teacher_create(struct teacher **teacher, const struct trainer *trainer, struct ltm_error *error) {
    static const char what[] = "a teacher";
    const struct ltm_config *c = &trainer->config;
    const size_t rows = group_rows(c);
    const size_t threads = (size_t)trainer->workers.threads;
    ltm_status status = LTM_OK;
    struct teacher *made = NULL;
    *teacher = NULL;
    if (!model_predicts_latents(&c->model)) return LTM_OK;
    TRY(NEW_ARRAY(made, 1, what, error));
    made->threads = trainer->workers.threads;
    TRY(decoder_share_over(&made->decoder, trainer->decoder, trainer->optimiser.average, error));
    if (trainer->decoder->in_bf16) TRY(decoder_use_bf16(made->decoder, error));
    TRY(NEW_ARRAY(made->each, threads, what, error));
    TRY(NEW_ARRAY(made->scores, 2 * (size_t)c->slow.batch, what, error));
    for (size_t i = 0; i < threads; i++) {
        struct teacher_thread *t = &made->each[i];
        TRY(decoder_pass_create(&t->pass, made->decoder, c->slow.group, c->model.sequence, 0, error));
        TRY(NEW_ARRAY(t->aim.states, rows * (size_t)c->model.dim, what, error));
        TRY(NEW_ARRAY(t->aim.loss, rows, what, error));
    }
    *teacher = made;
    return LTM_OK;
cleanup:
    teacher_free(made);
    return status;
}

void teacher_free(struct teacher *teacher) {
    if (!teacher) return;
    for (int i = 0; teacher->each && i < teacher->threads; i++) {
        decoder_pass_free(teacher->each[i].pass);
        free(teacher->each[i].aim.states);
        free(teacher->each[i].aim.loss);
    }
    free(teacher->each);
    free(teacher->scores);
    decoder_free(teacher->decoder);
    free(teacher);
}

size_t teacher_bytes(const struct ltm_config *config, const struct plan *plan, int threads) {
    const bool in_bf16 = config->run.precision == LTM_PRECISION_BF16;
    if (!model_predicts_latents(&config->model)) return 0;
    return (in_bf16 ? decoder_packed_bytes(plan) : 0) +
           (size_t)threads * (decoder_pass_bytes(plan, config->slow.group, config->model.sequence, 0, in_bf16) +
                              group_rows(config) * ((size_t)config->model.dim + 1) * sizeof(float));
}

double teacher_flops(const struct ltm_model_config *config, double forward) {
    const double d = config->dim;
    return model_predicts_latents(config) ? forward - 2 * d * config->vocab + 3 * 2 * d * d : 0;
}

void teacher_begin(struct teacher *teacher, const struct trainer *trainer) {
    struct plan *plan = &teacher->decoder->plan;
    plan->config.window = trainer->decoder->plan.config.window;
    plan->plain = trainer->decoder->plan.plain;
    plan_run(plan, trainer->now.loops);
    memset(teacher->scores, 0, 2 * (size_t)trainer->config.slow.batch * sizeof *teacher->scores);
}

static int number_of(const struct group *group) { return (int)(group->w - group->trainer->workers.each); }

static double *scores_of(const struct group *group, int g) {
    return group->trainer->teacher->scores + 2 * (group->first + g);
}

void teacher_read(const struct group *group) {
    struct worker *w = group->w;
    for (int g = 0; g < group->count; g++) scores_of(group, g)[0] = scores_of(group, g)[1] = 0;
    decoder_begin(group->trainer->teacher->each[number_of(group)].pass, w->tokens, w->targets, group->count,
                  group->trainer->config.model.sequence);
}

void teacher_aim(const struct group *group) {
    const struct teacher *teacher = group->trainer->teacher;
    const int me = number_of(group);
    decoder_score(teacher->each[me].pass, group->w->loop.z, NULL);
    decoder_layer_means(teacher->each[me].pass, group->trainer->config.model.predict_layers,
                        teacher->each[me].aim.states);
    decoder_aim(group->w->pass, &teacher->each[me].aim);
}

/* Root mean square over d of the standard deviations over the states of a sequence's T tokens, those that count (weights NULL: all). */
static double spread(const float *states, const float *weights, int T, int d) {
    double variance = 0;
    int n = 0;
    for (int t = 0; t < T; t++) n += !weights || weights[t] > 0;
    if (n == 0) return 0;
    for (int i = 0; i < d; i++) {
        double sum = 0;
        double squares = 0;
        for (int t = 0; t < T; t++) {
            if (weights && !(weights[t] > 0)) continue;
            const double s = states[(size_t)t * (size_t)d + (size_t)i];
            sum += s;
            squares += s * s;
        }
        variance += (squares / n - sum / n * sum / n) / d;
    }
    return sqrt(fmax(0, variance));
}

void teacher_keep(const struct group *group) {
    const struct ltm_config *c = &group->trainer->config;
    const struct latent_aim *aim = &group->trainer->teacher->each[number_of(group)].aim;
    const float *weights = group->w->loop.weights;
    const int T = c->model.sequence;
    const int S = c->slow.samples;
    for (int g = 0; g < group->count; g++) {
        const size_t at = (size_t)g * (size_t)T;
        double *score = scores_of(group, g);
        double sum = 0;
        int predicted = 0;
        for (int t = 0; t < T; t++) {
            sum += (double)aim->loss[at + (size_t)t];
            if (aim->loss[at + (size_t)t] != 0) predicted++; /* NaN too */
        }
        if (predicted) score[0] += sum / predicted / S;
        score[1] += spread(aim->states + at * (size_t)c->model.dim, weights ? weights + at : NULL, T, c->model.dim) / S;
    }
}

ltm_status teacher_score(struct teacher_score *mean, struct teacher *teacher, int batch, struct ltm_error *error) {
    *mean = (struct teacher_score){0};
    PASS_UP(processes_merge(teacher->scores, 2 * (size_t)batch * sizeof *teacher->scores, error));
    for (int i = 0; i < batch; i++) {
        mean->loss += teacher->scores[2 * i] / batch;
        mean->spread += teacher->scores[2 * i + 1] / batch;
    }
    return LTM_OK;
}
