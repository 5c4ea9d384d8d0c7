#include "text/corpus_plan.h"

#include "base/progress.h"
#include "base/random.h"
#include "text/documents.h"

static double chance(uint64_t seed, int64_t document) {
    struct random_key key = {
        .seed = seed, .purpose = RANDOM_TEXT, .step = (uint32_t)(document >> 32), .sequence = (uint32_t)document};
    return random_uniform(key, 0);
}

bool corpus_plan_holds_out(const struct corpus_plan *plan, int64_t document) {
    bool held = chance(plan->seed, document) < plan->heldout;
    return document == plan->moved ? !held : held;
}

struct survey {
    int64_t documents, bytes; /* bytes: of document 0 */
    int64_t lowest, highest;  /* documents with the smallest and the largest chance */
    bool train, heldout;      /* the split has a document */
};

static void count_document(struct survey *survey, const struct corpus_plan *plan, int64_t document) {
    double now = chance(plan->seed, document);
    bool held = now < plan->heldout;
    if (now < chance(plan->seed, survey->lowest)) survey->lowest = document;
    if (now > chance(plan->seed, survey->highest)) survey->highest = document;
    survey->documents++;
    survey->heldout |= held;
    survey->train |= !held;
}

/* Read until it is known that no split stays empty, or to the end. */
static ltm_status look_through(struct survey *survey, const struct corpus_plan *plan,
                               const struct ltm_text_input *input, const struct ltm_watch *watch,
                               struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct documents *documents = NULL;
    struct text_block block;
    bool more;
    bool one_split = plan->heldout <= 0 || plan->heldout >= 1;
    TRY(documents_open(&documents, input, error));
    struct progress pace = progress_begin(watch, "looking through", (double)documents_size(documents));
    for (;;) {
        TRY(documents_next(documents, &block, &more, error));
        if (!more) break;
        if (block.document == 0) survey->bytes += (int64_t)block.bytes;
        if (block.document == survey->documents) count_document(survey, plan, block.document);
        progress_at(&pace, (double)documents_done(documents));
        if (one_split || (survey->train && survey->heldout)) break;
    }
cleanup:
    documents_close(documents);
    return status;
}

ltm_status corpus_plan_make(struct corpus_plan *plan, const struct ltm_text_input *input, double heldout, uint64_t seed,
                            const struct ltm_watch *watch, struct ltm_error *error) {
    struct survey survey = {0};
    *plan = (struct corpus_plan){.heldout = heldout, .seed = seed, .moved = -1, .tail_from = -1};
    PASS_UP(look_through(&survey, plan, input, watch, error));
    if (survey.documents == 0)
        return fail(error, LTM_INVALID, "there is no text in %s%s", input->paths[0],
                    input->count > 1 ? " and the other inputs" : "");
    if (heldout <= 0 || heldout >= 1 || (survey.train && survey.heldout)) return LTM_OK;
    if (survey.documents == 1)
        plan->tail_from = (int64_t)((double)survey.bytes * (1 - heldout));
    else
        plan->moved = survey.heldout ? survey.highest : survey.lowest;
    return LTM_OK;
}
