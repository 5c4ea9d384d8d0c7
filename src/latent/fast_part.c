#include "latent/fast_part.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/chunks.h"
#include "stages/model_shape.h"

/* A part [begin, end) of a text, which is read from `from` on. */
struct span {
    int from, begin, end;
};

static struct span span_of(const struct ltm_model_config *model, int parts, int i, int length) {
    const int64_t before = (int64_t)model_depth(model) * (model->window - 1);
    const struct span s = {.begin = (int)((int64_t)length * i / parts),
                           .end = (int)((int64_t)length * (i + 1) / parts)};
    return (struct span){s.begin > before ? s.begin - (int)before : 0, s.begin, s.end};
}

static int longest(const struct ltm_model_config *model, int parts, int length) {
    int most = 0;
    for (int i = 0; i < parts; i++) {
        const struct span s = span_of(model, parts, i, length);
        most = s.end - s.from > most ? s.end - s.from : most;
    }
    return most;
}

static bool has_parts(const struct ltm_model_config *model, const struct ltm_fast_config *fast) {
    return fast && fast->text_parts > 1 && model->latents > 0 && !model_streams(model);
}

size_t fast_part_bytes(const struct plan *plan, const struct ltm_fast_config *fast, int sequences, int length,
                       bool in_bf16) {
    if (!has_parts(&plan->config, fast)) return 0;
    const int most = longest(&plan->config, fast->text_parts, length);
    return decoder_pass_bytes(plan, sequences, most, 0, in_bf16) +
           4 * sizeof(float) * (size_t)sequences * (size_t)most; /* an int32_t is as large */
}

ltm_status fast_part_create(struct fast_part *part, const struct decoder *decoder, const struct ltm_fast_config *fast,
                            const int32_t *tokens, const int32_t *targets, int sequences, int length,
                            struct ltm_error *error) {
    const struct ltm_model_config *model = &decoder->plan.config;
    ltm_status status = LTM_OK;
    *part = (struct fast_part){.model = model, .parts = 1, .all_tokens = tokens, .all_targets = targets};
    if (!has_parts(model, fast)) return LTM_OK;
    part->parts = fast->text_parts;
    const int most = longest(model, part->parts, length);
    const size_t rows = (size_t)sequences * (size_t)most;
    TRY(decoder_pass_create(&part->pass, decoder, sequences, most, 0, error));
    TRY(NEW_ARRAY(part->tokens, rows, "tokens", error));
    TRY(NEW_ARRAY(part->targets, rows, "tokens", error));
    TRY(NEW_ARRAY(part->weights, rows, "tokens", error));
    TRY(NEW_ARRAY(part->nll, rows, "tokens", error));
    TRY(fast_part_prepare(part, sequences, length, error));
cleanup:
    return status;
}

void fast_part_free(struct fast_part *part) {
    decoder_pass_free(part->pass);
    free(part->tokens);
    free(part->targets);
    free(part->weights);
    free(part->nll);
    *part = (struct fast_part){0};
}

ltm_status fast_part_prepare(const struct fast_part *part, int sequences, int length, struct ltm_error *error) {
    for (int i = 0; part->pass && i < part->parts; i++) {
        const struct span s = span_of(part->model, part->parts, i, length);
        PASS_UP(decoder_prepare(part->pass, sequences, s.end - s.from, error));
    }
    return LTM_OK;
}

void fast_part_gradient(const struct fast_part *part, int i, int loops, const float *z, const float *weights,
                        float *nll, float *dz, int sequences, int length) {
    const struct span s = span_of(part->model, part->parts, i, length);
    const int read = s.end - s.from;
    const float n = (float)part->parts;
    for (int g = 0; g < sequences; g++) {
        const size_t to = (size_t)g * (size_t)read;
        const size_t at = (size_t)g * (size_t)length + (size_t)s.from;
        memcpy(part->tokens + to, part->all_tokens + at, (size_t)read * sizeof *part->tokens);
        memcpy(part->targets + to, part->all_targets + at, (size_t)read * sizeof *part->targets);
        for (int t = 0; t < read; t++)
            part->weights[to + (size_t)t] = s.from + t < s.begin ? 0 : n * (weights ? weights[at + (size_t)t] : 1);
    }
    decoder_begin_at(part->pass, part->tokens, part->targets, sequences, read, s.from);
    decoder_pass_loops(part->pass, loops);
    decoder_latent_gradient(part->pass, z, part->weights, part->nll, dz);
    memset(nll, 0, (size_t)sequences * (size_t)length * sizeof *nll);
    for (int g = 0; g < sequences; g++)
        for (int t = s.begin; t < s.end; t++)
            nll[(size_t)g * (size_t)length + (size_t)t] = n * part->nll[g * read + t - s.from];
}

double fast_part_share(const struct ltm_model_config *model, const struct ltm_fast_config *fast) {
    double read = 0;
    if (!has_parts(model, fast)) return 1;
    for (int i = 0; i < fast->text_parts; i++) {
        const struct span s = span_of(model, fast->text_parts, i, model->sequence);
        read += s.end - s.from;
    }
    return read / fast->text_parts / model->sequence;
}
