/* SentencePiece models written by hand: a ModelProto with only what is needed (sentencepiece_model.proto). */
#ifndef TESTS_TEXT_MODEL_BYTES_H
#define TESTS_TEXT_MODEL_BYTES_H

#include "text/fixture.h"

enum piece_type { PIECE_NORMAL = 1, PIECE_UNKNOWN = 2, PIECE_CONTROL = 3 };

/* pieces = 1: {piece = 1, score = 2, type = 3} */
static inline void model_piece(struct words *model, const char *piece, float score, enum piece_type type) {
    char bytes[128];
    size_t length = strlen(piece);
    assert_true(length < 100);
    bytes[0] = 0x0A;
    bytes[1] = (char)(2 + length + 5 + 2);
    bytes[2] = 0x0A;
    bytes[3] = (char)length;
    snprintf(bytes + 4, length + 1, "%s", piece);
    bytes[4 + length] = 0x15;
    memcpy(bytes + 5 + length, &score, 4);
    bytes[9 + length] = 0x18;
    bytes[10 + length] = (char)type;
    words_add(model, bytes, 11 + length);
}

/* trainer_spec = 2: {model_type = 3: unigram}; normalizer_spec = 3: {add_dummy_prefix = 3, remove_extra_whitespaces = 4} */
static inline void model_end(struct words *model, bool keeps_text) {
    words_add(model, "\x12\x02\x18\x01", 4);
    if (keeps_text) words_add(model, "\x1A\x04\x18\x00\x20\x00", 6);
}

/* Unknown, end of sequence (or not), the letters a to z, a space, and as many more pieces as asked for. */
static inline const char *make_model(const char *name, int more, bool end, bool keeps_text) {
    struct words model = {0};
    char piece[32];
    model_piece(&model, "<unk>", 0, PIECE_UNKNOWN);
    model_piece(&model, end ? "</s>" : "<s>", 0, PIECE_CONTROL);
    model_piece(&model, "\xE2\x96\x81", -2, PIECE_NORMAL);
    for (int c = 'a'; c <= 'z'; c++) model_piece(&model, (char[]){(char)c, 0}, -3, PIECE_NORMAL);
    for (int i = 0; i < more; i++) {
        snprintf(piece, sizeof piece, "x%dy", i);
        model_piece(&model, piece, -4, PIECE_NORMAL);
    }
    model_end(&model, keeps_text);
    const char *path = put(name, model.text, model.bytes);
    free(model.text);
    return path;
}

#endif
