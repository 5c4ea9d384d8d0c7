/* ltm_fewshot as a caller sees it: the same figures and files for any number of threads, after any interruption; refused where
 * it would mix what does not belong together. */
#include <fcntl.h>
#include <math.h>
#include <sys/file.h>
#include <unistd.h>

#include "fewshot/fewshot_fixture.h"

static struct ltm_model *model;

static void write_tasks(void) {
    char choices[4000] = "";
    char words[2000] = "";
    char sums[4000] = "";
    for (int i = 0; i < 9; i++) {
        static const char *const colours[] = {"red", "green", "blue"};
        snprintf(choices + strlen(choices), sizeof choices - strlen(choices),
                 "{\"context\": \"the cat %d sat on\", \"choices\": [\"%s\", \"the mat\", \"a door by the sea\"], "
                 "\"gold\": %d}\n",
                 i, colours[i % 3], i % 3);
        snprintf(words + strlen(words), sizeof words - strlen(words), "{\"text\": \"the dog %d and the %s\"}\n", i,
                 colours[i % 3]);
        snprintf(sums + strlen(sums), sizeof sums - strlen(sums),
                 "{\"question\": \"%d and one?\", \"answer\": \"so #### %d\"}\n", i, i + 1);
    }
    fixture_put("choices.jsonl", choices);
    fixture_put("words.jsonl", words);
    fixture_put("sums.jsonl", sums);
    fixture_put("choices.ini", "[task]\nname=choices\nkind=choices\nitems=choices.jsonl\nshots=choices.jsonl\n");
    fixture_put("words.ini", "[task]\nname=words\nformat=lambada\nitems=words.jsonl\nshots=words.jsonl\n");
    fixture_put("sums.ini", "[task]\nname=sums\nformat=gsm8k\nitems=sums.jsonl\nshots=sums.jsonl\nlength=10\n");
}

static struct ltm_fewshot_result take(const char *task, const struct ltm_fewshot_options *options) {
    struct ltm_fewshot_result result;
    struct ltm_error error = {0};
    if (ltm_fewshot(model, test_path("%s", task), options, NULL, &result, &error) != LTM_OK)
        fail_msg("%s", error.message);
    return result;
}

static char *json_of(const char *task, const struct ltm_fewshot_options *options) {
    struct ltm_fewshot_result result = take(task, options);
    char *json;
    assert_int_equal(ltm_fewshot_json(&result, 1, &json, NULL), LTM_OK);
    ltm_fewshot_result_free(&result);
    return json;
}

static char *contents(const char *name) {
    char *text;
    size_t bytes;
    assert_int_equal(file_read_text(&text, &bytes, test_path("%s", name), 1 << 24, NULL), LTM_OK);
    return text;
}

/* `output` is room for the folder's path. */
static struct ltm_fewshot_options options_for(int threads, char output[1024], const char *folder) {
    snprintf(output, 1024, "%s", test_path("%s", folder));
    struct ltm_fewshot_options options = ltm_fewshot_defaults();
    options.shots = 1;
    options.samples = 3;
    options.threads = threads;
    options.output = output;
    return options;
}

static void any_number_of_threads_gives_the_same(void **state) {
    (void)state;
    static const char *const tasks[] = {"choices", "words", "sums"};
    for (int t = 0; t < 3; t++) {
        char task[40];
        char name[100];
        char *json[3];
        char *samples[3];
        snprintf(task, sizeof task, "%s.ini", tasks[t]);
        for (int threads = 1; threads <= 3; threads++) {
            char folder[40];
            char output[1024];
            snprintf(folder, sizeof folder, "out-%d", threads);
            struct ltm_fewshot_options options = options_for(threads, output, folder);
            if (t < 2) options.samples = 1;
            json[threads - 1] = json_of(task, &options);
            snprintf(name, sizeof name, "%s/samples_%s_1shot.jsonl", folder, tasks[t]);
            samples[threads - 1] = contents(name);
        }
        for (int i = 1; i < 3; i++) {
            assert_string_equal(json[i], json[0]);
            assert_string_equal(samples[i], samples[0]);
        }
        for (int i = 0; i < 3; i++) free(json[i]), free(samples[i]);
    }
}

static const struct ltm_fewshot_metric *metric_of(const struct ltm_fewshot_result *result, const char *name) {
    for (int i = 0; i < result->count; i++)
        if (strcmp(result->metrics[i].name, name) == 0) return &result->metrics[i];
    fail_msg("no metric %s", name);
    return NULL;
}

/* Of several samples: exact_match, pass@1 and the family's figures of parts of the items say the same. */
static void there_is_one_definition_of_right(void **state) {
    (void)state;
    char items[2000] = "";
    char output[1024];
    for (int i = 0; i < 8; i++)
        snprintf(items + strlen(items), sizeof items - strlen(items),
                 "{\"context\": \"the cat %d\", \"answer\": \"a\", \"steps\": %d}\n", i, i % 3 + 1);
    fixture_put("parts.jsonl", items);
    fixture_put("parts.ini", "[task]\nname=parts\nkind=generate\nfamily=arithmetic\nitems=parts.jsonl\nlength=6\n"
                             "extract=[a-z]\nignore=[a-m]\n"); /* right: the first letter is one of a to m */
    struct ltm_fewshot_options options = options_for(1, output, "parts");
    options.shots = 0;
    struct ltm_fewshot_result result = take("parts.ini", &options);
    const double right = metric_of(&result, "exact_match")->value;
    double sum = 0;
    for (int steps = 1; steps <= 3; steps++) {
        char name[40];
        snprintf(name, sizeof name, "acc@steps=%d", steps);
        const struct ltm_fewshot_metric *part = metric_of(&result, name);
        sum += part->value * (double)part->items;
    }
    assert_true(right > 0.1 && right < 0.9);
    assert_true(metric_of(&result, "pass@1")->value == right);
    assert_true(fabs(sum / 8 - right) < 1e-12);
    ltm_fewshot_result_free(&result);
}

/* A file cut at any byte goes on to the same bytes, and repeats no item that it holds whole. */
static void a_cut_run_goes_on(void **state) {
    (void)state;
    static const char name[] = "cut/samples_sums_1shot.jsonl";
    char output[1024];
    char other[1024];
    const struct ltm_fewshot_options options = options_for(1, output, "cut");
    char *whole_json = json_of("sums.ini", &options);
    char *whole = contents(name);
    const size_t bytes = strlen(whole);
    for (size_t keep = 0; keep <= bytes; keep += bytes / 7) {
        assert_int_equal(truncate(test_path("%s", name), (off_t)keep), 0);
        int64_t items = 0;
        int lines = 0; /* two an item: GSM8K's filters */
        for (size_t i = 0; i < keep; i++) lines += whole[i] == '\n';
        items = lines / 2;
        struct ltm_fewshot_result result = take("sums.ini", &options);
        assert_int_equal(result.resumed, items);
        ltm_fewshot_result_free(&result);
        char *again = contents(name);
        char *json = contents("cut/results_sums_1shot.json");
        assert_string_equal(again, whole);
        assert_string_equal(json, whole_json);
        free(again), free(json);
    }
    /* A part first, the rest later. */
    struct ltm_fewshot_options some = options_for(1, other, "some");
    some.limit = 4;
    struct ltm_fewshot_result result = take("sums.ini", &some);
    assert_int_equal(result.items, 4);
    ltm_fewshot_result_free(&result);
    some.limit = 0;
    result = take("sums.ini", &some);
    assert_int_equal(result.resumed, 4);
    ltm_fewshot_result_free(&result);
    char *rest = contents("some/samples_sums_1shot.jsonl");
    assert_string_equal(rest, whole);
    free(rest), free(whole), free(whole_json);
}

static void refused(const char *task, const struct ltm_fewshot_options *options, ltm_status code,
                    const char *expected) {
    struct ltm_fewshot_result result;
    struct ltm_error error = {0};
    const ltm_status status = ltm_fewshot(model, test_path("%s", task), options, NULL, &result, &error);
    if (status != code || !strstr(error.message, expected)) fail_msg("not \"%s\" but: %s", expected, error.message);
    assert_null(result.metrics);
}

static void what_does_not_belong_together_is_refused(void **state) {
    (void)state;
    char folder[1024];
    char path[1100];
    const struct ltm_fewshot_options good = options_for(1, folder, "mixed");
    struct ltm_fewshot_options other = good;
    free(json_of("sums.ini", &good));
    char *before = contents("mixed/samples_sums_1shot.jsonl");
    other.seed = 2;
    refused("sums.ini", &other, LTM_MISMATCH, "was started with seed = 1, now it is 2");
    other = good;
    other.samples = 4;
    refused("sums.ini", &other, LTM_MISMATCH, "was started with samples = 3, now it is 4");
    other = good;
    struct ltm_fast_config fast = model->config.fast;
    fast.steps = 5;
    other.fast = &fast;
    refused("sums.ini", &other, LTM_MISMATCH, "was started with fast.steps = \"3\", now it is \"5\"");
    fast = model->config.fast;
    fast.text_parts = 3; /* of training */
    other.fast = &fast;
    free(json_of("sums.ini", &other));
    model->decoder->weights[0] += 1;
    refused("sums.ini", &good, LTM_MISMATCH, "was started with checkpoint.weights");
    model->decoder->weights[0] -= 1;
    char *items = contents("sums.jsonl");
    fixture_put("sums.jsonl",
                "{\"question\": \"two?\", \"answer\": \"#### 2\"}\n{\"question\": \"one?\", \"answer\": \"#### 1\"}\n");
    refused("sums.ini", &good, LTM_MISMATCH, "was started with task.items");
    fixture_put("sums.jsonl", items);
    free(items);

    snprintf(path, sizeof path, "%s/samples_sums_1shot.jsonl", folder);
    int held = open(path, O_RDWR);
    assert_int_equal(flock(held, LOCK_EX), 0);
    refused("sums.ini", &good, LTM_IO, "another run is writing");
    close(held);
    char *after = contents("mixed/samples_sums_1shot.jsonl");
    assert_string_equal(after, before);
    free(after);

    before[0] = '[';
    assert_int_equal(file_write_text(path, before, NULL), LTM_OK);
    refused("sums.ini", &good, LTM_CORRUPT, "line 1 of ");
    free(before);
    assert_int_equal(file_write_text(path, "", NULL), LTM_OK); /* emptied, it begins anew */
    free(json_of("sums.ini", &other));
}

static void options_out_of_range_are_refused(void **state) {
    (void)state;
    struct ltm_fewshot_options o = ltm_fewshot_defaults();
#define REFUSED(field, value, expected)                   \
    do {                                                  \
        struct ltm_fewshot_options bad = o;               \
        bad.field = value;                                \
        refused("sums.ini", &bad, LTM_INVALID, expected); \
    } while (0)
    REFUSED(shots, -1, "shots = -1");
    REFUSED(shots, 10, "10 shots are requested, but task sums has 9");
    REFUSED(shots, 9, "item 0 of task sums: 9 shots are requested, but besides the item itself there are only 8");
    REFUSED(limit, -1, "limit = -1");
    REFUSED(draws, -1, "draws = -1");
    REFUSED(samples, 0, "samples = 0");
    REFUSED(length, 64, "length = 64 leaves no room");
    REFUSED(temperature, -2, "temperature = -2");
    REFUSED(top_p, 0, "top-p = 0");
    REFUSED(top_k, -1, "top-k = -1");
    REFUSED(loops, -1, "loops = -1");
    REFUSED(threads, -1, "threads = -1");
    o.pass[0] = 2;
    REFUSED(passes, 1, "pass@2 needs 2 samples");
    o.samples = 2;
    refused("choices.ini", &o, LTM_INVALID,
            "samples and pass@k need kind = generate, but task choices has kind = choices");
    o.samples = 1;
    fixture_put("bare.ini", "[task]\nname=bare\nkind=choices\nitems=choices.jsonl\n");
    o.shots = 1;
    refused("bare.ini", &o, LTM_INVALID, "its file has no shots");
    struct ltm_tokenizer *tokenizer = model->tokenizer;
    model->tokenizer = NULL;
    refused("words.ini", &o, LTM_UNSUPPORTED, "no tokenizer");
    model->tokenizer = tokenizer;
}

int main(void) {
    model = fixture_model(4, 64);
    write_tasks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same),
        cmocka_unit_test(there_is_one_definition_of_right),
        cmocka_unit_test(a_cut_run_goes_on),
        cmocka_unit_test(what_does_not_belong_together_is_refused),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ltm_model_close(model);
    return failed;
}
