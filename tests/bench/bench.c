/* make bench: how fast the loops run against what the machine's matrix units can do, in one run, as JSON.
 *
 *     build/tests/bench/bench [A B C D …] [generation] [seconds=1]        generation: that phase alone
 *
 * useful_of_peak counts work as DESIGN, section 8 does: a forward pass F (2 a weight and token, and attention), a fast step 2 F,
 * a slow step 3 F, whatever a cleverer order of work leaves out or does again. executed_of_peak gives no credit for what a fast
 * step avoids (below the first cross-attention, and the folded Wo). The peak, of the same precision and as many threads, is
 * measured before and after, and the ratio taken against the mean, because these machines share their cores. files.h says what
 * else a run takes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <omp.h>

#include "files.h"

#include "base/clock.h"
#include "doctor/bandwidth.h"
#include "generate/sampler.h"
#include "latent/fast_loop.h"
#include "latent/workers.h"
#include "ltm/model.h"
#include "math/bf16.h"
#include "math/matmul.h"
#include "model/decoder.h"
#include "model/decoder_stream.h"
#include "nn/cross_attention.h"
#include "nn/output_loss.h"
#include "nn/rmsnorm.h"
#include "nn/rope.h"
#include "nn/self_attention.h"
#include "nn/swiglu.h"
#include "stages/model_shape.h"
#include "train/optimiser.h"

struct named_config {
    const char *name;
    struct ltm_model_config model;
    int fast_steps;
};

#define SHAPE(d, l, h, v, t, w, n)                                                                                    \
    {                                                                                                                 \
        .dim = (d), .layers = (l), .heads = (h), .kv_heads = (h), .ffn_multiple = 32, .sequence = (t), .window = (w), \
        .vocab = (v), .latents = (n)                                                                                  \
    }

static const struct named_config configs[] = {
    {"A", SHAPE(512, 3, 8, 8192, 1024, 256, 24), 16},     {"B", SHAPE(128, 3, 4, 2048, 256, 64, 24), 16},
    {"C", SHAPE(512, 3, 8, 8192, 1024, 256, 0), 0},       {"D", SHAPE(512, 12, 8, 8192, 1024, 256, 96), 16},
    {"T2048", SHAPE(512, 3, 8, 8192, 2048, 256, 24), 16}, {"T4096", SHAPE(512, 3, 8, 8192, 4096, 256, 24), 16},
    {"T8192", SHAPE(512, 3, 8, 8192, 8192, 256, 24), 16},
};

static double budget = 1; /* seconds a measurement */

static void must(ltm_status status, const struct ltm_error *error) {
    if (status == LTM_OK) return;
    fprintf(stderr, "bench: %s\n", error->message);
    exit(1);
}

struct rig {
    const struct named_config *config;
    struct decoder *decoder;
    struct workers workers;
    float *gradient;
    int group, threads;
    bool bf16;
};

enum phase { FAST_STEP, SLOW_STEP, BEGIN, SCORE };

/* A slow step and a score begin a group; a fast step goes on with one. */
static void run_phase(struct rig *rig, struct worker *w, enum phase phase) {
    if (phase != FAST_STEP) decoder_begin(w->pass, w->tokens, w->targets, rig->group, rig->config->model.sequence);
    switch (phase) {
    case FAST_STEP:
        decoder_latent_gradient(w->pass, w->loop.z, NULL, w->loop.nll, w->loop.dz);
        break;
    case SLOW_STEP:
        decoder_weight_gradient(w->pass, w->loop.z, NULL, w->loop.nll, rig->gradient);
        break;
    case BEGIN:
        break;
    case SCORE:
        decoder_score(w->pass, w->loop.z, w->loop.nll);
        break;
    }
}

/* Seconds that one group takes, all threads at work on groups of their own. (The slow step's sums race here: bench alone.) */
static double time_phase(struct rig *rig, enum phase phase) {
    int rounds = 0;
    double elapsed = 0;
#pragma omp parallel num_threads(rig->threads)
    {
        struct worker *w = &rig->workers.each[omp_get_thread_num()];
        run_phase(rig, w, phase);
#pragma omp barrier
        const double began = seconds_now();
        int mine = 0;
        do {
            run_phase(rig, w, phase);
            mine++;
        } while (seconds_now() - began < budget);
        const double seconds = seconds_now() - began;
#pragma omp critical
        {
            elapsed += seconds;
            rounds += mine;
        }
    }
    return elapsed / rounds;
}

static struct rig new_rig(const struct named_config *config, int threads, bool in_bf16) {
    struct rig rig = {
        .config = config, .threads = threads, .group = workers_group(config->model.sequence), .bf16 = in_bf16};
    struct ltm_error error;
    must(decoder_create(&rig.decoder, &config->model, &error), &error);
    weights_initialise(rig.decoder->weights, &rig.decoder->plan.table, 1, 1);
    if (in_bf16) must(decoder_use_bf16(rig.decoder, &error), &error);
    must(decoder_pack(rig.decoder, threads, &error), &error);
    must(workers_create(&rig.workers, rig.decoder, NULL, threads, rig.group, config->model.sequence, 1, &error),
         &error);
    rig.gradient = calloc(rig.decoder->plan.table.size, sizeof *rig.gradient);
    const size_t rows = (size_t)rig.group * (size_t)config->model.sequence;
    for (int i = 0; i < threads; i++) {
        struct worker *w = &rig.workers.each[i];
        for (size_t t = 0; t < rows; t++) {
            w->tokens[t] = (int32_t)(t * 7919 % (size_t)config->model.vocab);
            w->targets[t] = (int32_t)(t * 104729 % (size_t)config->model.vocab);
        }
        random_normal(w->loop.z, (size_t)rig.group * w->loop.latents, (struct random_key){.seed = 1});
        decoder_begin(w->pass, w->tokens, w->targets, rig.group, config->model.sequence);
    }
    return rig;
}

static void free_rig(struct rig *rig) {
    workers_free(&rig->workers);
    decoder_free(rig->decoder);
    free(rig->gradient);
}

/* Floating-point operations a token that a forward pass of the fast loop leaves out, and its backward pass again. */
static double avoided_flops(const struct ltm_model_config *m) {
    if (!m->latents) return 0;
    const int per_layer = m->latents / m->layers;
    const double d = m->dim;
    const double window = m->window;
    const double folded = m->heads * per_layer;
    const double seen = window - window * (window - 1) / (2.0 * m->sequence);
    return 2 * (4 * d * d + d * d) + 4 * d * seen + 2 * m->layers * (d * d - folded * d);
}

static double peak_of(const struct rig *rig) {
    return rig->bf16 ? bf16_peak(rig->threads, budget / 2) : matmul_peak(rig->threads, budget / 2);
}

/* Seconds of the optimiser with all threads of the rig, and of packing the weights for the next slow step. */
static void time_update(struct rig *rig, double *optimiser, double *packing) {
    struct ltm_config c;
    struct ltm_error error;
    struct optimiser_shards shards;
    must(optimiser_shards_create(&shards, &rig->decoder->plan.table, false, 1, 0, &error), &error);
    float *gradient = calloc(shards.own, sizeof(float));
    struct optimiser slow;
    ltm_config_defaults(&c);
    must(optimiser_create(&slow, &c.slow, &rig->decoder->plan.table, &shards, rig->threads, &error), &error);
    for (int warm = 0; warm < 2; warm++) {
        const double began = seconds_now();
        optimiser_update(&slow, rig->decoder->weights, gradient, &rig->decoder->plan.table, &c.slow, 1e-9, 1,
                         rig->threads);
        *optimiser = seconds_now() - began;
        must(decoder_pack(rig->decoder, rig->threads, &error), &error);
        *packing = seconds_now() - began - *optimiser;
    }
    optimiser_free(&slow);
    free(gradient);
    optimiser_shards_free(&shards);
}

static json_t *measure_threads(const struct named_config *config, int threads, bool in_bf16,
                               double *tokens_per_second) {
    struct rig rig = new_rig(config, threads, in_bf16);
    const double rows = (double)rig.group * config->model.sequence;
    const double F = ltm_forward_flops(&config->model) * rows;
    const double steps = config->fast_steps;
    const double avoided = avoided_flops(&config->model) * rows;
    double peak = peak_of(&rig);
    double optimiser;
    double packing;
    const double fast = steps > 0 ? time_phase(&rig, FAST_STEP) : 0;
    const double slow = time_phase(&rig, SLOW_STEP);
    const double begin = time_phase(&rig, BEGIN);
    const double score = time_phase(&rig, SCORE);
    time_update(&rig, &optimiser, &packing);
    peak = 0.5 * (peak + peak_of(&rig));
    /* A slow step of 16 groups, whatever the batch: the update's share is small and shrinks with it. */
    const double seconds = steps * fast + slow + (optimiser + packing) * threads / 16; /* a group and thread */
    const double work = (2 * steps + 3) * F;
    const double done = work - 2 * steps * avoided;
    *tokens_per_second = rows * threads / seconds;
    json_t *out = json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "peak_gflops", peak / 1e9, "begin_seconds",
                            begin, "slow_step_seconds", slow, "score_seconds", score, "optimiser_seconds", optimiser,
                            "packing_seconds", packing, "tokens_per_second", *tokens_per_second, "useful_of_peak",
                            work * threads / seconds / peak, "executed_of_peak", done * threads / seconds / peak);
    if (steps > 0) json_object_set_new(out, "fast_step_seconds", json_real(fast));
    free_rig(&rig);
    return out;
}

/* ---- The kernels of one layer, alone on one thread ---- */

struct kernels {
    struct attention_shape self;
    struct cross_shape across;
    int rows, d, ffn;
    float *a, *b, *c, *e, *f, *g, *scratch;
};

static void self_forward(struct kernels *k) { self_attention_forward(k->b, k->c, k->a, &k->self, k->scratch); }
static void self_backward(struct kernels *k) {
    self_attention_backward(k->e, k->b, k->a, k->b, k->c, &k->self, k->scratch);
}
static void cross_forward(struct kernels *k) {
    cross_attention_forward(k->b, k->c, k->a, k->e, k->f, k->a, &k->across);
}
static void cross_backward(struct kernels *k) {
    cross_attention_backward(k->b, k->e, k->g, NULL, k->scratch, k->b, k->c, k->a, k->e, k->f, k->a, k->a, &k->across);
}
static void ffn_forward(struct kernels *k) { swiglu_forward(k->b, k->a, k->rows, k->ffn); }
static void ffn_backward(struct kernels *k) { swiglu_backward(k->e, k->b, k->a, k->rows, k->ffn); }
static void norm_forward(struct kernels *k) { rmsnorm_forward(k->b, k->c, k->a, k->e, k->rows, k->d); }
static void norm_backward(struct kernels *k) { rmsnorm_backward(k->f, NULL, k->b, k->a, k->c, k->e, k->rows, k->d); }
static void rotate(struct kernels *k) {
    rope_forward(k->a, 3 * k->d, k->rows, k->self.length, 2 * k->self.heads, k->self.head_dim, k->f);
}
static void product(struct kernels *k) { matmul_nt(k->b, k->d, k->a, k->d, k->e, k->d, k->rows, k->d, k->d, 1, 0); }

static json_t *measure_kernels(const struct named_config *config) {
    const struct ltm_model_config *m = &config->model;
    const int G = workers_group(m->sequence);
    const int rows = G * m->sequence;
    const int M = m->latents / m->layers;
    const int h = m->dim / m->heads;
    struct kernels k = {{.sequences = G,
                         .length = m->sequence,
                         .heads = m->heads,
                         .kv_heads = m->heads,
                         .head_dim = h,
                         .window = m->window},
                        {G, m->sequence, M, m->heads, m->heads, h, m->dim},
                        rows,
                        m->dim,
                        model_ffn_width(m),
                        .a = NULL};
    const size_t n = (size_t)rows * (size_t)(2 * k.ffn > 3 * m->dim ? 2 * k.ffn : 3 * m->dim);
    float **arrays[] = {&k.a, &k.b, &k.c, &k.e, &k.f, &k.g, &k.scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);
        random_normal(*arrays[i], n, (struct random_key){.seed = i});
    }
    const struct {
        const char *name;
        void (*run)(struct kernels *);
    } list[] = {{"self_attention_forward", self_forward},
                {"self_attention_backward", self_backward},
                {"cross_attention_forward", cross_forward},
                {"cross_attention_backward", cross_backward},
                {"swiglu_forward", ffn_forward},
                {"swiglu_backward", ffn_backward},
                {"rmsnorm_forward", norm_forward},
                {"rmsnorm_backward", norm_backward},
                {"rope", rotate},
                {"product_d_by_d", product}};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (!M && strstr(list[i].name, "cross")) continue;
        list[i].run(&k);
        const double began = seconds_now();
        int rounds = 0;
        do {
            list[i].run(&k);
            rounds++;
        } while (seconds_now() - began < budget / 4);
        json_object_set_new(out, list[i].name, json_real((seconds_now() - began) / rounds));
    }
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(*arrays[i]);
    return out;
}

/* ---- Generation: tokens a second with all threads, behind a full window, drawing included ---- */

struct writer {
    struct decoder_stream *stream;
    struct sampler sampler;
    int *slots;
    int32_t *tokens;
};

/* Draw tokens for a while: tokens a second. */
static double write_on(struct writer *w, const struct decoder *decoder, const struct decoder_pass *prompt,
                       const float *z, int slots) {
    const int T = decoder->plan.config.sequence;
    const int window = decoder->plan.config.window;
    double began = 0;
    int64_t written = 0;
    for (int at = T, warm = 0; warm < 2 || seconds_now() - began < budget; at++) {
        if (at >= T) { /* the sequence is full: behind the prompt again */
            for (int s = 0; s < slots; s++) decoder_stream_begin_behind(w->stream, s, prompt, z);
            at = window;
        }
        const float *logits = decoder_stream_step(w->stream, w->slots, w->tokens, slots);
        for (int s = 0; s < slots; s++)
            w->tokens[s] = sampler_pick(&w->sampler, logits + (size_t)s * (size_t)decoder->plan.config.vocab,
                                        (double)((written + s) * 7919 % 1000) / 1000);
        written += slots;
        if (warm < 2 && ++warm == 2) {
            began = seconds_now();
            written = 0;
        }
    }
    return (double)written / (seconds_now() - began);
}

/* Streams as ltm_generate makes them: one for a single sample, which all threads share; else one a thread. (Not within a
 * parallel region of one thread: OpenMP's runtime would make the threads that share it anew at every step.) */
static double tokens_per_second(const struct stream_weights *weights, const struct decoder_pass *prompt, int batch,
                                int threads) {
    const struct decoder *decoder = weights->decoder;
    const int writers = batch == 1 ? 1 : threads;
    const int slots = batch / writers;
    const int team = threads / writers;
    float *z = calloc((size_t)decoder->plan.config.latents * (size_t)decoder->plan.config.dim + 1, sizeof *z);
    struct writer *all = calloc((size_t)writers, sizeof *all);
    double rate = 0;
    struct ltm_error error;
    for (int i = 0; i < writers; i++) {
        must(decoder_stream_create(&all[i].stream, weights, slots, team, &error), &error);
        must(sampler_create(&all[i].sampler, decoder->plan.config.vocab, 0.8, 0, 0.95, &error), &error);
        all[i].slots = calloc((size_t)slots, sizeof(int));
        all[i].tokens = calloc((size_t)slots, sizeof(int32_t));
        for (int s = 0; s < slots; s++) all[i].slots[s] = s;
    }
    if (writers == 1)
        rate = write_on(all, decoder, prompt, z, slots);
    else
#pragma omp parallel num_threads(writers) reduction(+ : rate)
        rate = write_on(&all[omp_get_thread_num()], decoder, prompt, z, slots);
    for (int i = 0; i < writers; i++) {
        decoder_stream_free(all[i].stream);
        sampler_free(&all[i].sampler);
        free(all[i].slots), free(all[i].tokens);
    }
    free(all), free(z);
    return rate;
}

static double bandwidth(int threads) { return bandwidth_triad(threads, (size_t)256 << 20, budget / 2); }

static json_t *measure_generation(const struct named_config *config) {
    const int threads = omp_get_num_procs();
    const int window = config->model.window;
    struct rig rig = new_rig(config, 1, false);
    struct ltm_error error;
    json_t *out = json_object();
    decoder_begin(rig.workers.each[0].pass, rig.workers.each[0].tokens, rig.workers.each[0].targets, 1, window);
    decoder_score(rig.workers.each[0].pass, rig.workers.each[0].loop.z, rig.workers.each[0].loop.nll);
    for (int in_half = 0; in_half < 2; in_half++) {
        struct stream_weights *weights;
        must(stream_weights_create(&weights, rig.decoder, in_half, threads, &error), &error);
        const struct decoder_pass *prompt = rig.workers.each[0].pass;
        double memory = bandwidth(threads);
        const double one = tokens_per_second(weights, prompt, 1, threads);
        memory = 0.5 * (memory + bandwidth(threads));
        const double read = one * (double)weights->bytes;
        json_object_set_new(out, in_half ? "bf16" : "fp32",
                            json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "weight_bytes_per_token",
                                      (json_int_t)weights->bytes, "tokens_per_second", one, "gbytes_per_second",
                                      read / 1e9, "bandwidth_gbytes_per_second", memory / 1e9, "share_of_bandwidth",
                                      read / memory, "tokens_per_second_batch_16",
                                      tokens_per_second(weights, prompt, 16, threads), "tokens_per_second_batch_64",
                                      tokens_per_second(weights, prompt, 64, threads)));
        stream_weights_free(weights);
    }
    free_rig(&rig);
    return out;
}

static json_t *measure_precision(const struct named_config *config, bool in_bf16) {
    double alone;
    double together;
    json_t *one = measure_threads(config, 1, in_bf16, &alone);
    json_t *all = measure_threads(config, omp_get_num_procs(), in_bf16, &together);
    return json_pack("{s:o, s:o, s:f}", "one_thread", one, "all_threads", all, "speed_up", together / alone);
}

int main(int argc, char **argv) {
    struct ltm_error error;
    must(matmul_start(&error), &error);
    json_t *all = json_object();
    int named = 0;
    bool generation = false; /* alone */
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "generation") == 0)
            generation = true;
        else if (sscanf(argv[i], "seconds=%lf", &budget) != 1)
            named++;
    }
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        bool wanted = !named;
        for (int j = 1; j < argc; j++) wanted = wanted || strcmp(argv[j], configs[i].name) == 0;
        if (!wanted) continue;
        fprintf(stderr, "bench: %s\n", configs[i].name);
        json_t *one = json_object();
        for (int in_bf16 = 0; !generation && in_bf16 <= (bf16_missing() ? 0 : 1); in_bf16++)
            json_object_set_new(one, in_bf16 ? "bf16" : "fp32", measure_precision(&configs[i], in_bf16));
        if (!generation) json_object_set_new(one, "kernel_seconds", measure_kernels(&configs[i]));
        json_object_set_new(one, "generation", measure_generation(&configs[i]));
        if (!generation)
            json_object_set_new(one, "files", bench_files(&configs[i].model, configs[i].fast_steps, !bf16_missing()));
        json_object_set_new(all, configs[i].name, one);
    }
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(4));
    puts("");
    json_decref(all);
    return 0;
}
