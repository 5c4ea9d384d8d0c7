#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/utf8.h"
#include "ltm/corpus.h"
#include "ltm/text_input.h"
#include "ltm/tokenizer.h"
#include "ltm/watch.h"
#include "text/corpus_info.h"
#include "text/corpus_install.h"
#include "text/documents.h"

/* ---- Which documents are held out ----
 *
 * A document is held out when a number drawn from (seed, its number) is below the share. Where that leaves a split empty,
 * the document with the smallest (or largest) number moves into it, so that two documents are enough for both splits. Of a
 * single document, the last share of its bytes is held out. */

struct corpus_plan {
    double heldout;
    uint64_t seed;
    int64_t moved;     /* the document that changes its split, or -1 */
    int64_t tail_from; /* byte of document 0 at which the held-out part begins, or -1 */
};

static double chance(uint64_t seed, int64_t document) {
    struct random_key key = {
        .seed = seed, .purpose = RANDOM_TEXT, .step = (uint32_t)(document >> 32), .sequence = (uint32_t)document};
    return random_uniform(key, 0);
}

static bool corpus_plan_holds_out(const struct corpus_plan *plan, int64_t document) {
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

/* Reads documents until both splits have one: a few for most inputs. LTM_INVALID when there is no text. */
static ltm_status corpus_plan_make(struct corpus_plan *plan, const struct ltm_text_input *input, double heldout,
                                   uint64_t seed, const struct ltm_watch *watch, struct ltm_error *error) {
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

/* ---- A batch of text blocks, encoded in parallel and kept in order: the result does not depend on who encoded what ---- */

struct batch_item {
    size_t from, bytes; /* in the batch's text */
    bool heldout, last; /* last: an end-of-sequence id follows */
    uint16_t *tokens;   /* what batch_encode made; batch_clear frees it */
    size_t count;
};

struct batch {
    char *text;
    struct batch_item *items;
    size_t bytes, count, text_room, item_room;
    ltm_status status; /* of the first item that could not be encoded */
    struct ltm_error error;
};

static ltm_status batch_add(struct batch *batch, const char *text, size_t bytes, bool heldout, bool last,
                            struct ltm_error *error) {
    PASS_UP(GROW_ARRAY(batch->text, batch->text_room, batch->bytes + bytes, "a batch of text", error));
    PASS_UP(GROW_ARRAY(batch->items, batch->item_room, batch->count + 1, "a batch of text", error));
    if (bytes > 0) memcpy(batch->text + batch->bytes, text, bytes);
    batch->items[batch->count++] =
        (struct batch_item){.from = batch->bytes, .bytes = bytes, .heldout = heldout, .last = last};
    batch->bytes += bytes;
    return LTM_OK;
}

static ltm_status encode(struct batch_item *item, const char *text, const struct ltm_tokenizer *tokenizer,
                         struct ltm_error *error) {
    int32_t *ids = NULL;
    size_t count = 0;
    ltm_status status = ltm_tokenizer_encode(tokenizer, text, item->bytes, &ids, &count, error);
    if (status != LTM_OK) return status;
    item->tokens = malloc((count + 1) * sizeof *item->tokens);
    if (item->tokens) {
        for (size_t i = 0; i < count; i++) item->tokens[i] = (uint16_t)ids[i];
        if (item->last) item->tokens[count++] = (uint16_t)ltm_tokenizer_end(tokenizer);
        item->count = count;
    } else {
        status = fail_memory(error, (count + 1) * sizeof *item->tokens, "tokens");
    }
    free(ids);
    return status;
}

/* Encode item i. Items may be encoded by several threads at once. */
static void batch_encode(struct batch *batch, size_t i, const struct ltm_tokenizer *tokenizer) {
    struct ltm_error error;
    struct batch_item *item = &batch->items[i];
    ltm_status status = encode(item, batch->text + item->from, tokenizer, &error);
    if (status == LTM_OK) return;
#pragma omp critical(batch_failure)
    if (batch->status == LTM_OK) {
        batch->status = status;
        batch->error = error;
    }
}

static void batch_clear(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) free(batch->items[i].tokens);
    batch->bytes = batch->count = 0;
}

static void batch_free(struct batch *batch) {
    batch_clear(batch);
    free(batch->text);
    free(batch->items);
    *batch = (struct batch){0};
}

/* ---- The build ---- */

enum { VOCAB_MOST = 65536, SHARD_LEAST = 1000, BATCH_ITEMS = 65536, BATCH_LEAST = 4 << 20, BATCH_MOST = 64 << 20 };

struct build {
    const struct ltm_corpus_build_options *options;
    struct ltm_tokenizer *tokenizer;
    struct corpus_draft draft;
    struct corpus_plan plan;
    struct documents *documents;
    int64_t offset; /* bytes of document 0 so far */
    bool ended;     /* all documents have been read */
    struct batch batches[2];
    size_t batch_bytes;
    struct shard_writer writers[2]; /* train, held out */
    struct ltm_corpus_info info;
    struct progress pace;
};

struct ltm_corpus_build_options ltm_corpus_build_defaults(void) {
    return (struct ltm_corpus_build_options){.heldout = 0.05, .seed = 1, .shard_tokens = 100000000};
}

static ltm_status check_options(const struct ltm_corpus_build_options *options, struct ltm_error *error) {
    if (!options->tokenizer) return fail(error, LTM_INVALID, "no tokenizer was named");
    if (!(options->heldout >= 0 && options->heldout <= 1))
        return fail(error, LTM_INVALID, "the share held out is %g; it must lie between 0 and 1", options->heldout);
    if (options->shard_tokens < SHARD_LEAST || options->shard_tokens > INT32_MAX)
        return fail(error, LTM_INVALID, "%lld tokens a shard is out of range: %d to %d",
                    (long long)options->shard_tokens, SHARD_LEAST, INT32_MAX);
    if (options->threads < 0) return fail(error, LTM_INVALID, "%d threads are too few", options->threads);
    return LTM_OK;
}

/* A single document: what lies before the held-out tail, then the tail, each with an end. */
static ltm_status add_cut(struct build *build, struct batch *batch, const struct text_block *block,
                          struct ltm_error *error) {
    int64_t before = build->plan.tail_from - build->offset;
    size_t cut = before <= 0 ? 0 : (size_t)before;
    build->offset += (int64_t)block->bytes;
    if (before >= (int64_t)block->bytes && !block->last)
        return batch_add(batch, block->text, block->bytes, false, false, error);
    if (before >= (int64_t)block->bytes) cut = block->bytes > 0 ? block->bytes - 1 : 0; /* a document of one letter */
    if (before >= 0) {
        if (cut > 0) cut = utf8_cut(block->text, block->bytes, cut);
        PASS_UP(batch_add(batch, block->text, cut, false, true, error));
    }
    return batch_add(batch, block->text + cut, block->bytes - cut, true, block->last, error);
}

/* Fill a batch. Its size does not reach the result: each block is encoded by itself. */
static ltm_status read_batch(struct build *build, struct batch *batch, struct ltm_error *error) {
    struct text_block block;
    batch_clear(batch);
    while (!build->ended && batch->bytes < build->batch_bytes && batch->count < BATCH_ITEMS) {
        bool more;
        PASS_UP(documents_next(build->documents, &block, &more, error));
        build->ended = !more;
        if (!more) break;
        if (build->plan.tail_from >= 0)
            PASS_UP(add_cut(build, batch, &block, error));
        else
            PASS_UP(batch_add(batch, block.text, block.bytes, corpus_plan_holds_out(&build->plan, block.document),
                              block.last, error));
    }
    return LTM_OK;
}

static ltm_status write_batch(struct build *build, const struct batch *batch, struct ltm_error *error) {
    ltm_status status = batch->status;
    if (status != LTM_OK) return fail_with(error, &batch->error);
    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_item *item = &batch->items[i];
        struct ltm_corpus_split_info *split = item->heldout ? &build->info.heldout : &build->info.train;
        TRY(shard_writer_add(&build->writers[item->heldout], item->tokens, item->count, error));
        split->documents += item->last;
        split->tokens += (int64_t)item->count;
        split->bytes += (int64_t)item->bytes;
    }
cleanup:
    return status;
}

/* One thread reads the next batch and writes the last one, in order, while the others encode. */
static ltm_status encode_all(struct build *build, int threads, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    ltm_status read_status = LTM_OK;
    struct ltm_error read_error = {0};
    struct batch *now = &build->batches[0];
    struct batch *next = &build->batches[1];
    TRY(read_batch(build, now, error));
#pragma omp parallel num_threads(threads)
#pragma omp single
    while (now->count > 0 && status == LTM_OK) {
#pragma omp task shared(read_status, read_error) firstprivate(next)
        read_status = read_batch(build, next, &read_error);
        for (size_t i = 0; i < now->count; i++) {
#pragma omp task firstprivate(i, now)
            batch_encode(now, i, build->tokenizer);
        }
#pragma omp taskwait
        status = write_batch(build, now, error);
        if (status == LTM_OK && read_status != LTM_OK) status = fail_with(error, &read_error);
        progress_at(&build->pace, (double)documents_done(build->documents));
        struct batch *swap = now;
        now = next;
        next = swap;
    }
cleanup:
    return status;
}

static ltm_status finish(struct build *build, struct ltm_error *error) {
    char path[SHARD_PATH_MAX];
    for (int i = 0; i < 2; i++) PASS_UP(shard_writer_end(&build->writers[i], error));
    build->info.train.shards = build->writers[0].shards;
    build->info.heldout.shards = build->writers[1].shards;
    PASS_UP(path_join(path, sizeof path, build->draft.draft, CORPUS_TOKENIZER_NAME, error));
    PASS_UP(file_copy(build->options->tokenizer, path, error));
    PASS_UP(corpus_info_write(build->draft.draft, &build->info, &build->writers[0], &build->writers[1],
                              build->options->heldout, build->options->seed, error));
    return corpus_draft_commit(&build->draft, error);
}

static ltm_status prepare(struct build *build, int threads, const struct ltm_watch *watch, struct ltm_error *error) {
    const struct ltm_corpus_build_options *options = build->options;
    PASS_UP(check_options(options, error));
    PASS_UP(corpus_place_check(options->output, error));
    PASS_UP(ltm_tokenizer_open(&build->tokenizer, options->tokenizer, error));
    build->info.vocab = ltm_tokenizer_vocab(build->tokenizer);
    snprintf(build->info.tokenizer_digest, sizeof build->info.tokenizer_digest, "%s",
             ltm_tokenizer_digest(build->tokenizer));
    if (build->info.vocab > VOCAB_MOST)
        return fail(error, LTM_INVALID, "%s has %d pieces; a shard's 16-bit tokens can name %d", options->tokenizer,
                    build->info.vocab, VOCAB_MOST);
    PASS_UP(corpus_plan_make(&build->plan, &options->input, options->heldout, options->seed, watch, error));
    if (build->plan.tail_from >= 0)
        watch_message(watch, "there is one document only: its last %g %% is held out", 100 * options->heldout);
    PASS_UP(documents_open(&build->documents, &options->input, error));
    documents_tell_files(build->documents, watch);
    PASS_UP(corpus_draft_create(&build->draft, options->output, error));
    build->writers[0] = shard_writer_begin(build->draft.draft, "train", options->shard_tokens);
    build->writers[1] = shard_writer_begin(build->draft.draft, "heldout", options->shard_tokens);
    build->batch_bytes = (size_t)threads << 20;
    if (build->batch_bytes < BATCH_LEAST) build->batch_bytes = BATCH_LEAST;
    if (build->batch_bytes > BATCH_MOST) build->batch_bytes = BATCH_MOST;
    build->pace = progress_begin(watch, "tokenising", (double)documents_size(build->documents));
    return LTM_OK;
}

ltm_status ltm_corpus_build(const struct ltm_corpus_build_options *options, const struct ltm_watch *watch,
                            struct ltm_corpus_info *info, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct build build = {.options = options};
    int threads = options->threads > 0 ? options->threads : omp_get_num_procs();
    TRY(prepare(&build, threads, watch, error));
    TRY(encode_all(&build, threads, error));
    progress_end(&build.pace);
    documents_tell_separators(build.documents, watch);
    TRY(finish(&build, error));
    if (info) *info = build.info;
cleanup:
    for (int i = 0; i < 2; i++) {
        shard_writer_drop(&build.writers[i]);
        batch_free(&build.batches[i]);
    }
    if (status != LTM_OK) corpus_draft_discard(&build.draft);
    documents_close(build.documents);
    ltm_tokenizer_close(build.tokenizer);
    return status;
}
