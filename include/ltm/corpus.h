/* Corpora: text → token shards, split by document into training and held-out text.
 *
 * A corpus is a folder: train-00000.bin … and heldout-00000.bin … (the layout that llm.c made common: 256 int32 header
 * words — magic 20240520, version 1, token count — then uint16 tokens, little-endian; a document ends with the
 * end-of-sequence id), tokenizer.model (a copy) and corpus.json (counts, the tokenizer's digest). Documents follow one
 * another without gaps; data.packing says how they are cut into sequences when the corpus is read (text/sequence_source.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/status.h"
#include "ltm/text_input.h"
#include "ltm/watch.h"

LTM_C_BEGIN

struct ltm_corpus_build_options {
    const char *output;    /* the corpus folder; an old corpus there is replaced only once the new one is complete */
    const char *tokenizer; /* the .model file */
    struct ltm_text_input input;
    double heldout;       /* share of the documents to hold out, 0 … 1; ignored if input.heldout_paths are given */
    uint64_t seed;        /* selects the held-out documents */
    bool dedupe;          /* drop a document whose text equals that of an earlier one */
    int64_t shard_tokens; /* maximum tokens per shard */
    int threads;          /* 0 = one per core */
};

struct ltm_corpus_split_info {
    int64_t documents, tokens, bytes; /* bytes of text; tokens include the end-of-sequence ids */
    int shards;
};

struct ltm_corpus_info {
    struct ltm_corpus_split_info train, heldout;
    int64_t copies; /* documents whose text equals that of an earlier one; set by ltm_corpus_build only */
    int vocab;
    char tokenizer_digest[20];
};

/* heldout 0.05, seed 1, 100,000,000 tokens per shard, all cores. */
struct ltm_corpus_build_options ltm_corpus_build_defaults(void);

/* A document and its exact copies are in one split. The input is read twice; memory grows by 16 bytes per document; the result does not depend on the number of threads. LTM_INVALID for
 * text that is not UTF-8 (naming file and byte), for no text at all, for a vocabulary above 65,536, for an output
 * folder that contains anything but a corpus (naming one such file and changing nothing); LTM_IO; LTM_CORRUPT. */
ltm_status ltm_corpus_build(const struct ltm_corpus_build_options *options, const struct ltm_watch *watch,
                            struct ltm_corpus_info *info, struct ltm_error *error);

/* Set config->model.vocab, if it is auto, to the size of the configuration's tokenizer, or of its corpus's; it stays auto if
 * neither can be read. The only error is LTM_MEMORY. */
ltm_status ltm_vocabulary_find(struct ltm_config *config, struct ltm_error *error);

LTM_C_END
