#include "text/sequence_source.h"

#include <stdlib.h>

#include "base/memory.h"

static const struct stream_windows *windows_of(const struct sequence_source *source) {
    return (const struct stream_windows *)source;
}

static bool read_window(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                        float *weights) {
    const int64_t start = source->place(source, i);
    (void)weights;
    token_stream_read(windows_of(source)->stream, start, (size_t)length, tokens);
    token_stream_read(windows_of(source)->stream, start + 1, (size_t)length, targets);
    return false;
}

static bool read_piece(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                       float *weights) {
    const struct stream_windows *w = windows_of(source);
    const int64_t begin = source->place(source, i);
    const int64_t left = token_stream_count(w->stream) - begin;
    const int most = left < length ? (int)left : length;
    int n = 0;
    token_stream_read(w->stream, begin, (size_t)most, targets);
    while (n < most && targets[n++] != w->end) continue;
    tokens[0] = w->end;
    if (begin > 0) token_stream_read(w->stream, begin - 1, 1, tokens);
    for (int t = 0; t < length; t++) {
        if (t >= n) targets[t] = w->end;
        if (t > 0) tokens[t] = targets[t - 1];
        if (n < length) weights[t] = t < n ? 1 : 0;
    }
    return n < length;
}

static int64_t training_place(const struct sequence_source *source, int64_t i) {
    const struct stream_windows *w = windows_of(source);
    const int64_t at = sequence_start(&w->order, i);
    return w->pieces ? w->pieces[at] : at;
}

static int64_t heldout_place(const struct sequence_source *source, int64_t i) {
    const struct stream_windows *w = windows_of(source);
    const int64_t at = heldout_spread(i, source->count, w->all);
    return w->pieces ? w->pieces[at] : at * w->length;
}

/* The cutting of a run of tokens: statistics of the pieces' targets and documents' ends. */
struct cut {
    int64_t pieces, targets, ends;
};

/* Where pieces begin, into `begins` unless that is NULL. */
static struct cut cut_documents(const struct token_stream *stream, int length, int32_t end, int64_t *begins) {
    enum { AT_ONCE = 4096 };
    int32_t some[AT_ONCE];
    const int64_t all = token_stream_count(stream);
    struct cut cut = {0};
    int64_t begin = 0; /* of the present piece */
    bool fresh = true; /* it begins a document */
    for (int64_t from = 0; from < all; from += AT_ONCE) {
        const int count = (int)(all - from < AT_ONCE ? all - from : AT_ONCE);
        token_stream_read(stream, from, (size_t)count, some);
        for (int i = 0; i < count; i++) {
            const int64_t at = from + i;
            const bool ends = some[i] == end;
            cut.ends += ends;
            if (at == begin && ends && fresh) { /* a document without text */
                begin++;
                continue;
            }
            if (at == begin) {
                if (begins) begins[cut.pieces] = at;
                cut.pieces++;
            }
            cut.targets++;
            fresh = ends;
            if (ends || at - begin + 1 == length) begin = at + 1;
        }
    }
    return cut;
}

/* The pieces of windows->stream, if data.packing uses them. */
static ltm_status find_documents(struct stream_windows *windows, const struct ltm_model_config *model,
                                 struct ltm_error *error) {
    const struct token_stream *stream = windows->stream;
    if (model->packing == LTM_PACKING_PACKED) return LTM_OK;
    const struct cut cut = cut_documents(stream, model->sequence, model->document_end, NULL);
    if (cut.ends == 0 || cut.pieces == 0)
        return fail(error, LTM_INVALID,
                    "no document of the corpus ends with id %d; set data.document_end, or use data.packing = "
                    "packed",
                    model->document_end);
    if (model->packing == LTM_PACKING_MASKED) return LTM_OK;
    const ltm_status status = NEW_ARRAY(windows->pieces, (size_t)cut.pieces, "the list of documents", error);
    if (status != LTM_OK) return status;
    cut_documents(stream, model->sequence, model->document_end, windows->pieces);
    windows->source.read = read_piece;
    windows->all = cut.pieces;
    windows->fill = (double)cut.targets / ((double)cut.pieces * model->sequence);
    return LTM_OK;
}

ltm_status training_windows(struct stream_windows *windows, const struct token_stream *stream,
                            const struct ltm_model_config *model, uint64_t seed, struct ltm_error *error) {
    const int length = model->sequence;
    *windows = (struct stream_windows){.source = {.count = INT64_MAX, .read = read_window, .place = training_place},
                                       .stream = stream,
                                       .length = length,
                                       .end = model->document_end};
    const ltm_status status = find_documents(windows, model, error);
    if (status != LTM_OK || !windows->pieces)
        return status == LTM_OK ? sequence_order_init(&windows->order, token_stream_count(stream), length, seed, error)
                                : status;
    windows->order =
        (struct sequence_order){windows->all, windows->all, 1, seed, false}; /* a permutation of the pieces */
    return LTM_OK;
}

static int64_t training_number(const struct sequence_source *source, int64_t i) {
    return sequence_number(&windows_of(source)->order, i);
}

void training_windows_again(struct stream_windows *windows) {
    windows->order.again = true;
    windows->source.number = training_number;
    windows->source.distinct = windows->order.per_epoch;
}

ltm_status heldout_windows(struct stream_windows *windows, const struct token_stream *stream,
                           const struct ltm_model_config *model, int64_t most, struct ltm_error *error) {
    const int length = model->sequence;
    *windows = (struct stream_windows){.source = {.read = read_window, .place = heldout_place},
                                       .stream = stream,
                                       .length = length,
                                       .end = model->document_end};
    ltm_status status = find_documents(windows, model, error);
    if (status == LTM_OK && !windows->pieces)
        status = heldout_sequences(&windows->all, token_stream_count(stream), length, error);
    windows->source.count = most > 0 && most < windows->all ? most : windows->all;
    return status;
}

double sequence_bytes(const struct sequence_source *source, const struct ltm_tokenizer *tokenizer, int64_t i, int from,
                      int length, int32_t *tokens, int32_t *targets, float *weights) {
    double bytes = 0;
    const bool weighted = source->read(source, i, length, tokens, targets, weights);
    for (int t = from; t < length; t++)
        if (targets[t] < ltm_tokenizer_vocab(tokenizer) && !(weighted && weights[t] == 0))
            bytes += (double)ltm_tokenizer_piece_bytes(tokenizer, targets[t]);
    return bytes;
}

void stream_windows_free(struct stream_windows *windows) {
    free(windows->pieces);
    windows->pieces = NULL;
}
