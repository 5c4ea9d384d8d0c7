/* Token shards: written in several files, read as one run of tokens; ours and those of llm.c; damage is refused. */
#include "text/fixture.h"

#include "text/corpus_info.h"
#include "text/token_stream.h"

static int32_t expected_token(int64_t i) { return (int32_t)(i * 7919 % 65536); }

static struct shard_writer write_shards(const char *where, const char *split, int64_t limit, int64_t tokens) {
    struct shard_writer writer = shard_writer_begin(where, split, limit);
    for (int64_t i = 0; i < tokens;) { /* pieces of uneven length */
        uint16_t piece[97];
        size_t count = 0;
        while (count < 97 && i < tokens) piece[count++] = (uint16_t)expected_token(i++);
        assert_ok(shard_writer_add(&writer, piece, count, &error));
    }
    assert_ok(shard_writer_end(&writer, &error));
    assert_int_equal(writer.shards, (tokens + limit - 1) / limit);
    for (int i = 0; i < writer.shards; i++) {
        char name[64];
        char checksum[17];
        char path[600];
        snprintf(name, sizeof name, "%s-%05d.bin", split, i);
        assert_ok(path_join(path, sizeof path, where, name, &error));
        assert_ok(checksum_file(checksum, path, &error));
        assert_string_equal(writer.checksums[i], checksum);
    }
    return writer;
}

static void make_shards(const char *where, const char *split, int64_t limit, int64_t tokens) {
    struct shard_writer writer = write_shards(where, split, limit, tokens);
    shard_writer_drop(&writer);
}

static void assert_stream(const char *path, const char *split, int64_t tokens) {
    struct token_stream *stream;
    assert_ok(token_stream_open(&stream, path, split, &error));
    assert_int_equal(token_stream_count(stream), tokens);
    int32_t read[300];
    for (int64_t from = 0; from + 300 <= tokens; from += 111) {
        token_stream_read(stream, from, 300, read);
        int32_t largest = -1;
        for (int64_t i = 0; i < 300; i++) {
            assert_int_equal(read[i], expected_token(from + i));
            if (read[i] > largest) largest = read[i];
        }
        assert_int_equal(token_stream_largest(stream, from, 300), largest);
    }
    token_stream_read(stream, tokens, 0, read);
    assert_int_equal(token_stream_largest(stream, 0, 0), -1);
    token_stream_close(stream);
}

static void shards_read_as_one_stream(void **state) {
    (void)state;
    assert_ok(folder_create(at("one"), &error));
    make_shards(at("one"), "train", 1000, 4500);
    make_shards(at("one"), "heldout", 100, 700); /* shards shorter than what is read at once */
    assert_true(file_exists(at("one/train-00004.bin")));
    assert_stream(at("one"), "train", 4500);
    assert_stream(at("one"), "heldout", 700);
    struct stat info;
    assert_int_equal(stat(at("one/train-00004.bin"), &info), 0);
    assert_int_equal(info.st_size, 1024 + 2 * 500);
}

static void llm_c_shards_are_found_by_name(void **state) {
    (void)state;
    assert_ok(folder_create(at("two"), &error));
    make_shards(at("two"), "train", 3000, 3000);
    make_shards(at("two"), "heldout", 500, 500);
    assert_int_equal(rename(at("two/train-00000.bin"), at("two/edu_fineweb_train_000001.bin")), 0);
    assert_int_equal(rename(at("two/heldout-00000.bin"), at("two/edu_fineweb_val_000000.bin")), 0);
    assert_stream(at("two"), "train", 3000);
    assert_stream(at("two"), "heldout", 500);
    assert_stream(at("two/edu_fineweb_val_000000.bin"), "train", 500); /* one file serves as either */
    assert_stream(at("two/edu_fineweb_val_000000.bin"), "heldout", 500);
}

static void assert_refused(const char *path, ltm_status expected, const char *part) {
    struct token_stream *stream;
    assert_int_equal(token_stream_open(&stream, path, "train", &error), expected);
    assert_null(stream);
    assert_says(part);
}

static void patch(const char *path, long offset, int32_t word) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(&word, sizeof word, 1, file), 1);
    fclose(file);
}

static void damaged_shards_are_refused_by_name(void **state) {
    (void)state;
    assert_ok(folder_create(at("three"), &error));
    make_shards(at("three"), "train", 1000, 1000);
    const char *path = at("three/train-00000.bin");
    assert_stream(path, "train", 1000);
    patch(path, 8, 1001);
    assert_refused(at("three"), LTM_CORRUPT, "train-00000.bin");
    patch(path, 8, -1);
    assert_refused(at("three"), LTM_CORRUPT, "says -1 tokens");
    patch(path, 8, 1000);
    patch(path, 4, 2);
    assert_refused(at("three"), LTM_CORRUPT, "version 2");
    patch(path, 4, 1);
    patch(path, 0, 7);
    assert_refused(at("three"), LTM_CORRUPT, "starts with 7");
    patch(path, 0, SHARD_MAGIC);
    assert_stream(path, "train", 1000);
    assert_int_equal(truncate(path, 2000), 0);
    assert_refused(at("three"), LTM_CORRUPT, "damaged");
    assert_int_equal(truncate(path, 100), 0);
    assert_refused(path, LTM_CORRUPT, "not a token shard");
    assert_int_equal(truncate(path, 0), 0);
    assert_refused(path, LTM_CORRUPT, "not a token shard");
    assert_refused(at("nowhere"), LTM_IO, "nowhere");
    assert_ok(folder_create(at("four"), &error));
    assert_refused(at("four"), LTM_IO, "no train split");
    struct token_stream *stream;
    assert_int_equal(token_stream_open(&stream, at("three"), "test", &error), LTM_INVALID);
}

static void a_shard_that_went_missing_is_noticed(void **state) {
    (void)state;
    (void)state;
    struct ltm_corpus_info info = {.train = {.documents = 3, .tokens = 2500, .bytes = 9000, .shards = 3},
                                   .heldout = {.documents = 1, .tokens = 0, .bytes = 0, .shards = 0},
                                   .vocab = 300,
                                   .tokenizer_digest = "0123456789abcdef"};
    struct ltm_corpus_info back;
    assert_ok(folder_create(at("five"), &error));
    struct shard_writer train = write_shards(at("five"), "train", 1000, 2500);
    struct shard_writer held = shard_writer_begin(at("five"), "heldout", 1000);
    assert_ok(corpus_info_write(at("five"), &info, &train, &held, 0.05, UINT64_MAX, &error));
    shard_writer_drop(&train);
    assert_ok(corpus_info_read(&back, at("five"), &error));
    assert_int_equal(back.train.documents, 3);
    assert_int_equal(back.train.tokens, 2500);
    assert_int_equal(back.train.bytes, 9000);
    assert_int_equal(back.train.shards, 3);
    assert_int_equal(back.heldout.documents, 1);
    assert_int_equal(back.heldout.shards, 0);
    assert_int_equal(back.vocab, 300);
    assert_string_equal(back.tokenizer_digest, "0123456789abcdef");
    assert_stream(at("five"), "train", 2500);
    assert_int_equal(unlink(at("five/train-00001.bin")), 0);
    assert_refused(at("five"), LTM_CORRUPT, "1500 tokens");
}

static void a_damaged_corpus_json_is_refused(void **state) {
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"format\": 1}",
        "{\"format\": 1, \"vocab\": \"x\"}",
        "{\"format\": 1, \"vocab\": 5, \"tokenizer_digest\": \"a\", \"train\": {}, \"heldout\": {}}"};
    struct ltm_corpus_info info;
    (void)state;
    assert_ok(folder_create(at("six"), &error));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_text("six/corpus.json", texts[i]);
        assert_int_equal(corpus_info_read(&info, at("six"), &error), LTM_CORRUPT);
        assert_says("corpus.json");
    }
    put_text("six/corpus.json", "{\"format\": 2}");
    assert_int_equal(corpus_info_read(&info, at("six"), &error), LTM_UNSUPPORTED);
    assert_int_equal(corpus_info_read(&info, at("nowhere"), &error), LTM_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_read_as_one_stream),          cmocka_unit_test(llm_c_shards_are_found_by_name),
        cmocka_unit_test(damaged_shards_are_refused_by_name), cmocka_unit_test(a_shard_that_went_missing_is_noticed),
        cmocka_unit_test(a_damaged_corpus_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
