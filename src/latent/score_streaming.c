#include "latent/score_streaming.h"

#include <math.h>
#include <string.h>

#include "config/chunks.h"

/* The chunk that a token is in, of those from which to which something is carried. */
static int chunk_of(const struct ltm_model_config *model, int token) {
    return token / (model_streams(model) ? model_chunk(model) : model_memory_chunk(model));
}

int score_parts(const struct ltm_model_config *model, int length) {
    const int chunks = chunk_of(model, length - 1) + 1;
    return chunks < SCORE_PARTS ? chunks : SCORE_PARTS;
}

/* -log p of each sequence, read in one of the ways, into the loop's nll. */
static void read_all(struct worker *w, const struct streaming_reading *how, int count, int length) {
    struct streaming_reading reading = *how;
    reading.tokens = w->tokens;
    reading.targets = w->targets;
    reading.weights = w->loop.weights;
    reading.nll = w->loop.nll;
    streaming_read(&w->streaming, w->pass, &reading, count, length);
}

/* Sums of nll and of the tokens' weights, by position. */
static void add_parts(const struct worker *w, int g, int length, double *parts, double *tokens) {
    const struct ltm_model_config *model = w->streaming.config;
    const int chunks = chunk_of(model, length - 1) + 1;
    const int count = score_parts(model, length);
    const size_t at = (size_t)g * (size_t)length;
    for (int t = 0; t < length; t++) {
        const double weight = w->loop.weights ? (double)w->loop.weights[at + (size_t)t] : 1;
        const int part = (int)((int64_t)chunk_of(model, t) * count / chunks);
        parts[part] += weight * (double)w->loop.nll[at + (size_t)t];
        if (tokens) tokens[part] += weight;
    }
}

/* The states of another sequence, if this group has only one, into the trail. False if there is none, or it has an id
 * outside the vocabulary: the worker that scores that one reports it. */
static bool trail_of_another(struct worker *w, const struct sequence_source *source, int64_t first, int length) {
    const uint32_t number = w->numbers[0];
    if (source->count < 2) return false;
    const bool known = worker_begin(w, source, first ? first - 1 : first + 1, number, 1, length);
    if (known) read_all(w, &(struct streaming_reading){.trail = true}, 1, length);
    worker_begin(w, source, first, number, 1, length);
    return known;
}

static void leave_state(struct worker *w, int count) {
    const size_t n = (size_t)count * w->streaming.latents;
    memcpy(w->loop.mu, w->streaming.u, n * sizeof(float));
    for (size_t i = 0; i < n; i++) w->loop.logvar[i] = -logf(w->streaming.lambda[i]);
    memset(w->loop.noise, 0, n * sizeof(float));
}

static double nll_of(const struct worker *w, int g, int length) { return fast_loop_nll(&w->loop, g, 0, length); }

void score_streaming(struct worker *w, int count, int length, struct sequence_score *scores) {
    read_all(w, &(struct streaming_reading){.trail = true}, count, length);
    leave_state(w, count);
    for (int g = 0; g < count; g++) {
        scores[g].recon = nll_of(w, g, length);
        add_parts(w, g, length, scores[g].parts, scores[g].part_tokens);
    }
}

void score_streaming_controls(struct worker *w, const struct sequence_source *source, int64_t first, int count,
                              int length, int samples, uint64_t seed, struct sequence_score *scores) {
    const struct noise_source noise = {{.seed = seed, .purpose = RANDOM_SCORE_NOISE}, w->numbers};
    const bool other = count > 1 || trail_of_another(w, source, first, length);
    if (other) read_all(w, &(struct streaming_reading){.z = STREAMING_OTHERS}, count, length);
    for (int g = 0; g < count; g++) scores[g].others = other ? nll_of(w, g, length) : NAN;
    read_all(w, &(struct streaming_reading){.z = STREAMING_ZERO}, count, length);
    for (int g = 0; g < count; g++) scores[g].zero = nll_of(w, g, length);
    read_all(w, &(struct streaming_reading){.z = STREAMING_FROZEN}, count, length);
    for (int g = 0; g < count; g++) {
        scores[g].frozen = nll_of(w, g, length);
        add_parts(w, g, length, scores[g].frozen_parts, NULL);
    }
    for (int k = 0; k < samples; k++) {
        read_all(w, &(struct streaming_reading){.noise = &noise, .sample = k}, count, length);
        for (int g = 0; g < count; g++) scores[g].drawn += nll_of(w, g, length) / samples;
    }
}

void score_memory(struct worker *w, int count, int length, struct sequence_score *scores) {
    for (int g = 0; g < count; g++) add_parts(w, g, length, scores[g].parts, scores[g].part_tokens);
    decoder_rest_memory(w->pass, true);
    decoder_begin(w->pass, w->tokens, w->targets, count, length);
    decoder_score(w->pass, NULL, w->loop.nll);
    decoder_rest_memory(w->pass, false);
    for (int g = 0; g < count; g++) {
        scores[g].frozen = nll_of(w, g, length);
        scores[g].others = scores[g].zero = NAN;
        add_parts(w, g, length, scores[g].frozen_parts, NULL);
    }
}

struct ltm_stream_scores score_streaming_summarise(const struct sequence_score *scores, int64_t count,
                                                   const struct ltm_model_config *model) {
    const int parts = score_parts(model, model->sequence);
    struct ltm_stream_scores s = {.parts = parts, .memory = !model_streams(model)};
    double tokens = 0;
    double squares = 0;
    double part_tokens[SCORE_PARTS] = {0};
    for (int64_t i = 0; i < count; i++) {
        const struct sequence_score *score = &scores[i];
        tokens += score->tokens;
        s.drawn += score->drawn;
        s.frozen += score->frozen;
        s.others += score->others;
        s.zero += score->zero;
        s.carried += score->frozen - score->recon;
        for (int p = 0; p < parts; p++) {
            s.part[p] += score->parts[p];
            s.frozen_part[p] += score->frozen_parts[p];
            part_tokens[p] += score->part_tokens[p];
        }
    }
    s.carried /= tokens;
    for (int64_t i = 0; i < count; i++) {
        const double off = scores[i].frozen - scores[i].recon - s.carried * scores[i].tokens;
        squares += off * off;
    }
    s.carried_error = count > 1 ? sqrt((double)count / (double)(count - 1) * squares) / tokens : NAN;
    s.drawn = s.memory ? NAN : s.drawn / tokens;
    s.frozen /= tokens;
    s.others /= tokens;
    s.zero /= tokens;
    for (int p = 0; p < parts; p++) {
        s.part[p] /= part_tokens[p];
        s.frozen_part[p] /= part_tokens[p];
    }
    return s;
}
