/* What a training has of pairs in place of a corpus (data.kind = pairs). */
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "ltm/names.h"
#include "train/session_pairs.h"

/* Held out: all of data.heldout, or a twentieth of data.corpus. */
static ltm_status open_heldout(struct session *s, struct pair_options options, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    const bool own = c->data.heldout[0];
    options.path = own ? c->data.heldout : c->data.corpus;
    options.part = own ? PAIRS_ALL : PAIRS_HELDOUT;
    PASS_UP(pair_source_open(&s->heldout_pairs, &options, error));
    if (s->heldout_pairs.pairs > 0) {
        pair_source_limit(&s->heldout_pairs, c->run.eval_sequences);
        const struct sequence_source *source = &s->heldout_pairs.source;
        mixture_joined(&s->heldout, &source, 1);
        return LTM_OK;
    }
    if (c->run.eval_every == 0) return LTM_OK;
    return fail(error, LTM_INVALID,
                "%s is too small for a held-out twentieth; name a file in data.heldout, or set run.eval_every = 0",
                c->data.corpus);
}

ltm_status session_open_pairs(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    struct ltm_tokenizer *tokenizer = NULL;
    ltm_status status = LTM_OK;
    TRY(ltm_tokenizer_open(&tokenizer, s->tokenizer, error));
    const struct pair_options options = {.path = c->data.corpus,
                                         .part = c->data.heldout[0] ? PAIRS_ALL : PAIRS_TRAINING,
                                         .preferences = c->slow.objective == LTM_OBJECTIVE_DPO,
                                         .tokenizer = tokenizer,
                                         .model = &c->model};
    TRY(pair_source_open(&s->train_pairs, &options, error));
    pair_source_train(&s->train_pairs, c->run.seed);
    const struct sequence_source *source = &s->train_pairs.source;
    TRY(mixture_by_share(&s->train, &source, &(double){1}, 1, error));
    TRY(open_heldout(s, options, error));
cleanup:
    ltm_tokenizer_close(tokenizer);
    return status;
}

ltm_status session_name_pairs(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    char sums[2][17] = {"", ""};
    char name[64];
    PASS_UP(checksum_file(sums[0], c->data.corpus, error));
    if (c->data.heldout[0]) PASS_UP(checksum_file(sums[1], c->data.heldout, error));
    const int length = snprintf(name, sizeof name, "%s %s %s", sums[0], sums[1], s->digest);
    checksum_hex(sums[0], name, (size_t)length);
    snprintf(s->state.corpus, sizeof s->state.corpus, "%s", sums[0]);
    return LTM_OK;
}

void session_describe_pairs(const struct session *s) {
    const struct pair_source *p = &s->train_pairs;
    const double passes =
        (double)ltm_training_tokens(&s->config) / (double)s->config.model.sequence / (double)p->sequences;
    watch_message(&s->hooks->watch, "%.*f passes over the %lld pair%s of %s, in %lld sequence%s; %lld held out",
                  passes < 100 ? 2 : 0, passes, (long long)p->pairs, ltm_plural(p->pairs), s->config.data.corpus,
                  (long long)p->sequences, ltm_plural(p->sequences), (long long)s->heldout_pairs.pairs);
    if (p->too_long + s->heldout_pairs.too_long)
        watch_message(&s->hooks->watch,
                      "%lld training pairs and %lld held-out pairs are longer than model.sequence = "
                      "%d and left out, the first at line %lld",
                      (long long)p->too_long, (long long)s->heldout_pairs.too_long, s->config.model.sequence,
                      (long long)(p->too_long ? p->first_long : s->heldout_pairs.first_long));
}
