#include "train/session_corpora.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "ltm/tokenizer.h"
#include "text/corpus_info.h"
#include "train/session_pairs.h"
#include "train/session_puzzles.h"

/* A corpus that says which tokenizer it was made with, the first where none does; its *info, where it is *known. All that say so say the
 * same. */
static ltm_status find_info(struct session *s, const char **corpus, struct ltm_corpus_info *info, bool *known,
                            struct ltm_error *error) {
    *corpus = s->corpus[0].path;
    *known = false;
    for (int k = 0; k < s->corpora.count; k++) {
        struct ltm_corpus_info one;
        bool says;
        PASS_UP(corpus_info_find(&one, &says, s->corpus[k].path, error));
        if (says && *known && strcmp(one.tokenizer_digest, info->tokenizer_digest) != 0)
            return fail(error, LTM_MISMATCH,
                        "the corpus %.300s was built with tokenizer %s, but %.300s with %s; rebuild "
                        "one of them with the other's tokenizer.model",
                        *corpus, info->tokenizer_digest, s->corpus[k].path, one.tokenizer_digest);
        if (says && !*known) *corpus = s->corpus[k].path, *info = one, *known = true;
    }
    return LTM_OK;
}

/* Which tokenizer the corpus was made with, and so the vocabulary. */
static ltm_status find_tokenizer(struct session *s, struct ltm_error *error) {
    struct ltm_config *c = &s->config;
    struct ltm_corpus_info info = {0};
    struct ltm_tokenizer *tokenizer = NULL;
    const char *corpus;
    bool known;
    ltm_status status = LTM_OK;
    if (c->data.kind == LTM_DATA_PAIRS && !c->data.tokenizer[0])
        return fail(error, LTM_INVALID,
                    "data.kind = pairs reads text; name a tokenizer in data.tokenizer (with run.from, "
                    "the one beside those weights)");
    PASS_UP(find_info(s, &corpus, &info, &known, error));
    if (c->data.tokenizer[0])
        snprintf(s->tokenizer, sizeof s->tokenizer, "%s", c->data.tokenizer);
    else if (folder_exists(corpus)) {
        TRY(path_join(s->tokenizer, sizeof s->tokenizer, corpus, "tokenizer.model", error));
        if (!file_exists(s->tokenizer)) s->tokenizer[0] = 0;
    }
    if (s->tokenizer[0]) {
        TRY(ltm_tokenizer_open(&tokenizer, s->tokenizer, error));
        snprintf(s->digest, sizeof s->digest, "%s", ltm_tokenizer_digest(tokenizer));
        if (known && strcmp(s->digest, info.tokenizer_digest) != 0)
            TRY(fail(error, LTM_MISMATCH,
                     "the corpus %s was built with tokenizer %s, but %s is %s; set data.tokenizer "
                     "to the right one or leave it out",
                     corpus, info.tokenizer_digest, s->tokenizer, s->digest));
    }
    const int vocab = tokenizer ? ltm_tokenizer_vocab(tokenizer) : known ? info.vocab : LTM_AUTO;
    if (c->model.vocab == LTM_AUTO) c->model.vocab = vocab;
    if (c->model.vocab == LTM_AUTO)
        status = fail(error, LTM_INVALID, "%s does not give its vocabulary; set model.vocab or data.tokenizer", corpus);
    else if (c->model.packing != LTM_PACKING_PACKED && c->model.document_end == LTM_AUTO && !tokenizer)
        status = fail(error, LTM_INVALID,
                      "without a tokenizer, the ends of the documents of %s are unknown; set data.document_end or "
                      "data.tokenizer",
                      corpus);
    else if (vocab != LTM_AUTO && c->model.vocab < vocab)
        status = fail(error, LTM_INVALID, "model.vocab = %d is less than the tokenizer's %d; use auto", c->model.vocab,
                      vocab);
    else if (c->model.packing != LTM_PACKING_PACKED && c->model.document_end == LTM_AUTO)
        c->model.document_end = ltm_tokenizer_end(tokenizer);
cleanup:
    ltm_tokenizer_close(tokenizer);
    return status;
}

/* What bits a byte divide by. */
static ltm_status count_heldout_bytes(struct session *s, struct session_corpus *corpus,
                                      const struct sequence_source *source, struct ltm_error *error) {
    const size_t T = (size_t)s->config.model.sequence;
    struct ltm_tokenizer *tokenizer = NULL;
    int32_t *tokens = NULL;
    float *weights = NULL;
    ltm_status status = LTM_OK;
    if (!s->tokenizer[0]) return LTM_OK;
    TRY(ltm_tokenizer_open(&tokenizer, s->tokenizer, error));
    TRY(NEW_ARRAY(tokens, 2 * T, "a sequence", error));
    TRY(NEW_ARRAY(weights, T, "a sequence", error));
    for (int64_t i = 0; i < source->count; i++)
        corpus->heldout_bytes += sequence_bytes(source, tokenizer, i, 0, (int)T, tokens, tokens + T, weights);
cleanup:
    ltm_tokenizer_close(tokenizer);
    free(tokens);
    free(weights);
    return status;
}

/* None where a corpus was built without one and no score is asked for. */
static ltm_status open_heldout(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    const struct sequence_source *parts[LTM_CORPORA_MOST];
    const int n = s->corpora.count;
    for (int k = 0; k < n; k++) {
        struct ltm_corpus_info info;
        bool known;
        PASS_UP(corpus_info_find(&info, &known, s->corpus[k].path, error));
        if (!known || info.heldout.tokens > 0) continue;
        if (c->run.eval_every == 0) return LTM_OK;
        return fail(error, LTM_INVALID,
                    "%s contains no held-out text to score: set run.eval_every = 0, or build "
                    "it with --heldout or --heldout-files",
                    s->corpus[k].path);
    }
    for (int k = 0; k < n; k++) {
        struct session_corpus *corpus = &s->corpus[k];
        PASS_UP(token_stream_open(&corpus->heldout, corpus->path, "heldout", error));
        PASS_UP(heldout_windows(&corpus->heldout_windows, corpus->heldout, &c->model,
                                (c->run.eval_sequences + n - 1) / n, error));
        parts[k] = &corpus->heldout_windows.source;
    }
    mixture_joined(&s->heldout, parts, n);
    return LTM_OK;
}

static ltm_status open_streams(struct session *s, struct ltm_error *error) {
    for (int k = 0; k < s->corpora.count; k++) {
        struct session_corpus *corpus = &s->corpus[k];
        if (file_exists(corpus->path) && !folder_exists(corpus->path))
            return fail(error, LTM_INVALID,
                        "%s = %s is one file, which cannot be both training and held-out text; name a folder "
                        "with both splits",
                        s->config.data.corpora[0] ? "data.corpora" : "data.corpus", corpus->path);
        PASS_UP(token_stream_open(&corpus->train, corpus->path, "train", error));
    }
    return LTM_OK;
}

ltm_status session_open_corpora(struct session *s, struct ltm_error *error) {
    PASS_UP(corpora_read(&s->corpora, &s->config, error));
    if (s->corpora.count == 0)
        return fail(error, LTM_INVALID, "data.corpus is not set; build one with ltm corpus build and name its folder");
    for (int k = 0; k < s->corpora.count; k++) {
        struct session_corpus *corpus = &s->corpus[k];
        corpus->path = s->corpora.each[k].path;
        corpus->share = s->corpora.each[k].share;
    }
    if (s->config.model.kind == LTM_MODEL_SOLVER) return session_open_puzzles(s, error);
    const bool pairs = s->config.data.kind == LTM_DATA_PAIRS;
    if (!pairs) PASS_UP(open_streams(s, error));
    PASS_UP(find_tokenizer(s, error));
    PASS_UP(pairs ? session_open_pairs(s, error) : open_heldout(s, error));
    if (s->heldout.count == 0) return LTM_OK;
    for (int k = 0; k < s->corpora.count; k++)
        PASS_UP(count_heldout_bytes(s, &s->corpus[k], s->heldout.parts[k], error));
    /* Of each sequence, and then of each by the averaged weights. */
    return NEW_ARRAY(s->heldout_scores, 2 * (size_t)mixture_source(&s->heldout)->count, "held-out sequences", error);
}

/* A corpus is known by its counts of tokens, its tokenizer, and the checksum of corpus.json, which holds those of its shards. */
static ltm_status corpus_sum(char hex[17], const struct session *s, const struct session_corpus *corpus,
                             struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    char name[160];
    ltm_status status = path_join(path, sizeof path, corpus->path, "corpus.json", error);
    hex[0] = 0;
    if (status == LTM_OK && file_exists(path)) status = checksum_file(hex, path, error);
    const int length = snprintf(name, sizeof name, "%lld %lld %s %s", (long long)token_stream_count(corpus->train),
                                (long long)(corpus->heldout ? token_stream_count(corpus->heldout) : 0), s->digest, hex);
    checksum_hex(hex, name, (size_t)length);
    return status;
}

ltm_status session_name_corpora(struct session *s, struct ltm_error *error) {
    char name[LTM_CORPORA_MOST * 64];
    char hex[17];
    size_t used = 0;
    if (s->config.model.kind == LTM_MODEL_SOLVER) return session_name_puzzles(s, error);
    if (s->config.data.kind == LTM_DATA_PAIRS) return session_name_pairs(s, error);
    for (int k = 0; k < s->corpora.count; k++) {
        PASS_UP(corpus_sum(hex, s, &s->corpus[k], error));
        used += (size_t)snprintf(name + used, sizeof name - used, "%s %.9g ", hex, s->corpus[k].share);
    }
    if (s->corpora.count > 1) checksum_hex(hex, name, used);
    snprintf(s->state.corpus, sizeof s->state.corpus, "%s", hex);
    return LTM_OK;
}

/* How much there is of each corpus, and how often it is gone through. */
static void tell_passes(const struct session *s, const struct session_corpus *corpus) {
    const double count = (double)token_stream_count(corpus->train);
    const double passes = corpus->share * (double)ltm_training_tokens(&s->config) / count;
    char share[32] = "";
    if (s->corpora.count > 1) snprintf(share, sizeof share, ", %.4g %% of all", 100 * corpus->share);
    watch_message(&s->hooks->watch, "%.*f passes over the %.0f training tokens of %s%s", passes < 100 ? 2 : 0, passes,
                  count, corpus->path, share);
}

ltm_status session_mix_corpora(struct session *s, struct ltm_error *error) {
    const struct sequence_source *parts[LTM_CORPORA_MOST];
    double shares[LTM_CORPORA_MOST];
    if (s->config.model.kind == LTM_MODEL_SOLVER) {
        session_describe_puzzles(s);
        return LTM_OK;
    }
    if (s->config.data.kind == LTM_DATA_PAIRS) {
        session_describe_pairs(s);
        return LTM_OK;
    }
    for (int k = 0; k < s->corpora.count; k++) tell_passes(s, &s->corpus[k]);
    if (s->config.model.packing != LTM_PACKING_DOCUMENT)
        watch_message(
            &s->hooks->watch,
            s->config.model.packing == LTM_PACKING_PACKED
                ? "sequences run across documents (data.packing = packed; masked and document keep them apart)"
                : "sequences run across documents, without attention between them (data.packing = masked)");
    for (int k = 0; k < s->corpora.count; k++) {
        struct session_corpus *corpus = &s->corpus[k];
        struct stream_windows *windows = &corpus->train_windows;
        PASS_UP(training_windows(windows, corpus->train, &s->config.model, s->config.run.seed, error));
        if (s->config.fast.stored > 0) training_windows_again(windows);
        if (windows->pieces)
            watch_message(&s->hooks->watch,
                          "%lld documents and parts of documents, which fill %.0f %% of the tokens of their sequences",
                          (long long)windows->all, 100 * windows->fill);
        parts[k] = &windows->source;
        shares[k] = corpus->share;
    }
    return mixture_by_share(&s->train, parts, shares, s->corpora.count, error);
}
