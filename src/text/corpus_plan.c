#include "text/corpus_plan.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/progress.h"
#include "base/random.h"
#include "text/documents.h"

static double chance(uint64_t seed, int64_t document) {
    struct random_key key = {
        .seed = seed, .purpose = RANDOM_TEXT, .step = (uint32_t)(document >> 32), .sequence = (uint32_t)document};
    return random_uniform(key, 0);
}

static int compare_copies(const void *a, const void *b) {
    const struct document_copy *x = a;
    const struct document_copy *y = b;
    return x->document < y->document ? -1 : x->document > y->document;
}

int64_t corpus_plan_first(const struct corpus_plan *plan, int64_t document) {
    const struct document_copy key = {.document = document};
    if (plan->copy_count == 0) return document;
    const struct document_copy *copy =
        bsearch(&key, plan->copies, plan->copy_count, sizeof *plan->copies, compare_copies);
    return copy ? copy->first : document;
}

bool corpus_plan_holds_out(const struct corpus_plan *plan, int64_t document) {
    if (plan->named > 0) return document < plan->named;
    const int64_t first = corpus_plan_first(plan, document);
    const bool held = chance(plan->seed, first) < plan->heldout;
    return first == plan->moved ? !held : held;
}

struct fingerprint {
    uint64_t hash;
    int64_t document;
};

struct survey {
    struct fingerprint *all; /* one a document */
    size_t room;
    int64_t bytes; /* of document 0 */
};

static int compare_fingerprints(const void *a, const void *b) {
    const struct fingerprint *x = a;
    const struct fingerprint *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->document < y->document ? -1 : x->document > y->document;
}

static ltm_status add_fingerprint(struct survey *survey, struct corpus_plan *plan, uint64_t hash,
                                  struct ltm_error *error) {
    if (!survey->all || (size_t)plan->documents == survey->room) {
        const size_t room = survey->room ? 2 * survey->room : 1024;
        struct fingerprint *all = realloc(survey->all, room * sizeof *all);
        if (!all) return fail_memory(error, room * sizeof *all, "the documents' fingerprints");
        survey->all = all;
        survey->room = room;
    }
    survey->all[plan->documents] = (struct fingerprint){hash, plan->documents};
    plan->documents++;
    return LTM_OK;
}

static ltm_status look_through(struct survey *survey, struct corpus_plan *plan, const struct ltm_text_input *input,
                               const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct documents *documents = NULL;
    struct text_block block;
    uint64_t hash = HASH_BEGIN;
    bool more;
    TRY(documents_open(&documents, input, error));
    struct progress pace = progress_begin(watch, "looking through", (double)documents_size(documents));
    for (;;) {
        TRY(documents_next(documents, &block, &more, error));
        if (!more) break;
        if (block.document == 0) survey->bytes += (int64_t)block.bytes;
        hash = hash_more(hash, block.text, block.bytes);
        if (block.last) {
            plan->named += block.heldout;
            TRY(add_fingerprint(survey, plan, hash, error));
            hash = HASH_BEGIN;
        }
        progress_at(&pace, (double)documents_done(documents));
    }
    progress_end(&pace);
cleanup:
    documents_close(documents);
    return status;
}

/* Sorts the fingerprints. */
static ltm_status find_copies(struct survey *survey, struct corpus_plan *plan, struct ltm_error *error) {
    const size_t count = (size_t)plan->documents;
    if (count < 2 || !survey->all) return LTM_OK;
    qsort(survey->all, count, sizeof *survey->all, compare_fingerprints);
    for (size_t i = 1; i < count; i++) plan->copy_count += survey->all[i].hash == survey->all[i - 1].hash;
    if (plan->copy_count == 0) return LTM_OK;
    plan->copies = malloc(plan->copy_count * sizeof *plan->copies);
    if (!plan->copies) return fail_memory(error, plan->copy_count * sizeof *plan->copies, "the list of copies");
    int64_t first = survey->all[0].document;
    for (size_t i = 1, k = 0; i < count; i++)
        if (survey->all[i].hash == survey->all[i - 1].hash)
            plan->copies[k++] = (struct document_copy){survey->all[i].document, first};
        else
            first = survey->all[i].document;
    qsort(plan->copies, plan->copy_count, sizeof *plan->copies, compare_copies);
    for (size_t i = 0; i < plan->copy_count; i++)
        plan->leaked += plan->copies[i].document >= plan->named && plan->copies[i].first < plan->named;
    return LTM_OK;
}

/* No split stays empty. */
static void fill_splits(struct corpus_plan *plan) {
    int64_t lowest = 0;
    int64_t highest = 0;
    bool train = false;
    bool heldout = false;
    size_t next = 0; /* copy */
    for (int64_t document = 0; document < plan->documents; document++) {
        if (next < plan->copy_count && plan->copies[next].document == document) {
            next++;
            continue;
        }
        const double now = chance(plan->seed, document);
        if (now < chance(plan->seed, lowest)) lowest = document;
        if (now > chance(plan->seed, highest)) highest = document;
        heldout |= now < plan->heldout;
        train |= !(now < plan->heldout);
        if (train && heldout) return;
    }
    plan->moved = heldout ? highest : lowest;
}

ltm_status corpus_plan_make(struct corpus_plan *plan, const struct ltm_text_input *input, double heldout, uint64_t seed,
                            const struct ltm_watch *watch, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct survey survey = {0};
    *plan = (struct corpus_plan){.heldout = heldout, .seed = seed, .moved = -1, .tail_from = -1};
    TRY(look_through(&survey, plan, input, watch, error));
    if (input->heldout_count > 0 && plan->named == 0) {
        status = fail(error, LTM_INVALID, "there is no text in %s%s", input->heldout_paths[0],
                      input->heldout_count > 1 ? " and the other held-out files" : "");
        goto cleanup;
    }
    if (plan->documents == plan->named) {
        status = fail(error, LTM_INVALID, "there is no text in %s%s", input->paths[0],
                      input->count > 1 ? " and the other inputs" : "");
        goto cleanup;
    }
    TRY(find_copies(&survey, plan, error));
    if (heldout <= 0 || heldout >= 1 || plan->named > 0) goto cleanup;
    if (plan->documents - (int64_t)plan->copy_count == 1)
        plan->tail_from = (int64_t)((double)survey.bytes * (1 - heldout));
    else
        fill_splits(plan);
cleanup:
    free(survey.all);
    return status;
}

void corpus_plan_free(struct corpus_plan *plan) {
    free(plan->copies);
    *plan = (struct corpus_plan){0};
}
