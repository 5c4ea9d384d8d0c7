/* Synthetic corpora with tasks: families of texts with known structure, to test whether latent size, steps or parameters
 * have the effect that is claimed for them. Each family makes any number of training documents and items, deterministically
 * from a seed; test items are held out by construction (src/tasks/FAMILY.c says how, and names its source).
 *
 *     struct ltm_synth_options options = ltm_synth_defaults();
 *     options.family = "stories", options.output = "stories", options.vocab = 512;
 *     ltm_synth(&options, NULL, &info, &error);
 *
 * writes to the folder: text.jsonl (training documents), train.jsonl and test.jsonl (items; shots come from train.jsonl, and test
 * items are all different),
 * task.ini (for `ltm fewshot` and `ltm probe`); for a family with wrong answers (calls) also train-pairs.jsonl and
 * test-pairs.jsonl, {"prompt", "answer", "chosen", "rejected", "wrong"}, for data.kind = pairs; with a vocabulary or tokenizer also tokenizer.model and corpus/. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ltm/corpus.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

enum { LTM_SYNTH_LEVELS = 3 };

/* One setting of a family. */
struct ltm_synth_knob {
    const char *name, *help;
    double least, most;
    double levels[LTM_SYNTH_LEVELS]; /* its value at difficulty 1, 2, 3 */
    int whole;                       /* 1: a whole number, 0: a share */
};

struct ltm_synth_family {
    const char *name, *help; /* help: one line */
    const struct ltm_synth_knob *knobs;
    int knob_count;
};

/* The i-th family, in static storage, or NULL after the last. */
const struct ltm_synth_family *ltm_synth_family_at(int i);

struct ltm_synth_options {
    const char *family, *output;
    int64_t documents, items, train_items; /* text.jsonl, test.jsonl, train.jsonl */
    uint64_t seed;
    int difficulty;           /* 1 … 3: selects the defaults of the knobs */
    const char *const *knobs; /* "name=value", count of them */
    size_t knob_count;
    int vocab;             /* pieces of a tokenizer to train; 0 = none */
    int bpe;               /* 1: it is trained by byte-pair merges, 0: as a unigram model */
    const char *tokenizer; /* or one to build the corpus with; NULL = none */
    int threads;           /* for tokenizer and corpus; 0 = one per core */
};

struct ltm_synth_info {
    int64_t documents, bytes, items,
        train_items; /* items: fewer than requested if the family has no more different ones */
    int has_corpus;
    struct ltm_corpus_info corpus;
};

/* 20,000 documents, 500 test items, 2,000 training items, seed 1, difficulty 1. */
struct ltm_synth_options ltm_synth_defaults(void);

/* The same options give the same files. LTM_INVALID for an unknown family or knob (the error names the nearest) and for
 * conflicting knobs; LTM_IO, LTM_MEMORY. The files of an earlier call, recognised by task.ini, are replaced one by one, task.ini
 * first; other files with these names are LTM_INVALID, before anything is written. */
ltm_status ltm_synth(const struct ltm_synth_options *options, const struct ltm_watch *watch,
                     struct ltm_synth_info *info, struct ltm_error *error);

LTM_C_END
