#include "ltm/twin.h"

#include <math.h>
#include <stddef.h>

#include "base/error.h"
#include "config/config_keys.h"
#include "config/corpora.h"
#include "ltm/corpus.h"
#include "ltm/model.h"
#include "ltm/train.h"
#include "stages/model_shape.h"

enum { FFN_MOST = 1 << 16, HEADS_MOST = 1 << 12 };

const char *ltm_twin_name(int kind) {
    static const char *const names[] = {"parameters", "compute", "width", "attention"};
    return kind >= 0 && kind < 4 ? names[kind] : NULL;
}

/* A feed-forward width of at least the usual one can be had exactly: as the one multiple of itself. */
static void set_ffn_width(struct ltm_model_config *m, double width) {
    const int usual = model_ffn_usual(m);
    const double clamped = fmin(fmax(round(width), usual), FFN_MOST);
    m->ffn_multiple = clamped < 1 ? 1 : (int)clamped;
}

/* The feed-forward matrices of each layer, width by dim, take the weights of the cross-attention. */
static void match_parameters(struct ltm_model_config *m, int64_t parameters) {
    const int width = model_ffn_width(m);
    const double missing = (double)(parameters - ltm_parameter_count(m));
    set_ffn_width(m, width + missing / ((double)model_ffn_matrices(m) * m->dim * m->layers));
}

/* The tokens that whole slow steps of equal compute make. */
static ltm_status match_tokens(struct ltm_config *twin, double flops, struct ltm_error *error) {
    const double a_step = (double)twin->slow.batch * twin->model.sequence;
    const double steps = round(flops / (ltm_training_flops(twin) * a_step));
    const double tokens = fmax(steps, 1) * a_step;
    if (tokens > RUN_TOKENS_MOST)
        return fail(error, LTM_INVALID,
                    "the twin of equal compute reads %.2g tokens, but the maximum is %.0e; lower run.tokens", tokens,
                    RUN_TOKENS_MOST);
    twin->run.tokens = (int64_t)tokens;
    return LTM_OK;
}

enum { WIDER = 64 };

/* The most heads of the same size that cost no more than `flops` a token, and then the feed-forward width. */
static void match_width(struct ltm_config *twin, double flops) {
    struct ltm_model_config *m = &twin->model;
    struct ltm_model_config wider = *m;
    const int head = m->dim / m->heads;
    const int kv_heads = m->kv_heads;
    const int heads = m->heads;
    for (int times = 1; wider.heads <= HEADS_MOST; times++) {
        /* Steps that keep heads a multiple of kv_heads, and their ratio. */
        wider.kv_heads = kv_heads == heads ? times : times * kv_heads;
        wider.heads = kv_heads == heads ? times : times * heads;
        wider.dim = wider.heads * head;
        struct ltm_config next = *twin;
        next.model = wider;
        if (wider.dim > FFN_MOST || ltm_training_flops(&next) > flops) break;
        if (wider.dim >= m->dim) *m = wider;
    }
    /* Operations rise with the feed-forward width in a straight line. */
    const int width = model_ffn_width(m);
    const double missing = flops - ltm_training_flops(twin);
    set_ffn_width(m, width + WIDER);
    const double each = (ltm_training_flops(twin) - flops + missing) / (model_ffn_width(m) - width);
    set_ffn_width(m, width + missing / each);
}

ltm_status ltm_config_twin(struct ltm_config *twin, const struct ltm_config *config, enum ltm_twin kind,
                           struct ltm_error *error) {
    struct ltm_config from = *config;
    PASS_UP(ltm_config_check(config, error));
    const bool attention = kind == LTM_TWIN_ATTENTION;
    if (from.model.kind == LTM_MODEL_SOLVER)
        return fail(error, LTM_INVALID,
                    "a solver of puzzles has no twin; its controls are solver.inner = 0 with solver.cycles = 1, and a "
                    "language model on the same puzzles as text (ltm corpus synth)");
    const bool plain = from.model.latents == 0 && from.model.memory == LTM_MEMORY_NONE;
    if (plain && !attention)
        return fail(error, LTM_INVALID, "latent.count = 0 is already a plain decoder, which has no twin of %s",
                    ltm_twin_name(kind));
    if (plain && from.model.window == from.model.sequence)
        return fail(error, LTM_INVALID,
                    "latent.count = 0 with model.window = model.sequence is already the decoder with full attention");
    if (from.model.kv_heads == LTM_AUTO) from.model.kv_heads = from.model.heads;
    PASS_UP(ltm_vocabulary_find(&from, error));
    if (from.model.vocab == LTM_AUTO && kind != LTM_TWIN_PARAMETERS && !attention)
        return fail(error, LTM_INVALID,
                    "compute depends on the vocabulary, which neither data.tokenizer nor the "
                    "corpus %.300s gives; build the corpus, or set model.vocab",
                    corpora_text(&from));
    const double flops = ltm_training_flops(&from); /* a token */
    *twin = from;
    twin->model.latents = 0;
    twin->model.memory = LTM_MEMORY_NONE;
    if (!plain) match_parameters(&twin->model, ltm_parameter_count(&from.model));
    if (attention) twin->model.window = twin->model.sequence;
    if (kind == LTM_TWIN_COMPUTE) {
        PASS_UP(match_tokens(twin, flops * (double)ltm_training_tokens(&from), error));
    }
    if (kind == LTM_TWIN_WIDTH) {
        twin->model = from.model;
        twin->model.latents = 0;
        twin->model.memory = LTM_MEMORY_NONE;
        match_width(twin, flops);
    }
    return ltm_config_check(twin, error);
}
