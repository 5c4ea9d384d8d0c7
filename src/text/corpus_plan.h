/* Which documents of a corpus are held out.
 *
 * A document is held out when a number drawn from (seed, the number of the first document that equals it) is below the
 * share, so copies stay in one split. If that leaves a split empty, the documents with the smallest (or largest) number
 * move into it, so that two different ones are enough for both splits. Of a single document, the last share of its
 * bytes is held out. If files are named for the held-out split, it consists of exactly their documents, whatever the
 * others equal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/text_input.h"
#include "ltm/watch.h"

/* A document with the same text as an earlier one. */
struct document_copy {
    int64_t document, first;
};

struct corpus_plan {
    double heldout;
    uint64_t seed;
    int64_t documents, named; /* named: those of the files named for the held-out split, which come first */
    int64_t moved;            /* the document that changes its split, with its copies, or -1 */
    int64_t tail_from;        /* byte at which the held-out part of the only document (and its copies) starts; or -1 */
    struct document_copy *copies;
    size_t copy_count;
    int64_t leaked; /* documents of the training text that are copies of named ones */
};

/* Reads all documents; needs 16 bytes of memory for each meanwhile. LTM_INVALID if there is no text. */
ltm_status corpus_plan_make(struct corpus_plan *plan, const struct ltm_text_input *input, double heldout, uint64_t seed,
                            const struct ltm_watch *watch, struct ltm_error *error);
void corpus_plan_free(struct corpus_plan *plan);

/* The first document with the same text. */
int64_t corpus_plan_first(const struct corpus_plan *plan, int64_t document);

bool corpus_plan_holds_out(const struct corpus_plan *plan, int64_t document);
