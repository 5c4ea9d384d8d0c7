/* Several sources as one: training sequences are mixed by shares, held-out ones are concatenated. */
#pragma once

#include "ltm/config.h"
#include "text/sequence_source.h"

enum { MIXTURE_PERIOD = 10000 };

struct mixture_slot {
    int32_t rank; /* of the part's sequences in a period, this is the rank-th */
    int32_t part;
};

/* Which part sequence i is of, and its number there, follow from i and the shares alone, for any thread and order of
 * access. */
struct mixture {
    struct sequence_source source; /* first: a pointer to it is one to the mixture */
    int count;
    const struct sequence_source *parts[LTM_CORPORA_MOST];
    struct mixture_slot *slots;     /* [MIXTURE_PERIOD], of training; else NULL */
    int each[LTM_CORPORA_MOST];     /* sequences of a part in a period, of training … */
    int64_t from[LTM_CORPORA_MOST]; /* … or the first that is of a part */
};

/* A period of 10,000 sequences contains each part's share, to within one sequence; within it each part advances in
 * proportion to its share, to within a sequence or two, so that batches are alike. Each part's sequences come in its
 * own order. Borrows the parts, which must be endless. */
ltm_status mixture_by_share(struct mixture *mixture, const struct sequence_source *const *parts, const double *shares,
                            int count, struct ltm_error *error);

/* All of the first part, then all of the next. */
void mixture_joined(struct mixture *mixture, const struct sequence_source *const *parts, int count);

/* The source to read: with one part, that part itself. */
const struct sequence_source *mixture_source(const struct mixture *mixture);

void mixture_free(struct mixture *mixture);
