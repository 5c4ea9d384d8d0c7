/* Which documents of a corpus are held out.
 *
 * A document is held out when a number drawn from (seed, its number) is below the share. Where that leaves a split empty,
 * the document with the smallest (or largest) number moves into it, so that two documents are enough for both splits. Of a
 * single document, the last share of its bytes is held out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ltm/text_input.h"
#include "ltm/watch.h"

struct corpus_plan {
    double heldout;
    uint64_t seed;
    int64_t moved;     /* the document that changes its split, or -1 */
    int64_t tail_from; /* byte of document 0 at which the held-out part begins, or -1 */
};

/* Reads documents until both splits have one: a few for most inputs. LTM_INVALID when there is no text. */
ltm_status corpus_plan_make(struct corpus_plan *plan, const struct ltm_text_input *input, double heldout, uint64_t seed,
                            const struct ltm_watch *watch, struct ltm_error *error);

bool corpus_plan_holds_out(const struct corpus_plan *plan, int64_t document);
