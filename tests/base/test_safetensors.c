/* safetensors: what is written reads back; a file that lies is refused, whatever it says. */
#include "support/error.h"
#include "support/files.h"

#include "base/files.h"
#include "base/safetensors.h"

static const char *path;

static const float weights[6] = {0, 1, 2, 3, 4, 5};
static const int64_t steps[1] = {1234567890123};
static const int32_t tokens[3] = {-1, 0, 65535};
static const double rates[2] = {0.1, -0.0};

static ltm_status write_sample(const struct safetensors_pair *pairs, size_t count) {
    const struct safetensors_tensor tensors[] = {
        {"weights", SAFETENSORS_F32, 2, {2, 3}, sizeof weights, weights},
        {"tokens", SAFETENSORS_I32, 1, {3}, 0, tokens},
        {"step", SAFETENSORS_I64, 0, {0}, 0, steps},
        {"nothing", SAFETENSORS_F32, 2, {0, 7}, 0, NULL},
        {"rates é", SAFETENSORS_F64, 1, {2}, 0, rates},
    };
    return safetensors_write(path, tensors, 5, pairs, count, &error);
}

static void count_pairs(void *user, const char *key, const char *value) {
    (void)key, (void)value;
    ++*(int *)user;
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    const struct safetensors_pair pairs[] = {{"format", "ltm 1"}, {"config", "[model]\ndim = \"8\"\n"}};
    struct safetensors *file;
    const void *data;
    int visited = 0;
    assert_int_equal(write_sample(pairs, 2), LTM_OK);
    if (safetensors_open(&file, path, &error) != LTM_OK) fail_msg("%s", error.message);
    assert_int_equal(safetensors_count(file), 5);
    for (size_t i = 0; i < 5; i++) {
        const struct safetensors_tensor *tensor = safetensors_at(file, i);
        if (tensor->bytes) assert_int_equal((uintptr_t)tensor->data % (tensor->bytes % 8 ? 4 : 8), 0);
    }
    assert_int_equal((uintptr_t)safetensors_at(file, 0)->data % 64, 0);
    const int64_t shape[2] = {2, 3};
    const int64_t wrong[2] = {3, 2};
    const int64_t three = 3;
    const int64_t two = 2;
    assert_int_equal(safetensors_expect(file, "weights", SAFETENSORS_F32, 2, shape, &data, &error), LTM_OK);
    assert_memory_equal(data, weights, sizeof weights);
    assert_int_equal(safetensors_expect(file, "tokens", SAFETENSORS_I32, 1, &three, &data, &error), LTM_OK);
    assert_memory_equal(data, tokens, sizeof tokens);
    assert_int_equal(safetensors_expect(file, "step", SAFETENSORS_I64, 0, NULL, &data, &error), LTM_OK);
    assert_memory_equal(data, steps, sizeof steps);
    assert_int_equal(safetensors_expect(file, "rates é", SAFETENSORS_F64, 1, &two, &data, &error), LTM_OK);
    assert_memory_equal(data, rates, sizeof rates);
    assert_string_equal(safetensors_metadata(file, "config"), pairs[1].value);
    assert_null(safetensors_metadata(file, "no"));
    safetensors_each_metadata(file, count_pairs, &visited);
    assert_int_equal(visited, 2);

    assert_int_equal(safetensors_expect(file, "weights", SAFETENSORS_F32, 2, wrong, &data, &error), LTM_CORRUPT);
    assert_says("\"weights\" has the shape (2, 3), not (3, 2)");
    assert_int_equal(safetensors_expect(file, "weights", SAFETENSORS_F64, 2, shape, &data, &error), LTM_CORRUPT);
    assert_says("is F32, not F64");
    assert_int_equal(safetensors_expect(file, "bias", SAFETENSORS_F32, 2, shape, &data, &error), LTM_CORRUPT);
    assert_says("no tensor \"bias\"");
    safetensors_close(file);
    safetensors_close(NULL);
}

static void no_tensors_and_no_metadata_is_a_file_too(void **state) {
    (void)state;
    struct safetensors *file;
    int visited = 0;
    assert_int_equal(safetensors_write(path, NULL, 0, NULL, 0, &error), LTM_OK);
    assert_int_equal(safetensors_open(&file, path, &error), LTM_OK);
    assert_int_equal(safetensors_count(file), 0);
    assert_null(safetensors_metadata(file, "format"));
    safetensors_each_metadata(file, count_pairs, &visited);
    assert_int_equal(visited, 0);
    safetensors_close(file);
}

static void writing_refuses_what_could_not_be_read(void **state) {
    (void)state;
    const struct safetensors_tensor twice[] = {{"a", SAFETENSORS_F32, 1, {6}, 0, weights},
                                               {"a", SAFETENSORS_F32, 1, {6}, 0, weights}};
    const struct safetensors_tensor bad[] = {{"", SAFETENSORS_F32, 1, {6}, 0, weights},
                                             {"a\n", SAFETENSORS_F32, 1, {6}, 0, weights},
                                             {"\xff", SAFETENSORS_F32, 1, {6}, 0, weights},
                                             {"__metadata__", SAFETENSORS_F32, 1, {6}, 0, weights},
                                             {"a", SAFETENSORS_OTHER, 1, {6}, 0, weights},
                                             {"a", SAFETENSORS_F32, 1, {-6}, 0, weights},
                                             {"a", SAFETENSORS_F32, 9, {1}, 0, weights},
                                             {"a", SAFETENSORS_F32, 1, {6}, 23, weights},
                                             {"a", SAFETENSORS_F32, 2, {INT64_MAX, 6}, 0, weights}};
    const struct safetensors_pair pair = {"key", "\xff"};
    assert_int_equal(file_write_text(path, "old", &error), LTM_OK);
    assert_int_not_equal(safetensors_write(path, twice, 2, NULL, 0, &error), LTM_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_not_equal(safetensors_write(path, &bad[i], 1, NULL, 0, &error), LTM_OK);
    assert_int_not_equal(safetensors_write(path, NULL, 0, &pair, 1, &error), LTM_OK);
    char *text;
    size_t bytes;
    assert_int_equal(file_read_text(&text, &bytes, path, 10, &error), LTM_OK);
    assert_string_equal(text, "old");
    free(text);
}

/* Without the fsync of file_commit: there are many. */
static void write_raw(const void *prefix, size_t first, const void *header, size_t second, size_t zeros) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(prefix, 1, first, out), first);
    assert_int_equal(fwrite(header, 1, second, out), second);
    while (zeros-- > 0) assert_int_equal(fputc(0, out), 0);
    assert_int_equal(fclose(out), 0);
}

/* Open a file of this header, with `claimed` as its length where that is not 0, and `data` bytes of data. */
static ltm_status open_raw(const char *header, size_t data, uint64_t claimed) {
    struct safetensors *file = NULL;
    unsigned char prefix[8];
    uint64_t length = claimed ? claimed : strlen(header);
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)(length >> (8 * i));
    write_raw(prefix, sizeof prefix, header, strlen(header), data);
    ltm_status status = safetensors_open(&file, path, &error);
    safetensors_close(file);
    return status;
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}"

static void a_file_that_lies_is_refused(void **state) {
    (void)state;
    static const char *const headers[] = {
        "",
        "{",
        "[]",
        "null",
        "{}", /* {} leaves 24 bytes to nobody */
        "{" A "," A "}",
        ("{" A "} x"),
        "{\"a\":1}",
        "{\"a\":{}}",
        ("{" A ",\"__metadata__\":[]}"),
        ("{" A ",\"__metadata__\":{\"k\":1}}"),
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F64\",\"shape\":[6],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F31\",\"shape\":[6],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":32,\"shape\":[6],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-6],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[6.0],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":6,\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,6],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[7],\"data_offsets\":[0,28]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[24,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[-24,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24,24]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":{}}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[4,24]}}",
        ("{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[20,24]}}"),
        ("{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}"),
        "{\"\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
        "{\"\\n\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
        "{\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
        "{\"\xff\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}",
    };
    assert_int_equal(open_raw("{" A "}", 24, 0), LTM_OK);
    assert_int_equal(open_raw("{" A ",\"b\":{\"dtype\":\"BF16\",\"shape\":[0],\"data_offsets\":[24,24]}}   ", 24, 0),
                     LTM_OK);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        ltm_status status = open_raw(headers[i], 24, 0);
        if (status != LTM_CORRUPT && status != LTM_UNSUPPORTED) fail_msg("%s: status %d", headers[i], status);
        assert_says(path);
    }
    assert_int_equal(open_raw("{" A "}", 23, 0), LTM_CORRUPT);
    assert_says("truncated");
    assert_int_equal(open_raw("{" A "}", 25, 0), LTM_CORRUPT);
    assert_int_equal(open_raw("{" A "}", 24, UINT64_MAX), LTM_CORRUPT);
    assert_int_equal(open_raw("{" A "}", 24, 1000), LTM_CORRUPT);
    assert_int_equal(open_raw("{" A "}", 24, 3), LTM_CORRUPT);
    assert_int_equal(file_write_text(path, "short", &error), LTM_OK);
    struct safetensors *file;
    assert_int_equal(safetensors_open(&file, path, &error), LTM_CORRUPT);
    assert_int_equal(safetensors_open(&file, "/no/such", &error), LTM_IO);

    /* Deep nesting must not eat the stack. */
    enum { DEPTH = 100000 };
    char *deep = malloc(DEPTH + 1);
    assert_non_null(deep);
    memset(deep, '[', DEPTH);
    deep[DEPTH] = 0;
    assert_int_equal(open_raw(deep, 24, 0), LTM_CORRUPT);
    free(deep);
}

/* Numbers at odd places cannot be read in place. */
static void unaligned_numbers_are_refused_when_asked_for(void **state) {
    (void)state;
    const int64_t shape = 6;
    const void *data;
    struct safetensors *file;
    assert_int_equal(open_raw("{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                              "\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[1,25]}}",
                              25, 0),
                     LTM_OK);
    assert_int_equal(safetensors_open(&file, path, &error), LTM_OK);
    size_t odd = (uintptr_t)safetensors_find(file, "a")->data % 4;
    assert_int_equal(safetensors_expect(file, "a", SAFETENSORS_F32, 1, &shape, &data, &error),
                     odd ? LTM_UNSUPPORTED : LTM_OK);
    assert_string_equal(safetensors_dtype(file, 0), "U8");
    safetensors_close(file);
}

/* Damage anywhere is an error or harmless: the sanitizers watch. */
static void damaged_bytes_do_no_harm(void **state) {
    (void)state;
    uint32_t seed = 20240607;
    uint32_t refused = 0;
    const struct safetensors_pair pair = {"format", "ltm"};
    print_message("seed %u\n", seed);
    assert_int_equal(write_sample(&pair, 1), LTM_OK);
    char *whole;
    size_t bytes;
    assert_int_equal(file_read_text(&whole, &bytes, path, 1 << 16, &error), LTM_OK);
    unsigned char *copy = malloc(bytes);
    assert_non_null(copy);
    for (int round = 0; round < 2000; round++) {
        memcpy(copy, whole, bytes);
        for (int hits = 1 + round % 3; hits > 0; hits--) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % bytes] = (unsigned char)(seed >> 24 ^ seed >> 4);
        }
        size_t kept = round % 5 ? bytes : (seed >> 3) % bytes;
        write_raw("", 0, copy, kept, 0);
        struct safetensors *file;
        if (safetensors_open(&file, path, &error) != LTM_OK) {
            assert_true(*error.message);
            refused++;
            continue;
        }
        volatile unsigned sum = 0;
        for (size_t i = 0; i < safetensors_count(file); i++) {
            const struct safetensors_tensor *tensor = safetensors_at(file, i);
            for (size_t j = 0; j < tensor->bytes; j++) sum += ((const unsigned char *)tensor->data)[j];
        }
        (void)sum;
        safetensors_close(file);
    }
    assert_true(refused > 500);
    free(copy);
    free(whole);
}

int main(void) {
    path = test_path("file.safetensors");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(no_tensors_and_no_metadata_is_a_file_too),
        cmocka_unit_test(writing_refuses_what_could_not_be_read),
        cmocka_unit_test(a_file_that_lies_is_refused),
        cmocka_unit_test(unaligned_numbers_are_refused_when_asked_for),
        cmocka_unit_test(damaged_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
