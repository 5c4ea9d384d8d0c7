/* Corpora: what goes in comes out again, split by document; nothing is lost when something fails. */
#include "text/fixture.h"
#include "text/model_bytes.h"

#include <signal.h>
#include <sys/resource.h>

#include "ltm/corpus.h"
#include "text/corpus_info.h"
#include "text/corpus_install.h"
#include "text/sequences.h"
#include "text/token_stream.h"

static const char *tokenizer_path;

static int set_up(void **state) {
    (void)state;
    tokenizer_path = strdup(make_tokenizer("tok.model", 400, true));
    return 0;
}

static struct ltm_corpus_build_options options_for(const char *output, const char *const *input) {
    struct ltm_corpus_build_options options = ltm_corpus_build_defaults();
    options.output = output;
    options.tokenizer = tokenizer_path;
    options.input.paths = input;
    options.input.count = 1;
    return options;
}

/* All documents of a split, each ended by '|'. */
static char *split_text(const char *corpus, const char *split) {
    struct ltm_tokenizer *tokenizer;
    struct token_stream *stream;
    struct words words = {0};
    assert_ok(ltm_tokenizer_open(&tokenizer, tokenizer_path, &error));
    assert_ok(token_stream_open(&stream, corpus, split, &error));
    int64_t count = token_stream_count(stream);
    int32_t *ids = malloc((size_t)count * sizeof *ids);
    token_stream_read(stream, 0, (size_t)count, ids);
    for (int64_t i = 0; i < count; i++) {
        char *text;
        size_t bytes;
        assert_ok(ltm_tokenizer_decode(tokenizer, ids + i, 1, &text, &bytes, &error));
        words_add(&words, text, bytes);
        if (ids[i] == ltm_tokenizer_end(tokenizer)) words_add(&words, "|", 1);
        free(text);
    }
    free(ids);
    token_stream_close(stream);
    ltm_tokenizer_close(tokenizer);
    return words.text;
}

/* A .jsonl of documents "document N …", the longest of several blocks. */
static const char *make_documents(const char *name, int count, struct words *all) {
    struct words lines = {0};
    for (int i = 0; i < count; i++) {
        char head[64];
        struct words body = make_words(i == 7 ? 600000 : 50 + draw(9, (uint32_t)i) % 2000, (uint32_t)i + 100);
        int length = snprintf(head, sizeof head, "{\"text\": \"document %d ", i);
        words_add(&lines, head, (size_t)length);
        words_add(all, head + 10, (size_t)length - 10);
        for (size_t at = 0; at < body.bytes; at++)
            if (body.text[at] == '\n')
                words_add(&lines, "\\n", 2);
            else
                words_add(&lines, body.text + at, 1);
        words_add(all, body.text, body.bytes);
        words_add(&lines, "\"}\n", 3);
        words_add(all, "|", 1);
        free(body.text);
    }
    const char *path = put(name, lines.text, lines.bytes);
    free(lines.text);
    return path;
}

static void every_document_comes_out_in_one_split(void **state) {
    (void)state;
    struct words all = {0};
    const char *input = make_documents("docs.jsonl", 300, &all);
    struct ltm_corpus_build_options options = options_for(at("c1"), &input);
    struct ltm_corpus_info info;
    struct ltm_corpus_info read;
    options.heldout = 0.1;
    options.shard_tokens = 50000;
    assert_ok(ltm_corpus_build(&options, NULL, &info, &error));
    assert_int_equal(info.train.documents + info.heldout.documents, 300);
    assert_in_range(info.heldout.documents, 15, 45); /* 30 ± 3 · 5.2 */
    assert_int_equal(info.train.bytes + info.heldout.bytes, all.bytes - 300);
    assert_true(info.train.shards > 1);
    assert_int_equal(info.vocab, 400);
    assert_ok(corpus_info_read(&read, at("c1"), &error));
    assert_int_equal(read.train.tokens, info.train.tokens);
    assert_int_equal(read.heldout.documents, info.heldout.documents);
    assert_string_equal(read.tokenizer_digest, info.tokenizer_digest);

    char *train = split_text(at("c1"), "train");
    char *held = split_text(at("c1"), "heldout");
    char *t = train;
    char *h = held;
    for (const char *document = all.text; *document;) {
        size_t length = (size_t)(strchr(document, '|') + 1 - document);
        if (strncmp(t, document, length) == 0)
            t += length;
        else if (strncmp(h, document, length) == 0)
            h += length;
        else
            fail_msg("lost: %.30s", document);
        document += length;
    }
    assert_int_equal(*t, 0);
    assert_int_equal(*h, 0);
    free(train);
    free(held);
    free(all.text);
}

static void assert_same_file(const char *a, const char *b) {
    char first[17];
    char second[17];
    assert_ok(checksum_file(first, a, &error));
    assert_ok(checksum_file(second, b, &error));
    assert_string_equal(first, second);
}

static void threads_do_not_reach_the_result(void **state) {
    (void)state;
    struct words all = {0};
    const char *input = make_documents("docs2.jsonl", 100, &all);
    free(all.text);
    static const char *const names[] = {"t1", "t2", "t5"};
    for (int i = 0; i < 3; i++) {
        struct ltm_corpus_build_options options = options_for(at(names[i]), &input);
        options.threads = names[i][1] - '0';
        assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    }
    for (int i = 1; i < 3; i++)
        for (int k = 0; k < 4; k++) {
            static const char *const files[] = {"train-00000.bin", "heldout-00000.bin", "tokenizer.model",
                                                "corpus.json"};
            char a[600];
            char b[600];
            snprintf(a, sizeof a, "%s/%s", at(names[0]), files[k]);
            snprintf(b, sizeof b, "%s/%s", at(names[i]), files[k]);
            assert_same_file(a, b);
        }
}

static void two_documents_fill_both_splits(void **state) {
    (void)state;
    const char *input = put_text("two.jsonl", "{\"text\": \"first one\"}\n{\"text\": \"second one\"}\n");
    for (uint64_t seed = 0; seed < 20; seed++)
        for (int share = 0; share < 2; share++) {
            struct ltm_corpus_build_options options = options_for(at("c2"), &input);
            struct ltm_corpus_info info;
            options.seed = seed;
            options.heldout = share ? 0.9 : 0.1;
            assert_ok(ltm_corpus_build(&options, NULL, &info, &error));
            assert_int_equal(info.train.documents, 1);
            assert_int_equal(info.heldout.documents, 1);
        }
}

static void message_of(void *user, const char *line) { snprintf(user, 256, "%s", line); }

static void a_single_document_gives_its_tail(void **state) {
    (void)state;
    struct words words = make_words(700000, 3);
    const char *input = put("single.txt", words.text, words.bytes);
    struct ltm_corpus_build_options options = options_for(at("c3"), &input);
    struct ltm_corpus_info info;
    char line[256] = "";
    struct ltm_watch watch = {.user = line, .message = message_of};
    options.heldout = 0.25;
    assert_ok(ltm_corpus_build(&options, &watch, &info, &error));
    assert_non_null(strstr(line, "only one document"));
    assert_int_equal(info.train.bytes + info.heldout.bytes, words.bytes);
    assert_true(info.heldout.bytes >= (int64_t)words.bytes / 4);
    assert_true(info.heldout.bytes < (int64_t)words.bytes / 4 + 2000); /* up to a newline */
    char *train = split_text(at("c3"), "train");
    char *held = split_text(at("c3"), "heldout");
    train[strlen(train) - 1] = held[strlen(held) - 1] = 0; /* the two ends */
    assert_memory_equal(train, words.text, strlen(train));
    assert_string_equal(held, words.text + strlen(train));
    free(train);
    free(held);
    free(words.text);
    static const char *const tiny[] = {"a", "\xC3\xA9", "ab", "\xE2\x82\xAC\xE2\x82\xAC"};
    for (int i = 0; i < 4; i++) { /* hardly a document at all */
        input = put_text("tiny.txt", tiny[i]);
        options = options_for(at("c3"), &input);
        assert_ok(ltm_corpus_build(&options, NULL, &info, &error));
        assert_int_equal(info.train.bytes + info.heldout.bytes, strlen(tiny[i]));
    }
}

/* Each of `different` documents so many times, a long one among them (blocks are cut in other places in another kind of file). */
static void put_copies(const char *name, bool json, int different, int times) {
    struct words all = {0};
    struct words lengthy = make_words(400000, 6);
    for (size_t i = 0; i < lengthy.bytes; i++)
        if (lengthy.text[i] == '\n') lengthy.text[i] = ' ';
    for (int i = 0; i < different * times; i++) {
        char head[64];
        int length = snprintf(head, sizeof head, "%sdocument %d%s", json ? "{\"text\": \"" : "", i % different,
                              i % different == 3 ? " " : "");
        words_add(&all, head, (size_t)length);
        if (i % different == 3) words_add(&all, lengthy.text, lengthy.bytes);
        words_add(&all, json ? "\"}\n" : "\n---\n", json ? 3 : 5);
    }
    put(name, all.text, all.bytes);
    free(all.text);
    free(lengthy.text);
}

/* Text that is learned must not be scored as if it were new. */
static void copies_are_in_one_split(void **state) {
    (void)state;
    put_copies("copies.jsonl", true, 40, 2);
    put_copies("copies.txt", false, 40, 1);
    put_copies("once.jsonl", true, 40, 1);
    const char *const paths[] = {at("copies.jsonl"), at("copies.txt"), at("once.jsonl")};
    struct ltm_corpus_build_options options = options_for(at("once"), &paths[2]);
    struct ltm_corpus_info once;
    struct ltm_corpus_info info;
    char line[256] = "";
    struct ltm_watch watch = {.user = line, .message = message_of};
    options.heldout = 0.3;
    assert_ok(ltm_corpus_build(&options, NULL, &once, &error));
    assert_int_equal(once.copies, 0);
    options = options_for(at("thrice"), paths);
    options.input.count = 2;
    options.input.separator = "---";
    options.heldout = 0.3;
    assert_ok(ltm_corpus_build(&options, &watch, &info, &error));
    assert_int_equal(info.copies, 80);
    assert_string_equal(line, "80 of the 120 documents are exact copies of another: each is in the same "
                              "split as its original (--dedupe leaves copies out)");
    assert_int_equal(info.heldout.documents, 3 * once.heldout.documents);
    assert_int_equal(info.train.bytes, 3 * once.train.bytes);
    options.dedupe = true; /* what is left is the corpus of the first ones, to the bit */
    assert_ok(ltm_corpus_build(&options, &watch, &info, &error));
    assert_non_null(strstr(line, "left out"));
    assert_int_equal(info.copies, 80);
    assert_int_equal(info.train.documents + info.heldout.documents, 40);
    for (int i = 0; i < 2; i++) {
        char *first = split_text(at("once"), i ? "train" : "heldout");
        char *left = split_text(at("thrice"), i ? "train" : "heldout");
        assert_string_equal(first, left);
        free(first);
        free(left);
    }
}

static void copies_of_one_document_give_their_tails(void **state) {
    (void)state;
    put_copies("same.jsonl", true, 1, 3);
    const char *const path = at("same.jsonl");
    struct ltm_corpus_build_options options = options_for(at("same"), &path);
    options.heldout = 0.5;
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    char *train = split_text(at("same"), "train");
    char *held = split_text(at("same"), "heldout");
    assert_int_equal(strlen(train), strlen(held) - 3 * 10 % 2);
    assert_memory_equal(train, "docum|docum|docum|", 18);
    free(train);
    free(held);
}

/* The split is a function of the seed and a document's number: old corpora can be built again. */
static void the_split_is_what_it_was(void **state) {
    (void)state;
    put_copies("once.jsonl", true, 40, 1);
    const char *const path = at("once.jsonl");
    struct ltm_corpus_build_options options = options_for(at("was"), &path);
    options.heldout = 0.1;
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    char *held = split_text(at("was"), "heldout");
    assert_string_equal(held, "document 2|document 14|document 23|"); /* of the program before it knew copies */
    free(held);
}

static void a_share_of_nothing_or_all_gives_one_split(void **state) {
    (void)state;
    const char *input = put_text("two.jsonl", "{\"text\": \"first one\"}\n{\"text\": \"second one\"}\n");
    struct ltm_corpus_build_options options = options_for(at("c4"), &input);
    struct ltm_corpus_info info;
    options.heldout = 0;
    assert_ok(ltm_corpus_build(&options, NULL, &info, &error));
    assert_int_equal(info.heldout.shards, 0);
    assert_int_equal(info.train.documents, 2);
    options.heldout = 1;
    assert_ok(ltm_corpus_build(&options, NULL, &info, &error));
    assert_int_equal(info.train.shards, 0);
    assert_int_equal(info.heldout.documents, 2);
    assert_false(file_exists(at("c4/train-00000.bin"))); /* nothing of the old corpus stays */
}

/* What must hold after a failure: the corpus that was there, no other trace. */
static void assert_untouched(const char *corpus, const char *checksum) {
    char now[17];
    char path[600];
    snprintf(path, sizeof path, "%s/train-00000.bin", corpus);
    assert_ok(checksum_file(now, path, &error));
    assert_string_equal(now, checksum);
    snprintf(path, sizeof path, "%s.building", corpus);
    assert_false(folder_exists(path));
}

static void failures_leave_the_old_corpus(void **state) {
    (void)state;
    struct words words = make_words(400000, 4);
    const char *good = put("good.txt", words.text, words.bytes);
    const char *corpus = strdup(at("c5"));
    struct ltm_corpus_build_options options = options_for(corpus, &good);
    char checksum[17];
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    assert_ok(checksum_file(checksum, at("c5/train-00000.bin"), &error));

    const char *bad = put_text("empty.txt", "");
    options.input.paths = &bad;
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    assert_says("no text");
    assert_untouched(corpus, checksum);

    words.text[300000] = (char)0xFF;
    bad = put("bad.txt", words.text, words.bytes);
    const char *both[] = {good, bad};
    options.input.paths = both;
    options.input.count = 2;
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    assert_says("bad.txt");
    assert_says("byte 300000");
    assert_untouched(corpus, checksum);

    /* A disk that is full: a limit on the size of files stands for it. */
    struct rlimit old;
    struct rlimit small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    options.input.paths = &good;
    options.input.count = 1;
    ltm_status status = ltm_corpus_build(&options, NULL, NULL, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, LTM_IO);
    assert_says("c5.building");
    assert_untouched(corpus, checksum);
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    assert_untouched(corpus, checksum);
    free((char *)corpus);
    free(words.text);
}

static void leftovers_of_a_killed_build_are_no_hindrance(void **state) {
    (void)state;
    const char *input = put_text("two.jsonl", "{\"text\": \"first one\"}\n{\"text\": \"second one\"}\n");
    struct ltm_corpus_build_options options = options_for(at("c6/"), &input);
    assert_ok(folder_create(at("c6.building"), &error));
    put_text("c6.building/train-00007.bin", "half");
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    assert_false(folder_exists(at("c6.building")));
    assert_false(file_exists(at("c6/train-00007.bin")));
}

static void other_folders_are_not_overwritten(void **state) {
    (void)state;
    const char *input = put_text("two.jsonl", "{\"text\": \"first one\"}\n{\"text\": \"second one\"}\n");
    struct ltm_corpus_build_options options = options_for(at("precious"), &input);
    assert_ok(folder_create(at("precious"), &error));
    put_text("precious/thesis.tex", "…");
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    assert_says("precious");
    assert_true(file_exists(at("precious/thesis.tex")));
    options.output = put_text("plain", "x");
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    assert_says("is not a folder");
    assert_ok(folder_create(at("hollow"), &error));
    options.output = at("hollow");
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
}

/* A rebuild takes the old folder away, and the draft's: with what builds wrote there, and nothing else. */
static void what_is_no_part_of_a_corpus_is_not_taken_away(void **state) {
    (void)state;
    static const char *const foreign[] = {"c8/only-copy.txt", "c8/train-00000.bin.orig", "c8/.hidden",
                                          "c8.building/a.txt", "c8/xtrain-00000.bin"};
    const char *input = put_text("two.jsonl", "{\"text\": \"first one\"}\n{\"text\": \"second one\"}\n");
    const char *inside = at("c8");
    struct ltm_corpus_build_options options = options_for(at("c8"), &input);
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    assert_ok(folder_create(at("c8.building"), &error));
    for (int i = 0; i < 5; i++) {
        const char *path = put_text(foreign[i], "text");
        options.input.paths = i ? &input : &inside; /* the file itself is to be read */
        assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
        assert_says(path);
        assert_true(file_exists(path));
        assert_true(file_exists(at("c8/train-00000.bin")));
        assert_int_equal(unlink(path), 0);
    }
    assert_ok(folder_create(at("c8/train-00001.bin"), &error)); /* a folder of that name */
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    assert_says("c8/train-00001.bin");
    assert_int_equal(rmdir(at("c8/train-00001.bin")), 0);
    put_text("c8/train-00001.bin.123-0.tmp", "left by a killed build");
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    assert_false(file_exists(at("c8/train-00001.bin.123-0.tmp")));
    assert_false(folder_exists(at("c8.building")));

    put_text("c8/corpus.json", "[\"text that somebody called a corpus\"]");
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    assert_says("contains no corpus");
}

/* Put there while the build goes on. */
static void leave_a_file(void *user, const struct ltm_progress *progress) {
    (void)progress;
    put_text(user, "text");
}

static void what_comes_during_a_build_is_kept(void **state) {
    (void)state;
    struct words words = make_words(400000, 4);
    const char *input = put("good.txt", words.text, words.bytes);
    struct ltm_corpus_build_options options = options_for(at("c9"), &input);
    struct ltm_watch watch = {.user = "c9/late.txt", .progress = leave_a_file};
    free(words.text);
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    assert_int_equal(ltm_corpus_build(&options, &watch, NULL, &error), LTM_INVALID);
    assert_true(file_exists(at("c9/late.txt"))); /* seen before the swap: the old corpus stays */
    assert_true(file_exists(at("c9/corpus.json")));

    struct corpus_draft draft;
    assert_int_equal(unlink(at("c9/late.txt")), 0);
    assert_ok(corpus_draft_create(&draft, at("c9"), &error));
    put_text("c9/late.txt", "text");
    assert_int_equal(corpus_draft_commit(&draft, &error), LTM_INVALID);
    assert_says("c9.building/late.txt");
    assert_true(file_exists(at("c9.building/late.txt")));
}

static void bad_options_are_refused(void **state) {
    (void)state;
    const char *input = put_text("one.txt", "text");
    struct ltm_corpus_build_options options = options_for(at("c7"), &input);
    options.tokenizer = make_model("huge.model", 65536, true, true);
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    assert_says("16-bit");
    options.tokenizer = make_model("full.model", 65536 - 29, true, true); /* 65,536 in all: just fits */
    assert_ok(ltm_corpus_build(&options, NULL, NULL, &error));
    options = options_for(at("c7"), &input);
    options.heldout = 1.5;
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    options = options_for(at("c7"), &input);
    options.shard_tokens = 10;
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    options = options_for("", &input);
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_INVALID);
    options = options_for(at("c7"), &input);
    options.tokenizer = at("nowhere.model");
    assert_int_equal(ltm_corpus_build(&options, NULL, NULL, &error), LTM_IO);
    assert_says("nowhere.model");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_document_comes_out_in_one_split),
        cmocka_unit_test(threads_do_not_reach_the_result),
        cmocka_unit_test(two_documents_fill_both_splits),
        cmocka_unit_test(a_single_document_gives_its_tail),
        cmocka_unit_test(copies_are_in_one_split),
        cmocka_unit_test(copies_of_one_document_give_their_tails),
        cmocka_unit_test(the_split_is_what_it_was),
        cmocka_unit_test(a_share_of_nothing_or_all_gives_one_split),
        cmocka_unit_test(failures_leave_the_old_corpus),
        cmocka_unit_test(leftovers_of_a_killed_build_are_no_hindrance),
        cmocka_unit_test(other_folders_are_not_overwritten),
        cmocka_unit_test(what_is_no_part_of_a_corpus_is_not_taken_away),
        cmocka_unit_test(what_comes_during_a_build_is_kept),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
