#include "text/sequence_source.h"

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

static int64_t training_place(const struct sequence_source *source, int64_t i) {
    return sequence_start(&windows_of(source)->order, i);
}

static int64_t heldout_place(const struct sequence_source *source, int64_t i) {
    return heldout_spread(i, source->count, windows_of(source)->all) * windows_of(source)->length;
}

ltm_status training_windows(struct stream_windows *windows, const struct token_stream *stream, int length,
                            uint64_t seed, struct ltm_error *error) {
    *windows =
        (struct stream_windows){.source = {INT64_MAX, read_window, training_place}, .stream = stream, .length = length};
    return sequence_order_init(&windows->order, token_stream_count(stream), length, seed, error);
}

ltm_status heldout_windows(struct stream_windows *windows, const struct token_stream *stream, int length, int64_t most,
                           struct ltm_error *error) {
    *windows = (struct stream_windows){.source = {0, read_window, heldout_place}, .stream = stream, .length = length};
    const ltm_status status = heldout_sequences(&windows->all, token_stream_count(stream), length, error);
    windows->source.count = most > 0 && most < windows->all ? most : windows->all;
    return status;
}
