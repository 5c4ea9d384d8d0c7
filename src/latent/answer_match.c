#include "latent/answer_match.h"

#include "math/vector.h"

/* Whether no token is likelier than the target; a soft cap preserves the order. */
static bool is_likeliest(const struct linear *e, const float *state, int target) {
    const size_t d = (size_t)e->in;
    const float most = vector_dot(e->weight + (size_t)target * d, state, d);
    for (int v = 0; v < e->out; v++)
        if (vector_dot(e->weight + (size_t)v * d, state, d) > most) return false;
    return true;
}

void answer_match(double *answers, double *matches, const struct worker *w, int g, int length) {
    const struct decoder *decoder = decoder_pass_decoder(w->pass);
    const struct linear *e = &decoder_stage_weights(decoder, decoder->plan.count - 1).products[0];
    const size_t at = (size_t)g * (size_t)length;
    const float *states = decoder_output(w->pass) + at * (size_t)e->in;
    const int32_t end = decoder->plan.config.document_end;
    bool right = true;
    for (int t = 0; t < length; t++) {
        const int32_t target = w->targets[at + (size_t)t];
        if (w->weights[at + (size_t)t] == 0) continue;
        right = right && is_likeliest(e, states + (size_t)t * (size_t)e->in, target);
        if (target != end) continue;
        *answers += 1;
        *matches += right;
        right = true;
    }
}
