#include "latent/streaming.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/chunks.h"
#include "math/vector.h"

static void lay_out(struct streaming *s, struct arena *arena, const struct ltm_model_config *model, size_t G) {
    const size_t all = G * (size_t)model->latents * (size_t)model->dim;
    const size_t rows = G * (size_t)model_chunk(model);
    float **arrays[] = {&s->u, &s->lambda, &s->z, &s->noise, &s->dz};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) *arrays[i] = ARENA_TAKE(arena, float, all);
    s->trail = ARENA_TAKE(arena, float, (all * (size_t)streaming_chunks(model, model->sequence)));
    s->tokens = ARENA_TAKE(arena, int32_t, rows);
    s->targets = ARENA_TAKE(arena, int32_t, rows);
    s->weights = ARENA_TAKE(arena, float, rows);
    s->nll = ARENA_TAKE(arena, float, rows);
}

size_t streaming_bytes(const struct ltm_model_config *model, int sequences) {
    struct streaming measured;
    struct arena arena = {0};
    if (!model_streams(model)) return 0;
    lay_out(&measured, &arena, model, (size_t)sequences);
    return arena.used;
}

ltm_status streaming_create(struct streaming *s, const struct decoder *decoder, int sequences,
                            struct ltm_error *error) {
    const struct ltm_model_config *model = &decoder->plan.config;
    *s = (struct streaming){.config = model, .latents = (size_t)model->latents * (size_t)model->dim};
    if (!model_streams(model)) return LTM_OK;
    const ltm_status status = memory_zeroed(&s->block, streaming_bytes(model, sequences), 1, "latents", error);
    if (status != LTM_OK) return status;
    struct arena arena = {.base = s->block};
    lay_out(s, &arena, model, (size_t)sequences);
    return LTM_OK;
}

void streaming_free(struct streaming *s) {
    free(s->block);
    *s = (struct streaming){0};
}

int streaming_chunks(const struct ltm_model_config *model, int length) {
    return (length + model_chunk(model) - 1) / model_chunk(model);
}

void streaming_start(struct streaming *s, int sequences) {
    const size_t n = (size_t)sequences * s->latents;
    memset(s->u, 0, n * sizeof *s->u);
    for (size_t i = 0; i < n; i++) s->lambda[i] = 1;
}

void streaming_step(struct streaming *s, const float *noise, int sequences) {
    const struct ltm_model_config *c = s->config;
    const float rate = (float)c->stream_rate;
    const float keep = (float)c->stream_keep;
    const float trust = c->stream_trust > 0 ? (float)c->stream_trust : INFINITY;
    for (size_t i = 0; i < (size_t)sequences * s->latents; i++) {
        const float dz = s->dz[i];
        const float drawn = noise ? noise[i] * dz * sqrtf(s->lambda[i]) : dz * dz;
        const float h = drawn < 0.0f ? 0.0f : drawn; /* a NaN stays one */
        const float lambda = 1.0f + keep * (s->lambda[i] - 1.0f) + h;
        const float most = trust / sqrtf(lambda);
        float move = dz / lambda;
        move = move > most ? most : move;
        move = move < -most ? -most : move;
        s->lambda[i] = lambda;
        s->u[i] -= rate * move;
    }
}

/* Copies rows from … of each sequence out of (G, T), or into it. */
static void cut(void *chunk, const void *whole, int sequences, int length, int from, int tokens) {
    for (size_t g = 0; g < (size_t)sequences; g++)
        memcpy((float *)chunk + g * (size_t)tokens, (const float *)whole + g * (size_t)length + from,
               (size_t)tokens * sizeof(float)); /* an int32_t is as large */
}

static void paste(float *whole, const float *chunk, int sequences, int length, int from, int tokens) {
    for (size_t g = 0; g < (size_t)sequences; g++)
        memcpy(whole + g * (size_t)length + from, chunk + g * (size_t)tokens, (size_t)tokens * sizeof *whole);
}

/* The latents under which chunk c is read; NULL = 0. */
static const float *place(struct streaming *s, const struct streaming_reading *how, int c, int chunks, int sequences) {
    const size_t all = (size_t)sequences * s->latents;
    float *trail = s->trail + (size_t)c * all;
    if (how->z == STREAMING_ZERO) return NULL;
    if (how->z == STREAMING_OTHERS) {
        memcpy(s->z, trail + s->latents, (all - s->latents) * sizeof *trail);
        memcpy(s->z + (all - s->latents), trail, s->latents * sizeof *trail);
        return s->z;
    }
    if (how->trail) memcpy(trail, s->u, all * sizeof *trail);
    if (!how->noise) return s->u;
    struct random_key key = how->noise->key;
    key.fast = (uint32_t)(how->sample * chunks + c);
    for (int g = 0; g < sequences; g++) {
        key.sequence = how->noise->sequences[g];
        random_normal(s->noise + (size_t)g * s->latents, s->latents, key);
    }
    for (size_t i = 0; i < all; i++) s->z[i] = s->u[i] + s->noise[i] / sqrtf(s->lambda[i]);
    return s->z;
}

void streaming_read(struct streaming *s, struct decoder_pass *pass, const struct streaming_reading *how, int sequences,
                    int length) {
    const int most = model_chunk(s->config);
    const int chunks = streaming_chunks(s->config, length);
    const bool moves = how->z == STREAMING_MOVES && model_moves(s->config);
    streaming_start(s, sequences);
    for (int c = 0; c < chunks; c++) {
        const int from = c * most;
        const int tokens = length - from < most ? length - from : most;
        const bool last = c == chunks - 1;
        const bool steps = moves && (!last || (how->goes_on && tokens == most));
        cut(s->tokens, how->tokens, sequences, length, from, tokens);
        cut(s->targets, how->targets, sequences, length, from, tokens);
        if (how->weights) cut(s->weights, how->weights, sequences, length, from, tokens);
        const float *weights = how->weights ? s->weights : NULL;
        if (c)
            decoder_continue(pass, s->tokens, s->targets, tokens);
        else
            decoder_begin(pass, s->tokens, s->targets, sequences, tokens);
        const float *z = place(s, how, c, chunks, sequences);
        if (how->on_chunk) { /* before a gradient writes over the states */
            decoder_score(pass, z, s->nll);
            how->on_chunk(how->user, from, tokens);
        }
        if (how->taker)
            decoder_chunk_gradient(pass, z, weights, s->nll, s->dz, how->taker, last);
        else if (steps)
            decoder_latent_gradient(pass, z, weights, s->nll, s->dz);
        else if (!how->on_chunk)
            decoder_score(pass, z, s->nll);
        paste(how->nll, s->nll, sequences, length, from, tokens);
        if (!steps) continue;
        if (how->taker) vector_scale(s->dz, (float)(1 / how->unit), (size_t)sequences * s->latents);
        streaming_step(s, how->noise ? s->noise : NULL, sequences);
    }
}
