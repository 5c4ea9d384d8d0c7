#include "train/heldout_mean.h"

#include <math.h>

#include "config/chunks.h"
#include "latent/score_streaming.h"

static int64_t count_of(const struct session *s, int k) { return s->heldout.parts[k]->count; }

struct score_summary heldout_mean(const struct session *s, const struct sequence_score *scores) {
    struct score_summary mean = {0};
    if (s->corpora.count == 1) return score_summarise(scores, count_of(s, 0));
    for (int k = 0; k < s->corpora.count; scores += count_of(s, k++)) {
        const struct score_summary one = score_summarise(scores, count_of(s, k));
        const double share = s->corpus[k].share;
        mean.recon += share * one.recon;
        mean.kl += share * one.kl;
        mean.bound += share * one.bound;
        mean.recon_error = hypot(mean.recon_error, share * one.recon_error);
        mean.kl_error = hypot(mean.kl_error, share * one.kl_error);
        mean.bound_error = hypot(mean.bound_error, share * one.bound_error);
    }
    return mean;
}

struct ltm_stream_scores heldout_stream(const struct session *s, const struct sequence_score *scores) {
    const struct ltm_model_config *model = &s->config.model;
    const int parts = score_parts(model, model->sequence);
    struct ltm_stream_scores mean = {.parts = parts, .memory = !model_streams(model)};
    if (s->corpora.count == 1) return score_streaming_summarise(scores, count_of(s, 0), model);
    for (int k = 0; k < s->corpora.count; scores += count_of(s, k++)) {
        const struct ltm_stream_scores one = score_streaming_summarise(scores, count_of(s, k), model);
        const double share = s->corpus[k].share;
        mean.drawn += share * one.drawn;
        mean.frozen += share * one.frozen;
        mean.others += share * one.others;
        mean.zero += share * one.zero;
        mean.carried += share * one.carried;
        mean.carried_error = hypot(mean.carried_error, share * one.carried_error);
        for (int p = 0; p < parts; p++) {
            mean.part[p] += share * one.part[p];
            mean.frozen_part[p] += share * one.frozen_part[p];
        }
    }
    return mean;
}

/* Of the scored text of one corpus. */
static double tokens_of(const struct session *s, int k) {
    const struct sequence_score *scores = s->heldout_scores;
    double tokens = 0;
    for (int j = 0; j < k; j++) scores += count_of(s, j);
    for (int64_t i = 0; i < count_of(s, k); i++) tokens += scores[i].tokens;
    return tokens;
}

double heldout_bits(const struct session *s, double bound) {
    const double tokens = tokens_of(s, 0);
    double bytes = 0; /* a token, on average by share */
    if (!(s->corpus[0].heldout_bytes > 0)) return NAN;
    if (s->corpora.count == 1) return bound * tokens / s->corpus[0].heldout_bytes / log(2);
    for (int k = 0; k < s->corpora.count; k++)
        bytes += s->corpus[k].share * s->corpus[k].heldout_bytes / tokens_of(s, k);
    return bound / bytes / log(2);
}

int heldout_each(struct ltm_corpus_score each[LTM_CORPORA_MOST], const struct session *s,
                 const struct sequence_score *scores) {
    if (s->corpora.count == 1) return 0;
    for (int k = 0; k < s->corpora.count; scores += count_of(s, k++)) {
        const struct session_corpus *c = &s->corpus[k];
        const struct score_summary one = score_summarise(scores, count_of(s, k));
        const double bits = one.bound * tokens_of(s, k) / c->heldout_bytes / log(2); /* infinite without bytes */
        each[k] = (struct ltm_corpus_score){c->path, c->share, one.recon, one.kl, one.bound, one.bound_error, bits};
    }
    return s->corpora.count;
}
