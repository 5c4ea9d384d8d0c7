#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "ltm/corpus.h"
#include "ltm/names.h"
#include "ltm/tokenizer.h"
#include "text/corpus_batch.h"
#include "text/corpus_info.h"
#include "text/corpus_install.h"
#include "text/corpus_plan.h"
#include "text/documents.h"

enum { VOCAB_MOST = 65536, SHARD_LEAST = 1000, BATCH_ITEMS = 65536, BATCH_LEAST = 4 << 20, BATCH_MOST = 64 << 20 };

struct build {
    const struct ltm_corpus_build_options *options;
    struct ltm_tokenizer *tokenizer;
    struct corpus_draft draft;
    struct corpus_plan plan;
    struct documents *documents;
    int64_t offset; /* bytes so far of a document whose tail is held out */
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
        return fail(error, LTM_INVALID, "the held-out share is %g; it must lie between 0 and 1", options->heldout);
    if (options->shard_tokens < SHARD_LEAST || options->shard_tokens > INT32_MAX)
        return fail(error, LTM_INVALID, "%lld tokens per shard is out of range: %d to %d",
                    (long long)options->shard_tokens, SHARD_LEAST, INT32_MAX);
    if (options->threads < 0) return fail(error, LTM_INVALID, "%d threads: ask for at least 1", options->threads);
    return LTM_OK;
}

/* A single document: the part before the held-out tail, then the tail, each with an end. */
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
    PASS_UP(batch_add(batch, block->text + cut, block->bytes - cut, true, block->last, error));
    if (block->last) build->offset = 0;
    return LTM_OK;
}

/* A block of a document that is kept. */
static ltm_status add_block(struct build *build, struct batch *batch, const struct text_block *block,
                            struct ltm_error *error) {
    if (build->options->dedupe && corpus_plan_first(&build->plan, block->document) != block->document) return LTM_OK;
    if (build->plan.tail_from >= 0) return add_cut(build, batch, block, error);
    return batch_add(batch, block->text, block->bytes, corpus_plan_holds_out(&build->plan, block->document),
                     block->last, error);
}

/* Fill a batch. Its size does not affect the result: each block is encoded by itself. */
static ltm_status read_batch(struct build *build, struct batch *batch, struct ltm_error *error) {
    struct text_block block;
    batch_clear(batch);
    while (!build->ended && batch->bytes < build->batch_bytes && batch->count < BATCH_ITEMS) {
        bool more;
        PASS_UP(documents_next(build->documents, &block, &more, error));
        build->ended = !more;
        if (!more) break;
        PASS_UP(add_block(build, batch, &block, error));
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
                              build->plan.named > 0 ? 0 : build->options->heldout, build->options->seed, error));
    return corpus_draft_commit(&build->draft, error);
}

static void tell_plan(const struct build *build, const struct ltm_watch *watch) {
    const struct corpus_plan *plan = &build->plan;
    const size_t copies = plan->copy_count;
    if (plan->leaked > 0)
        watch_message(watch, "%lld document%s of the training text %s in the held-out files too%s",
                      (long long)plan->leaked, ltm_plural(plan->leaked), plan->leaked == 1 ? "is" : "are",
                      build->options->dedupe ? ": left out of training" : " (--dedupe leaves them out of training)");
    else if (copies > 0)
        watch_message(watch, "%zu of the %lld documents %s of another: %s", copies, (long long)plan->documents,
                      copies == 1 ? "is an exact copy" : "are exact copies",
                      build->options->dedupe
                          ? "left out"
                          : "each is in the same split as its original (--dedupe leaves copies out)");
    if (plan->tail_from >= 0)
        watch_message(watch, "there is only one document: its last %g %% is held out", 100 * build->options->heldout);
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
        return fail(error, LTM_INVALID, "%s has %d pieces; a shard's 16-bit tokens allow %d", options->tokenizer,
                    build->info.vocab, VOCAB_MOST);
    PASS_UP(corpus_plan_make(&build->plan, &options->input, options->heldout, options->seed, watch, error));
    build->info.copies = (int64_t)build->plan.copy_count;
    tell_plan(build, watch);
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
    int threads = options->threads > 0 ? options->threads : processors_granted("");
    TRY(prepare(&build, threads, watch, error));
    TRY(encode_all(&build, threads, error));
    progress_end(&build.pace);
    documents_tell_separators(build.documents, watch);
    documents_tell_bad(build.documents, watch);
    TRY(finish(&build, error));
    if (info) *info = build.info;
cleanup:
    for (int i = 0; i < 2; i++) {
        shard_writer_drop(&build.writers[i]);
        batch_free(&build.batches[i]);
    }
    if (status != LTM_OK) corpus_draft_discard(&build.draft);
    corpus_plan_free(&build.plan);
    documents_close(build.documents);
    ltm_tokenizer_close(build.tokenizer);
    return status;
}
