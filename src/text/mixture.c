#include "text/mixture.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* Returns the part of sequence i of the mixture; *at becomes its number there. */
static const struct sequence_source *part_of(const struct sequence_source *source, int64_t i, int64_t *at) {
    const struct mixture *m = (const struct mixture *)source;
    int part = m->count - 1;
    if (m->slots) {
        const struct mixture_slot *slot = &m->slots[i % MIXTURE_PERIOD];
        *at = i / MIXTURE_PERIOD * m->each[slot->part] + slot->rank;
        return m->parts[slot->part];
    }
    while (i < m->from[part]) part--;
    *at = i - m->from[part];
    return m->parts[part];
}

static bool read_mixed(const struct sequence_source *source, int64_t i, int length, int32_t *tokens, int32_t *targets,
                       float *weights) {
    int64_t at;
    const struct sequence_source *part = part_of(source, i, &at);
    return part->read(part, at, length, tokens, targets, weights);
}

static int64_t mixed_place(const struct sequence_source *source, int64_t i) {
    int64_t at;
    const struct sequence_source *part = part_of(source, i, &at);
    return part->place(part, at);
}

static void begin(struct mixture *m, const struct sequence_source *const *parts, int count) {
    *m = (struct mixture){.source = {.count = INT64_MAX, .read = read_mixed, .place = mixed_place}, .count = count};
    for (int k = 0; k < count; k++) m->parts[k] = parts[k];
}

/* Of the incomplete parts, the one furthest below its share of the first n sequences. */
static int most_behind(const int *want, const int *have, int count, int n) {
    int behind = -1;
    double most = 0;
    for (int k = 0; k < count; k++) {
        const double lack = (double)want[k] * n / MIXTURE_PERIOD - have[k];
        if (have[k] == want[k] || (behind >= 0 && lack <= most)) continue;
        behind = k;
        most = lack;
    }
    return behind;
}

ltm_status mixture_by_share(struct mixture *mixture, const struct sequence_source *const *parts, const double *shares,
                            int count, struct ltm_error *error) {
    int have[LTM_CORPORA_MOST] = {0};
    double up_to = 0;
    int before = 0;
    begin(mixture, parts, count);
    if (count == 1) return LTM_OK;
    for (int k = 0; k < count; k++) { /* rounded so that the sum is the period */
        up_to += shares[k];
        const int until = k == count - 1 ? MIXTURE_PERIOD : (int)lround(up_to * MIXTURE_PERIOD);
        mixture->each[k] = until - before;
        before = until;
    }
    PASS_UP(NEW_ARRAY(mixture->slots, MIXTURE_PERIOD, "a mixture of corpora", error));
    for (int i = 0; i < MIXTURE_PERIOD; i++) {
        const int part = most_behind(mixture->each, have, count, i + 1);
        mixture->slots[i] = (struct mixture_slot){have[part]++, part};
    }
    return LTM_OK;
}

void mixture_joined(struct mixture *mixture, const struct sequence_source *const *parts, int count) {
    begin(mixture, parts, count);
    mixture->source.count = 0;
    for (int k = 0; k < count; k++) {
        mixture->from[k] = mixture->source.count;
        mixture->source.count += parts[k]->count;
    }
}

const struct sequence_source *mixture_source(const struct mixture *mixture) {
    return mixture->count == 1 ? mixture->parts[0] : &mixture->source;
}

void mixture_free(struct mixture *mixture) {
    free(mixture->slots);
    mixture->slots = NULL;
}
