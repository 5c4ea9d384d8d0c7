/* ltm corpus synth: a family's documents and items as files, and the corpus made from them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/progress.h"
#include "ltm/config.h"
#include "ltm/tokenizer.h"
#include "tasks/family.h"
#include "tasks/synth.h"
#include "text/corpus_install.h"

enum { DEFAULT_DOCUMENTS = 20000, DEFAULT_ITEMS = 500, DEFAULT_TRAIN_ITEMS = 2000, PATH_SIZE = LTM_PATH_MAX };
enum { IN_VAIN_MOST = 5000 }; /* draws in sequence that ask what was asked, before a family is taken to have no more */

#define MADE_BY "# ltm corpus synth " /* how task.ini begins */

struct writing {
    const struct synth *synth;
    const struct ltm_synth_options *options;
    const struct ltm_watch *watch;
    struct ltm_synth_info info;
};

struct ltm_synth_options ltm_synth_defaults(void) {
    return (struct ltm_synth_options){.documents = DEFAULT_DOCUMENTS,
                                      .items = DEFAULT_ITEMS,
                                      .train_items = DEFAULT_TRAIN_ITEMS,
                                      .seed = 1,
                                      .difficulty = 1};
}

static void report(const struct writing *writing, const char *what, int64_t done, int64_t total) {
    if (done % 1000 == 0 || done == total) watch_progress(writing->watch, what, (double)done, (double)total);
}

static ltm_status write_line(struct file_draft *draft, const json_t *line, struct ltm_error *error) {
    if (json_dumpf(line, draft->stream, JSON_COMPACT | JSON_REAL_PRECISION(10)) == 0 && fputc('\n', draft->stream) >= 0)
        return LTM_OK;
    const ltm_status status = json_memory(draft->path, error);
    return status != LTM_OK ? status : fail(error, LTM_IO, "cannot write %s; is the disk full?", draft->path);
}

static ltm_status write_documents(struct writing *writing, const char *path, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const int64_t count = writing->options->documents;
    struct text document = {0};
    struct file_draft draft;
    TRY(file_create(&draft, path, error));
    for (int64_t i = 0; i < count && status == LTM_OK; i++) {
        status = synth_document(writing->synth, (uint64_t)i, &document, error);
        if (status != LTM_OK) break;
        writing->info.bytes += (int64_t)document.bytes;
        json_t *line = json_pack("{s:s}", "text", text_string(&document));
        status = line ? write_line(&draft, line, error) : json_fail_memory("a document", error);
        json_decref(line);
        report(writing, "writing documents", i + 1, count);
    }
    if (status == LTM_OK)
        status = file_commit(&draft, error);
    else
        file_discard(&draft);
cleanup:
    text_free(&document);
    return status;
}

/* What items ask, as hashes: 0 is a free place. */
struct asked {
    uint64_t *hashes;
    size_t room; /* a power of two, more than there are items */
};

/* Whether a question, its choices included, is there for the first time. */
static ltm_status ask(struct asked *asked, const json_t *item, bool *is_new, struct ltm_error *error) {
    const char *context = json_string_value(json_object_get(item, "context"));
    const json_t *choices = json_object_get(item, "choices");
    char *text = choices ? json_text(choices, 0) : NULL;
    if (choices && !text) return json_fail_memory("choices", error);
    const uint64_t hash = hash_bytes(context, strlen(context), text ? hash_bytes(text, strlen(text), 1) : 0) | 1;
    free(text);
    size_t at = (size_t)(hash >> 1);
    while (asked->hashes[at & (asked->room - 1)] && asked->hashes[at & (asked->room - 1)] != hash) at++;
    *is_new = !asked->hashes[at & (asked->room - 1)];
    asked->hashes[at & (asked->room - 1)] = hash;
    return LTM_OK;
}

/* Training items as they are drawn. Of test items no two ask the same, so that each counts once in a mean and its standard error: a
 * family that comes to an end of them gives fewer than *count, which says how many then. */
static ltm_status write_items(struct writing *writing, const char *path, enum synth_side side, int64_t *count,
                              struct ltm_error *error) {
    struct asked asked = {.room = 2};
    struct file_draft draft;
    int64_t written = 0;
    int in_vain = 0;
    while (asked.room < 2 * (size_t)*count) asked.room *= 2;
    ltm_status status = NEW_ARRAY(asked.hashes, asked.room, "items", error);
    if (status == LTM_OK) status = file_create(&draft, path, error);
    if (status != LTM_OK) goto cleanup;
    for (uint64_t i = 0; written < *count && in_vain < IN_VAIN_MOST && status == LTM_OK; i++) {
        json_t *item = NULL;
        bool is_new = true;
        status = synth_item(writing->synth, side, i, &item, error);
        if (status == LTM_OK && side == SYNTH_TEST) status = ask(&asked, item, &is_new, error);
        if (status == LTM_OK && is_new) status = write_line(&draft, item, error);
        json_decref(item);
        written += is_new;
        in_vain = is_new ? 0 : in_vain + 1;
        if (is_new) report(writing, "writing items", written, *count);
    }
    *count = written;
    if (status == LTM_OK)
        status = file_commit(&draft, error);
    else
        file_discard(&draft);
cleanup:
    free(asked.hashes);
    return status;
}

/* Items as prompts with answers: right, and wrong in each way by turns. For data.kind = pairs, with either objective. */
static ltm_status write_pairs(const struct writing *writing, const char *path, enum synth_side side, int64_t count,
                              struct ltm_error *error) {
    struct file_draft draft;
    ltm_status status = file_create(&draft, path, error);
    if (status != LTM_OK) return status;
    for (int64_t i = 0; i < count && status == LTM_OK; i++) {
        json_t *item = NULL;
        status = synth_item(writing->synth, side, (uint64_t)i, &item, error);
        if (status != LTM_OK) break;
        const char *answer = json_string_value(json_object_get(item, "answer"));
        json_t *wrong = json_object_get(item, "wrong");
        void *way = json_object_iter(wrong);
        for (int64_t k = i % (int64_t)json_object_size(wrong); k > 0; k--) way = json_object_iter_next(wrong, way);
        json_t *pair = json_pack("{s:O, s:s+, s:s+, s:s+, s:s}", "prompt", json_object_get(item, "context"), "answer",
                                 " ", answer, "chosen", " ", answer, "rejected", " ",
                                 json_string_value(json_object_iter_value(way)), "wrong", json_object_iter_key(way));
        status = pair ? write_line(&draft, pair, error) : json_fail_memory("a pair", error);
        json_decref(pair);
        json_decref(item);
    }
    if (status == LTM_OK) return file_commit(&draft, error);
    file_discard(&draft);
    return status;
}

/* The task, and as comments what made it: whoever finds the folder can make it again. */
static ltm_status write_task(const struct writing *writing, const char *path, struct ltm_error *error) {
    const struct synth_family *family = writing->synth->family;
    struct text text = {0};
    text_print(&text, MADE_BY "%s --documents %lld --items %lld --train-items %lld --seed %llu", family->public.name,
               (long long)writing->options->documents, (long long)writing->options->items,
               (long long)writing->options->train_items, (unsigned long long)writing->options->seed);
    for (int i = 0; i < family->public.knob_count; i++)
        text_print(&text, " %s=%.10g", family->public.knobs[i].name, writing->synth->knobs[i]);
    text_print(&text, "\n[task]\nname = %s\nkind = %s\nfamily = %s\nitems = test.jsonl\nshots = train.jsonl\n",
               family->public.name, family->choices ? "choices" : "generate", family->public.name);
    if (family->extract) text_print(&text, "extract = %s\n", family->extract);
    if (family->last) text_add(&text, "match = last\n");
    if (family->stop) text_print(&text, "stop = %s\n", family->stop);
    if (family->words) text_print(&text, "length = %d\n", family->words(writing->synth) + 1); /* and what ends it */
    ltm_status status = text.failed ? fail_memory(error, text.room, path) : file_write_text(path, text.data, error);
    text_free(&text);
    return status;
}

static ltm_status build_corpus(struct writing *writing, const char *documents, const char *folder,
                               struct ltm_error *error) {
    const struct ltm_synth_options *options = writing->options;
    struct ltm_tokenizer_train_options train = ltm_tokenizer_train_defaults();
    struct ltm_corpus_build_options build = ltm_corpus_build_defaults();
    char tokenizer[PATH_SIZE];
    char corpus[PATH_SIZE];
    PASS_UP(path_join(tokenizer, sizeof tokenizer, folder, "tokenizer.model", error));
    PASS_UP(path_join(corpus, sizeof corpus, folder, "corpus", error));
    build.output = corpus;
    build.tokenizer = options->tokenizer ? options->tokenizer : tokenizer;
    build.input = train.input = (struct ltm_text_input){.paths = &documents, .count = 1};
    build.seed = train.seed = options->seed;
    build.threads = train.threads = options->threads;
    if (options->vocab) {
        const bool puzzles = writing->synth->family->puzzles != NULL; /* a cell and its blank in one piece */
        train.output = tokenizer;
        train.vocab = options->vocab;
        train.kind = options->bpe || puzzles ? LTM_TOKENIZER_BPE : LTM_TOKENIZER_UNIGRAM;
        PASS_UP(ltm_tokenizer_train(&train, writing->watch, error));
    }
    PASS_UP(ltm_corpus_build(&build, writing->watch, &writing->info.corpus, error));
    writing->info.has_corpus = 1;
    return LTM_OK;
}

/* Files of the same names that no synth made are not replaced: others, too, call theirs train.jsonl. */
static ltm_status check_place(const struct ltm_synth_options *options, struct ltm_error *error) {
    static const char *const names[] = {"task.ini",          "text.jsonl",       "train.jsonl",    "test.jsonl",
                                        "train-pairs.jsonl", "test-pairs.jsonl", "tokenizer.model"};
    enum { FIRST_PAIRS = 4, BEHIND_PAIRS = 6 };
    const bool pairs = family_find(options->family)->pairs;
    const char *folder = options->output;
    const size_t written = sizeof names / sizeof *names - (options->vocab ? 0 : 1);
    char path[PATH_SIZE];
    char first[sizeof MADE_BY] = "";
    PASS_UP(path_join(path, sizeof path, folder, names[0], error));
    FILE *task = file_exists(path) ? fopen(path, "r") : NULL;
    if (task) {
        const size_t bytes = fread(first, 1, sizeof first - 1, task);
        fclose(task);
        first[bytes] = 0;
    }
    for (size_t i = 0; i < written && strcmp(first, MADE_BY) != 0; i++) {
        if (!pairs && i >= FIRST_PAIRS && i < BEHIND_PAIRS) continue;
        PASS_UP(path_join(path, sizeof path, folder, names[i], error));
        if (access(path, F_OK) == 0)
            return fail(error, LTM_INVALID,
                        "%s exists and would be lost: its folder has no task.ini of ltm corpus "
                        "synth; choose another folder",
                        path);
    }
    if (!options->vocab && !options->tokenizer) return LTM_OK;
    PASS_UP(path_join(path, sizeof path, folder, "corpus", error));
    return corpus_place_check(path, error);
}

static ltm_status write_all(struct writing *writing, struct ltm_error *error) {
    const struct ltm_synth_options *options = writing->options;
    char documents[PATH_SIZE];
    char train[PATH_SIZE];
    char test[PATH_SIZE];
    char task[PATH_SIZE];
    PASS_UP(path_join(documents, sizeof documents, options->output, "text.jsonl", error));
    PASS_UP(path_join(train, sizeof train, options->output, "train.jsonl", error));
    PASS_UP(path_join(test, sizeof test, options->output, "test.jsonl", error));
    PASS_UP(path_join(task, sizeof task, options->output, "task.ini", error));
    PASS_UP(check_place(options, error));
    PASS_UP(folder_create(options->output, error));
    PASS_UP(write_task(writing, task, error)); /* first, since it says whose the other files are */
    PASS_UP(write_documents(writing, documents, error));
    PASS_UP(write_items(writing, train, SYNTH_TRAIN, &writing->info.train_items, error));
    PASS_UP(write_items(writing, test, SYNTH_TEST, &writing->info.items, error));
    if (writing->synth->family->pairs) {
        PASS_UP(path_join(train, sizeof train, options->output, "train-pairs.jsonl", error));
        PASS_UP(path_join(test, sizeof test, options->output, "test-pairs.jsonl", error));
        PASS_UP(write_pairs(writing, train, SYNTH_TRAIN, options->train_items, error));
        PASS_UP(write_pairs(writing, test, SYNTH_TEST, options->items, error));
    }
    if (options->vocab || options->tokenizer) PASS_UP(build_corpus(writing, documents, options->output, error));
    return LTM_OK;
}

static ltm_status check_options(const struct ltm_synth_options *options, struct ltm_error *error) {
    if (options->documents < 1) return fail(error, LTM_INVALID, "documents: ask for at least 1");
    if (options->items < 1 || options->train_items < 1)
        return fail(error, LTM_INVALID, "items and train-items: ask for at least 1 of each");
    if (options->vocab && options->tokenizer)
        return fail(error, LTM_INVALID, "give either a vocabulary to train or an existing tokenizer, not both");
    return LTM_OK;
}

/* Families whose texts come in passes (conflict) state what they count just so often in whole ones alone. */
static void tell_part_of_pass(const struct writing *writing) {
    const struct ltm_synth_family *family = &writing->synth->family->public;
    for (int k = 0; k < family->knob_count; k++) {
        const int64_t pass = strcmp(family->knobs[k].name, "pass") == 0 ? (int64_t)writing->synth->knobs[k] : 0;
        if (pass && writing->options->documents % pass)
            watch_message(
                writing->watch,
                "%lld documents are no whole number of passes of %lld, so facts do not stand as often as their "
                "items say; use --documents %lld, or pass=%lld",
                (long long)writing->options->documents, (long long)pass,
                (long long)((writing->options->documents / pass + 1) * pass), (long long)writing->options->documents);
    }
}

ltm_status ltm_synth(const struct ltm_synth_options *options, const struct ltm_watch *watch,
                     struct ltm_synth_info *info, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct synth_family *family = family_find(options->family);
    struct synth synth = {0};
    struct writing writing = {.synth = &synth, .options = options, .watch = watch};
    TRY(check_options(options, error));
    TRY(family_check(options->family, error));
    TRY(synth_open(&synth, family, options->difficulty, options->knobs, options->knob_count, options->seed, error));
    synth.train_items = (uint32_t)options->train_items;
    writing.info.documents = options->documents;
    writing.info.items = options->items;
    writing.info.train_items = options->train_items;
    tell_part_of_pass(&writing);
    TRY(write_all(&writing, error));
    if (info) *info = writing.info;
cleanup:
    synth_close(&synth);
    return status;
}
