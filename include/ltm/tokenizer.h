/* Tokenizers: SentencePiece models behind a small C interface.
 *
 *     struct ltm_tokenizer *tokenizer = NULL;
 *     ltm_tokenizer_open(&tokenizer, "kjv.model", &error);
 *     ltm_tokenizer_encode(tokenizer, text, strlen(text), &ids, &count, &error);
 *     … free(ids); ltm_tokenizer_close(tokenizer);
 *
 * No exception leaves these functions. An open tokenizer may be used by several threads at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/status.h"
#include "ltm/text_input.h"
#include "ltm/watch.h"

LTM_C_BEGIN

struct ltm_tokenizer;

enum ltm_tokenizer_kind { LTM_TOKENIZER_UNIGRAM, LTM_TOKENIZER_BPE };

/* 16 MB, or 4 MB for text with few or no spaces, such as Chinese. */
enum { LTM_SAMPLE_AUTO = -1 };

struct ltm_tokenizer_train_options {
    const char *output; /* the .model file to write */
    struct ltm_text_input input;
    int vocab; /* total number of pieces, including special ones and bytes */
    enum ltm_tokenizer_kind kind;
    bool byte_fallback; /* text that no piece covers is spelled in bytes, so that any UTF-8 text survives */
    uint64_t seed;
    int threads; /* 0 = one per core */
    double
        character_coverage; /* share of the text's characters that are pieces; 0 = .9995, without byte fallback .99999 */
    int64_t sample_bytes; /* train on about this much text, sampled evenly; 0 = all of it; LTM_SAMPLE_AUTO: see above */
};

/* unigram, 8192 pieces, byte fallback, seed 1, all cores, LTM_SAMPLE_AUTO (training needs about 25 times the sample
 * in memory). */
struct ltm_tokenizer_train_options ltm_tokenizer_train_defaults(void);

/* Train a model and write it atomically: an existing file is replaced only by a complete new one. The same text, options
 * and seed give the same file. LTM_INVALID if the text is too small for `vocab`, LTM_IO, LTM_EXTERNAL. */
ltm_status ltm_tokenizer_train(const struct ltm_tokenizer_train_options *options, const struct ltm_watch *watch,
                               struct ltm_error *error);

/* Out of memory, SentencePiece's training threads end the program by abort, since a library cannot catch what they throw.
 * `last_words` is called before that, on such a thread, and may end the program itself; NULL = call nothing. */
void ltm_tokenizer_before_abort(void (*last_words)(void));

ltm_status ltm_tokenizer_open(struct ltm_tokenizer **tokenizer, const char *path, struct ltm_error *error);
void ltm_tokenizer_close(struct ltm_tokenizer *tokenizer); /* NULL is fine */

int ltm_tokenizer_vocab(const struct ltm_tokenizer *tokenizer);
int ltm_tokenizer_end(const struct ltm_tokenizer *tokenizer); /* id of the end-of-sequence piece */

/* 16 hexadecimal digits that identify the model file's content. Owned by the tokenizer. */
const char *ltm_tokenizer_digest(const struct ltm_tokenizer *tokenizer);

/* UTF-8 text (bytes, need not end in NUL) → ids, no special ids added. The caller frees *ids. LTM_INVALID
 * if the text is not valid UTF-8. */
ltm_status ltm_tokenizer_encode(const struct ltm_tokenizer *tokenizer, const char *text, size_t bytes, int32_t **ids,
                                size_t *count, struct ltm_error *error);

/* ids → text, byte for byte what was encoded; the end-of-sequence id writes nothing. The caller frees *text,
 * which has a NUL after its `bytes` bytes. LTM_INVALID for an id outside the vocabulary. */
ltm_status ltm_tokenizer_decode(const struct ltm_tokenizer *tokenizer, const int32_t *ids, size_t count, char **text,
                                size_t *bytes, struct ltm_error *error);

/* The bytes that one id stands for in decoded text: 1 for a byte piece, 0 for a special one. The divisor of
 * bits per byte. */
size_t ltm_tokenizer_piece_bytes(const struct ltm_tokenizer *tokenizer, int32_t id);

LTM_C_END
