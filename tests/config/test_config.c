/* Configurations: what is written reads back the same; what is wrong is said with key, value and rule. */
#include <locale.h>

#include "support/error.h"
#include "support/files.h"

#include "base/files.h"
#include "base/numbers.h"
#include "config/config_keys.h"
#include "ltm/config.h"
#include "ltm/names.h"

static const char *path;

static struct ltm_config defaults(void) {
    struct ltm_config config;
    ltm_config_defaults(&config);
    return config;
}

static void defaults_are_valid_and_are_what_the_help_says(void **state) {
    (void)state;
    struct ltm_config config = defaults();
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    assert_int_equal(ltm_config_check(&config, &error), LTM_OK);
    assert_true(count > 40);
    for (size_t i = 0; i < count; i++) {
        char value[LTM_PATH_MAX];
        assert_int_equal(ltm_config_get(&config, keys[i].name, value, sizeof value, &error), LTM_OK);
        assert_string_equal(value, keys[i].fallback);
        assert_true(strlen(keys[i].help) > 3);
    }
    assert_int_equal(config.model.dim, 128);
    assert_int_equal(config.model.kv_heads, LTM_AUTO);
    assert_true(config.fast.lr == LTM_AUTO && config.fast.init_logvar == 0 && config.slow.lr_min == LTM_AUTO);
    assert_int_equal(config.run.tokens, 1000000);
    assert_int_equal(config.run.seed, 1);
    assert_string_equal(config.eval.split, "heldout");
}

static void choices_are_those_that_can_be_set(void **state) {
    (void)state;
    static const struct {
        const char *key;
        int count;
        bool explained; /* value by value: a row of a table */
    } choices[] = {{"model.ffn", 2, false},     {"model.qk_norm", 2, false},   {"model.init_projections", 2, false},
                   {"model.output", 2, false},  {"model.mix_input", 2, false}, {"model.value_residual", 2, false},
                   {"data.packing", 3, false},  {"fast.method", 3, true},      {"slow.objective", 3, true},
                   {"slow.optimizer", 2, true}, {"slow.schedule", 3, true},    {"fast.schedule", 2, false},
                   {"run.precision", 3, false}, {"fast.steps", 0, false},      {"no.key", 0, false}};
    for (size_t k = 0; k < sizeof choices / sizeof *choices; k++) {
        const char *name;
        const char *help = NULL;
        int count = 0;
        for (; (name = ltm_config_choice(choices[k].key, count, &help)); count++) {
            struct ltm_config config = defaults();
            char value[LTM_PATH_MAX];
            assert_int_equal(ltm_config_set(&config, choices[k].key, name, &error), LTM_OK);
            assert_int_equal(ltm_config_get(&config, choices[k].key, value, sizeof value, &error), LTM_OK);
            assert_string_equal(value, name);
            assert_int_equal(help != NULL, choices[k].explained);
        }
        assert_int_equal(count, choices[k].count);
    }
}

static void every_key_survives_writing_and_reading(void **state) {
    (void)state;
    static const char *const settings[] = {"model.dim=96",
                                           "model.kv_heads=2",
                                           "latent.count=0",
                                           "fast.schedule=constant",
                                           "fast.noise=fixed",
                                           "fast.method=langevin",
                                           "fast.lr=auto",
                                           "fast.curvature_rate=0.1",
                                           "fast.trust=0",
                                           "fast.init_mu=-1",
                                           "slow.lr=0.00030000000000000003",
                                           "slow.lr_min=1e-300",
                                           "run.seed=999999999999999999",
                                           "run.tokens=12345678901",
                                           "run.precision=fp32",
                                           "data.corpus=/tmp/a b=c;d#é",
                                           "eval.fast.steps=0",
                                           "eval.iwae=1000",
                                           "eval.prior=16",
                                           "eval.continuation=0.25",
                                           "eval.fast.lr=0.7",
                                           "eval.split=train",
                                           "eval.dump=x y.safetensors"};
    struct ltm_config config = defaults();
    struct ltm_config again = defaults();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (ltm_config_override(&config, settings[i], &error) != LTM_OK) fail_msg("%s", error.message);
    memset(config.run.dir, 'x', sizeof config.run.dir - 1); /* longer than the lines that inih holds */
    assert_int_equal(ltm_config_write(&config, path, &error), LTM_OK);
    if (ltm_config_load(&again, path, &error) != LTM_OK) fail_msg("%s", error.message);
    assert_memory_equal(&config, &again, sizeof config);
}

static void reals_print_with_the_fewest_digits_that_read_back(void **state) {
    (void)state;
    static const double values[] = {0.1, 0.3, 1.0 / 3, 1e-3, 5e-324, 1.7976931348623157e308, -5, 0.1 + 0.2};
    char text[NUMBER_TEXT];
    double back;
    setlocale(LC_ALL, "de_DE.UTF-8"); /* a comma, where it is installed */
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        number_print_real(text, values[i]);
        assert_true(number_parse_real(text, &back) && back == values[i]);
    }
    number_print_real(text, 0.1);
    assert_string_equal(text, "0.1");
    setlocale(LC_ALL, "C");
    assert_false(number_parse_real("nan", &back));
    assert_false(number_parse_real("1e999", &back));
    assert_false(number_parse_real("0x10", &back));
    assert_false(number_parse_real("1.5 ", &back));
    assert_false(number_parse_real("", &back));
}

static void counts_may_be_short(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"1e6", 1000000},
                {"10M", 10000000},
                {"1_000_000", 1000000},
                {"1.5k", 1500},
                {"2G", 2000000000},
                {"9223372036854775807", INT64_MAX},
                {"1.50e1", 15},
                {"+7", 7},
                {"-3", -3},
                {"0e99", 0}};
    static const char *const bad[] = {"",     "1.5",  "e6",   "1e", "1 000", "9223372036854775808",
                                      "1e19", "10MM", "1__0", "_1", "1_",    "0x10",
                                      "1e-3", "k",    "."};
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!number_parse_integer(good[i].text, &value)) fail_msg("%s", good[i].text);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (number_parse_integer(bad[i], &value)) fail_msg("\"%s\" was taken for %lld", bad[i], (long long)value);
}

static void assert_refused(const char *assignment, const char *says) {
    struct ltm_config config = defaults();
    struct ltm_config before = config;
    assert_int_equal(ltm_config_override(&config, assignment, &error), LTM_INVALID);
    assert_says(says);
    assert_memory_equal(&config, &before, sizeof config);
}

static void a_wrong_setting_is_refused_with_its_reason(void **state) {
    (void)state;
    assert_refused("fast.step=4", "did you mean fast.steps?");
    assert_refused("slow.steps=4", "did you mean");
    assert_refused("slow.noise=fixed", "did you mean fast.noise?");
    assert_refused("dim=4", "did you mean model.dim?");
    assert_refused("latents.count=4", "did you mean latent.count?");
    assert_refused("no such thing at all=4", "there is no key");
    assert_refused("model.dim", "section.key=value");
    assert_refused("=4", "section.key=value");
    assert_refused("model.dim=wide", "model.dim = \"wide\" is not a whole number from 2");
    assert_refused("model.dim=0", "from 2");
    assert_refused("model.dim=auto", "from 2");
    assert_refused("model.kv_heads=-1", "or auto");
    assert_refused("model.loops=-1", "from 0");
    assert_refused("model.order=BABA", "use ABAB or AABB");
    assert_refused("loop.inject=gate", "use none or add or concat or diagonal");
    assert_refused("model.vocab=65537", "to 65536");
    assert_refused("data.packing=padded", "use packed or masked or document");
    assert_refused("fast.steps=-1", "from 0");
    assert_refused("fast.lr=nan", "a number from 0");
    assert_refused("fast.method=sgd", "use adam or natural or langevin");
    assert_refused("fast.noise=old", "use fresh or fixed");
    assert_refused("slow.objective=map", "use elbo or iwae");
    assert_refused("slow.optimizer=sgd", "use adamw or muon");
    assert_refused("slow.schedule=constant", "use cosine or linear or wsd");
    assert_refused("data.corpus=a\nb", "a control character");
    assert_refused("data.corpus= a", "a space");
    assert_refused("data.corpus=a ;b", "comment");
    assert_refused("eval.split=a-name-that-is-too-long", "longer than 15 bytes");
}

static void assert_check(const char *settings, const char *says) {
    struct ltm_config config = defaults();
    char copy[256];
    char *rest = NULL;
    snprintf(copy, sizeof copy, "%s", settings);
    for (char *one = strtok_r(copy, " ", &rest); one; one = strtok_r(NULL, " ", &rest))
        if (ltm_config_override(&config, one, &error) != LTM_OK) fail_msg("%s", error.message);
    ltm_status status = ltm_config_check(&config, &error);
    if (!says) {
        if (status != LTM_OK) fail_msg("%s: %s", settings, error.message);
        return;
    }
    assert_int_equal(status, LTM_INVALID);
    assert_says(says);
}

static void contradictions_are_named_with_what_would_do(void **state) {
    (void)state;
    assert_check("model.dim=100 model.heads=8", "model.dim = 100 is not a multiple of model.heads = 8; use 96 or 112");
    assert_check("model.dim=4 model.heads=8", "use 16");
    assert_check("model.dim=24 model.heads=8", "use model.dim = 16 or 32");
    assert_check("model.kv_heads=3", "model.heads = 4 is not a multiple of model.kv_heads = 3; use model.kv_heads = 2");
    assert_check("model.kv_heads=8", "use model.kv_heads = 4");
    assert_check("latent.count=25", "latent.count = 25 is not a multiple of model.layers = 3; use 24 or 27, or 0");
    assert_check("latent.count=300", "use at most 255");
    assert_check("model.prelude=2 model.coda=1", "leave no core of model.layers = 3; together they are 2 at most");
    assert_check("model.prelude=1 model.loops=2", "latent.from = 0 is below model.prelude = 1");
    assert_check("model.prelude=1 model.loops=2 latent.from=1 model.order=AABB loop.inject=add",
                 "model.order = AABB has no whole loops for loop.inject to feed");
    assert_check("model.loops=1000 model.layers=10 latent.count=0",
                 "make 10000 layers in total, more than the limit of 4000");
    assert_check("model.loops=2 fast.loops=3", "fast.loops = 3 is more than model.loops = 2");
    assert_check("fast.text_parts=300", "fast.text_parts = 300 is more than model.sequence = 256 has tokens");
    assert_check("fast.text_parts=3 fast.steps=8", "fast.steps = 8 is not a multiple of fast.text_parts = 3");
    assert_check("fast.text_parts=8", "some parts would count more than others; use 8 steps");
    assert_check("fast.text_parts=2", NULL);
    assert_check("fast.text_parts=4 fast.steps=0", NULL);
    assert_check("fast.text_parts=3 fast.steps=8 latent.count=0", NULL);
    assert_check("fast.text_parts=4 model.loops=2 loop.depth=sampled",
                 "far too many for those that loop.depth = sampled draws");
    assert_check("fast.text_parts=4 model.loops=2", NULL);
    assert_check("fast.text_parts=4 model.memory=neural memory.chunk=16", "model.memory knows all that came before");
    assert_check("fast.text_parts=4 model.dropout=0.1", "would drop out other entries than the slow step");
    assert_check("fast.text_parts=4 data.packing=document", "parts without a token that counts, by data.packing");
    assert_check("model.loops=2 model.order=AABB fast.loops=1", "model.order = AABB has no whole loops to select");
    assert_check("model.loops=2 loop.backprop=1", "lets no gradient reach the embedding");
    assert_check("model.loops=2 model.order=AABB loop.start=0.5", "model.order = AABB has no whole loops to select");
    assert_check("model.loops=2 loop.gains=own loop.inject=add loop.depth=sampled",
                 "has weights for only model.loops = 2");
    assert_check("model.loops=2 loop.gains=own loop.inject=add eval.loops=3", "but eval.loops can run more");
    assert_check("loop.inject=add eval.loops=2", "model.loops = 1 has no weights of loop.inject");
    assert_check("model.loops=1 model.prelude=1 loop.backprop=1 eval.loops=4",
                 "latent.from = 0 is below model.prelude");
    assert_check("model.order=AABB model.loops=2 eval.exit=state",
                 "model.order = AABB has no whole loops that a position could leave");
    assert_check("model.loops=4 eval.exit=kl", NULL);
    assert_check("model.order=AABB fast.loops=1 eval.loops=4", "model.order = AABB has no whole loops to select");
    assert_check("eval.loops=1000 model.layers=10 latent.count=0",
                 "make 10000 layers in total, more than the limit of 4000");
    assert_check("model.loops=100 model.layers=12 loop.depth=sampled", "400 loops, the most");
    assert_check("model.loops=101 loop.depth=sampled",
                 "loop.depth = sampled with model.loops = 101 is above the limit");
    assert_check("model.loops=100 loop.depth=sampled eval.loops=1", NULL);
    assert_check("model.order=AABB loop.backprop=1 loop.start=0.5 loop.depth=sampled", NULL); /* of no loops */
    assert_check("model.loops=2 loop.gains=own", "loop.inject = none has no weights");
    assert_check("model.prelude=1 model.loops=2 latent.from=1 loop.inject=diagonal loop.gains=own", NULL);
    assert_check("model.window=257", "model.window = 257 is more than model.sequence = 256");
    assert_check("slow.lr_min=1", "slow.lr_min = 1 is above slow.lr");
    assert_check("slow.beta2=1", "slow.beta2 = 1");
    assert_check("slow.ema=1", "slow.ema = 1 would never change the average");
    assert_check("slow.optimizer=muon slow.momentum=1", "slow.momentum = 1 would ignore every gradient");
    assert_check("slow.optimizer=muon slow.lr=0", "under the schedule of slow.lr, which is 0");
    assert_check("slow.momentum=1 slow.matrix_lr=0", NULL); /* adamw has neither */
    assert_check("slow.group=17", "slow.group = 17 is more than slow.batch = 16");
    assert_check("model.vocab=100 data.document_end=100",
                 "data.document_end = 100 is not an id of a vocabulary of 100");
    assert_check("slow.batch_start=17", "slow.batch_start = 17 is more than slow.batch = 16");
    assert_check("slow.window_start=65", "slow.window_start = 65 is more than model.window = 64");
    assert_check("eval.split=test", "use heldout or train");
    assert_check("latent.count=0 model.kv_heads=1 model.window=1 fast.steps=0", NULL);
    assert_check("latent.count=255 slow.lr_min=0.001", NULL);

    struct ltm_config config = defaults();
    config.model.heads = 0; /* as a program may set it */
    assert_int_equal(ltm_config_check(&config, &error), LTM_INVALID);
    assert_says("model.heads = \"0\"");
    config = defaults();
    config.fast.noise = 7;
    assert_int_equal(ltm_config_check(&config, &error), LTM_INVALID);
    memset(config.data.corpus, 'x', sizeof config.data.corpus);
    config.fast.noise = 0;
    assert_int_equal(ltm_config_check(&config, &error), LTM_INVALID);
}

static void auto_resolves(void **state) {
    (void)state;
    struct ltm_config config = defaults();
    ltm_config_resolve(&config);
    assert_int_equal(config.model.kv_heads, 4);
    assert_int_equal(config.slow.group, 2); /* eight groups of the batch's 16, fewer than 1,000 tokens each */
    assert_true(config.slow.lr_min == config.slow.lr / 10);
    assert_true(config.run.threads >= 1);
    config.slow.schedule = LTM_SLOW_LINEAR;
    config.slow.lr_min = LTM_AUTO;
    ltm_config_resolve(&config);
    assert_true(config.slow.lr_min == 0);
    config.model.latent_kind = LTM_LATENT_STREAMING;
    /* groups of 256 rows, while there are four; else of 64 rows, while there are two */
    static const struct {
        int batch, chunk, group;
    } streaming[] = {{16, 64, 4}, {8, 64, 2}, {16, 16, 4}, {8, 16, 4}, {4, 16, 2}};
    for (size_t i = 0; i < sizeof streaming / sizeof *streaming; i++) {
        config.slow.batch = streaming[i].batch;
        config.model.chunk = streaming[i].chunk;
        config.slow.group = LTM_AUTO;
        ltm_config_resolve(&config);
        assert_int_equal(config.slow.group, streaming[i].group);
    }
    assert_int_equal(config.eval.fast_steps, 4);
    assert_true(config.fast.lr == 0.5 && config.eval.fast_lr == config.fast.lr);
    config = defaults();
    config.fast.method = LTM_FAST_ADAM;
    ltm_config_resolve(&config);
    assert_true(config.fast.lr == 0.1);
    assert_int_equal(config.model.vocab, LTM_AUTO);
}

static void assert_file(const char *text, const char *says) {
    struct ltm_config config = defaults();
    struct ltm_config before = config;
    assert_int_equal(file_write_text(path, text, &error), LTM_OK);
    ltm_status status = ltm_config_load(&config, path, &error);
    if (!says) {
        if (status != LTM_OK) fail_msg("%s", error.message);
        assert_int_equal(config.fast.steps, 7);
        assert_string_equal(config.data.corpus, "a/b");
        return;
    }
    assert_int_equal(status, LTM_INVALID);
    assert_says(says);
    assert_says(path);
    assert_memory_equal(&config, &before, sizeof config);
}

static void ini_files_may_be_written_as_people_do(void **state) {
    (void)state;
    assert_file("# c\n; c\n[fast]\nsteps = 7\n[data]\ncorpus = a/b\n", NULL);
    assert_file("\xef\xbb\xbf[fast]\r\nsteps=7 ; c\r\n\r\n[data]  # c\r\ncorpus : a/b # c\r\n", NULL);
    assert_file("[fast]\n    lr = 1\n    steps = 7\n[data]\n\tcorpus = a/b", NULL); /* no end of line */
}

static void a_wrong_line_is_named(void **state) {
    (void)state;
    assert_file("[fast]\n\nstep = 7\n", "line 3: there is no key fast.step; did you mean fast.steps?");
    assert_file("[fast]\nsteps = x\n", "line 2: fast.steps = \"x\"");
    assert_file("[fast]\nsteps\n", "line 2: neither");
    assert_file("[fast\nsteps = 7\n", "line 1: the section's name does not end with ]");
    assert_file("[fast] steps = 7\n", "line 1: there is text after");
    assert_file("steps = 7\n", "line 1: there is no key steps");
    char line[4000];
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "[data]\ncorpus=", 14);
    line[sizeof line - 1] = 0;
    assert_file(line, "line 2: the line is too long");
    assert_file("[model]\ndim = 64\n[slow]\nlr = 1e-3\n[model]\ndim = 32\n", "line 6: dim is set a second time");
    line[1500] = 0;
    assert_file(line, "line 2: data.corpus");
    struct ltm_config config;
    assert_int_equal(ltm_config_load(&config, "/no/such.ini", &error), LTM_IO);
    assert_int_equal(ltm_config_load(&config, "/tmp", &error), LTM_IO);
}

static void names_are_guessed_by_distance(void **state) {
    (void)state;
    static const char *const names[] = {"train", "eval", "generate"};
    assert_int_equal(ltm_name_distance("train", "train"), 0);
    assert_int_equal(ltm_name_distance("trian", "train"), 1);
    assert_int_equal(ltm_name_distance("", "train"), 5);
    assert_int_equal(ltm_name_distance("Kitten", "sitting"), 3);
    assert_string_equal(ltm_nearest_name("evla", names, 3), "eval");
    assert_string_equal(ltm_nearest_name("TRAIN", names, 3), "train");
    assert_null(ltm_nearest_name("xyz", names, 3));
    assert_null(ltm_nearest_name("train", names, 0));
}

int main(void) {
    path = test_path("config.ini");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_valid_and_are_what_the_help_says),
        cmocka_unit_test(choices_are_those_that_can_be_set),
        cmocka_unit_test(every_key_survives_writing_and_reading),
        cmocka_unit_test(reals_print_with_the_fewest_digits_that_read_back),
        cmocka_unit_test(counts_may_be_short),
        cmocka_unit_test(a_wrong_setting_is_refused_with_its_reason),
        cmocka_unit_test(contradictions_are_named_with_what_would_do),
        cmocka_unit_test(auto_resolves),
        cmocka_unit_test(ini_files_may_be_written_as_people_do),
        cmocka_unit_test(a_wrong_line_is_named),
        cmocka_unit_test(names_are_guessed_by_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
