#include "model/decoder_pass.h"

#include <stdlib.h>

#include "base/memory.h"
#include "nn/output_loss.h"

static void lay_out_layer(struct layer_state *s, struct arena *arena, const struct ltm_model_config *c, size_t G,
                          size_t T, size_t u, bool reads) {
    const size_t R = G * T;
    const size_t d = (size_t)c->dim;
    const size_t h = d / (size_t)c->heads;
    const size_t H = (size_t)c->heads;
    const size_t K = (size_t)c->kv_heads;
    const size_t M = (size_t)model_layer_latents(c);
    const size_t F = (size_t)model_ffn_width(c);
    s->in = ARENA_TAKE(arena, float, R *d);
    s->in_r = ARENA_TAKE(arena, float, R);
    s->qkv = ARENA_TAKE(arena, float, R *(H + 2 * K) * h);
    s->att = ARENA_TAKE(arena, float, R *d);
    s->lse = ARENA_TAKE(arena, float, R *H);
    s->cross = s->mid = ARENA_TAKE(arena, float, R *d);
    s->mid_r = ARENA_TAKE(arena, float, R);
    if (reads) {
        s->cq = ARENA_TAKE(arena, float, R *d);
        s->ckv = ARENA_TAKE(arena, float, G *M * 2 * K * h);
        s->u = ARENA_TAKE(arena, float, u);
        s->p = ARENA_TAKE(arena, float, R *H *M);
        s->cross = ARENA_TAKE(arena, float, R *d);
    }
    s->cross_r = ARENA_TAKE(arena, float, R);
    s->ab = ARENA_TAKE(arena, float, R * 2 * F);
}

/* Cut every buffer from the arena; with arena->base NULL only its size is learnt. */
static void lay_out(struct decoder_pass *pass, struct arena *arena) {
    const struct decoder *decoder = pass->decoder;
    const struct ltm_model_config *c = &decoder->config;
    const size_t G = (size_t)pass->sequences;
    const size_t T = (size_t)pass->length;
    const size_t R = G * T;
    const size_t d = (size_t)c->dim;
    const size_t H = (size_t)c->heads;
    const size_t K = (size_t)c->kv_heads;
    const size_t h = d / H;
    const size_t M = (size_t)model_layer_latents(c);
    const size_t F = (size_t)model_ffn_width(c);
    const size_t u = M ? cross_attention_u(&pass->across) : 0;
    pass->layers = ARENA_TAKE(arena, struct layer_state, (size_t)c->layers);
    struct layer_state unused;
    for (int l = 0; l < c->layers; l++)
        lay_out_layer(arena->base ? &pass->layers[l] : &unused, arena, c, G, T, u, model_layer_reads(c, l));
    pass->out = ARENA_TAKE(arena, float, R *d);
    pass->out_r = ARENA_TAKE(arena, float, R);
    pass->x = ARENA_TAKE(arena, float, R *d);
    pass->s = ARENA_TAKE(arena, float, R *F);
    pass->ds = ARENA_TAKE(arena, float, R *F);
    pass->dh = ARENA_TAKE(arena, float, R *d);
    pass->dx = ARENA_TAKE(arena, float, R *d);
    pass->datt = ARENA_TAKE(arena, float, R *d);
    pass->dq = ARENA_TAKE(arena, float, R *d);
    pass->dqkv = ARENA_TAKE(arena, float, R *(H + 2 * K) * h);
    pass->dp = ARENA_TAKE(arena, float, R *H *M);
    pass->du = ARENA_TAKE(arena, float, u);
    pass->dkv = ARENA_TAKE(arena, float, G *M * 2 * K * h);
    pass->zl = ARENA_TAKE(arena, float, G *M *d);
    pass->dzl = ARENA_TAKE(arena, float, G *M *d);
    pass->attention = ARENA_TAKE(arena, float, self_attention_scratch(&pass->self));
    pass->logits = ARENA_TAKE(arena, float, output_loss_scratch(c->vocab, (int)R));
    if (pass->training) {
        const struct layer_offsets *top = &decoder->table.layers[c->layers - 1]; /* the largest */
        pass->dw = ARENA_TAKE(arena, float, (top->end - top->begin) * (decoder->overlap ? 2 : 1));
        pass->de = ARENA_TAKE(arena, float, ((size_t)c->vocab + 1) * d);
    }
}

static void set_shape(struct decoder_pass *pass, int sequences, int length) {
    const struct ltm_model_config *c = &pass->decoder->config;
    const int head_dim = c->dim / c->heads;
    pass->sequences = sequences;
    pass->length = length;
    pass->self = (struct attention_shape){sequences, length, c->heads, c->kv_heads, head_dim, c->window};
    pass->across =
        (struct cross_shape){sequences, length, model_layer_latents(c), c->heads, c->kv_heads, head_dim, c->dim};
}

static size_t arena_bytes(const struct decoder *decoder, int sequences, int length, bool training) {
    struct decoder_pass pass = {.decoder = decoder, .training = training};
    struct arena arena = {0};
    set_shape(&pass, sequences, length);
    lay_out(&pass, &arena);
    return arena.used;
}

/* The widest products' operands in bf16; oneDNN's own room for a weight's gradient is about another megabyte. */
static size_t work_bytes(const struct decoder *decoder, int rows, bool training) {
    const int block = output_loss_rows(decoder->config.vocab);
    if (!decoder->output.packed) return 0;
    const size_t layer = linear_work_bytes(&decoder->products[0].w13, rows, training);
    const size_t output = linear_work_bytes(&decoder->output, rows < block ? rows : block, training);
    return (layer > output ? layer : output) + ((size_t)1 << 20);
}

size_t decoder_pass_bytes(const struct decoder *decoder, int sequences, int length, bool training) {
    return arena_bytes(decoder, sequences, length, training) + work_bytes(decoder, sequences * length, training);
}

void decoder_pass_prepare(struct decoder_pass *pass) {
    /* The top layer has every product; the others have the same shapes. */
    const struct layer_products *layer = &pass->decoder->products[pass->decoder->config.layers - 1];
    const int rows = pass->sequences * pass->length;
    linear_prepare(pass->work, &layer->wqkv, rows, false, pass->training);
    linear_prepare(pass->work, &layer->wo, rows, true, pass->training);
    if (pass->decoder->config.latents) linear_prepare(pass->work, &layer->cross_wq, rows, false, pass->training);
    linear_prepare(pass->work, &layer->w13, rows, false, pass->training);
    linear_prepare(pass->work, &layer->w2, rows, true, pass->training);
    output_loss_prepare(pass->work, &pass->decoder->output, rows, pass->training);
}

ltm_status decoder_pass_create(struct decoder_pass **pass, const struct decoder *decoder, int sequences, int length,
                               bool training, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct decoder_pass *made = NULL;
    struct arena arena = {0};
    *pass = NULL;
    TRY(NEW_ARRAY(made, 1, "a workspace", error));
    made->decoder = decoder;
    made->training = training;
    set_shape(made, sequences, length);
    TRY(memory_zeroed(&made->block, arena_bytes(decoder, sequences, length, training), 1, "a thread's workspace",
                      error));
    arena.base = made->block;
    lay_out(made, &arena);
    if (decoder->output.packed) TRY(bf16_work_create(&made->work, error));
    *pass = made;
    return LTM_OK;
cleanup:
    decoder_pass_free(made);
    return status;
}

void decoder_pass_free(struct decoder_pass *pass) {
    if (!pass) return;
    bf16_work_free(pass->work);
    free(pass->block);
    free(pass);
}

const struct decoder *decoder_pass_decoder(const struct decoder_pass *pass) { return pass->decoder; }

void decoder_pass_shape(struct decoder_pass *pass, int sequences, int length) { set_shape(pass, sequences, length); }
