/* Corpora: text → token shards, a training and a held-out split by document.
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
    const char *output;    /* the corpus folder; one that holds a corpus is replaced only by a whole new one */
    const char *tokenizer; /* the .model file */
    struct ltm_text_input input;
    double
        heldout; /* share of the documents that are held out, 0 … 1; means nothing where input.heldout_paths are named */
    uint64_t seed;        /* which documents those are */
    bool dedupe;          /* leave out a document whose text is that of an earlier one */
    int64_t shard_tokens; /* tokens a shard at most */
    int threads;          /* 0 = one a core */
};

struct ltm_corpus_split_info {
    int64_t documents, tokens, bytes; /* bytes of text; tokens with the end-of-sequence ids */
    int shards;
};

struct ltm_corpus_info {
    struct ltm_corpus_split_info train, heldout;
    int64_t copies; /* documents whose text is that of an earlier one; set by ltm_corpus_build only */
    int vocab;
    char tokenizer_digest[20];
};

/* heldout 0.05, seed 1, 100,000,000 tokens a shard, all cores. */
struct ltm_corpus_build_options ltm_corpus_build_defaults(void);

/* A document and its exact copies are in one split. The input is read twice; memory grows with it by 16 bytes a document; the result does not depend on the number of threads. LTM_INVALID for
 * text that is not UTF-8 (file and byte named), for no text at all, for a vocabulary above 65,536, for an output
 * folder that holds anything but a corpus (one such file named; nothing is touched); LTM_IO; LTM_CORRUPT. */
ltm_status ltm_corpus_build(const struct ltm_corpus_build_options *options, const struct ltm_watch *watch,
                            struct ltm_corpus_info *info, struct ltm_error *error);

/* Set config->model.vocab, where it is auto, to that of the tokenizer that the configuration names, or of its corpus; it stays
 * auto where neither is there or can be read. LTM_MEMORY only. */
ltm_status ltm_vocabulary_find(struct ltm_config *config, struct ltm_error *error);

LTM_C_END
