/* What a study's file means: values, budgets, cells, their names and their costs. */
#include "support/error.h"
#include "support/files.h"
#include "support/unit.h"

#include <math.h>

#include "base/files.h"
#include "lab/study.h"
#include "lab/value_list.h"
#include "ltm/model.h"

static char path[LTM_PATH_MAX];

static void assert_values(const char *text, const char *expected) {
    struct value_list list = {0};
    if (value_list_parse(&list, "x", text, &error) != LTM_OK) fail_msg("%s: %s", text, error.message);
    char back[100] = "";
    for (size_t i = 0, used = 0; i < list.count; i++)
        used += (size_t)snprintf(back + used, sizeof back - used, "%s%s", i ? " " : "", list.values[i]);
    assert_string_equal(back, expected);
    value_list_free(&list);
}

static void assert_no_values(const char *text, const char *says) {
    struct value_list list = {0};
    assert_int_equal(value_list_parse(&list, "x", text, &error), LTM_INVALID);
    assert_says(says);
    value_list_free(&list);
}

static void lists_and_ranges(void **state) {
    (void)state;
    assert_values("64 128,192 ,  256", "64 128 192 256");
    assert_values("1..4", "1 2 3 4");
    assert_values("0..96+24 200", "0 24 48 72 96 200");
    assert_values("1..16*2", "1 2 4 8 16");
    assert_values("1..20*2", "1 2 4 8 16");
    assert_values("0.1..0.5+0.1", "0.1 0.2 0.3 0.4 0.5");
    assert_values("1k..4k*2", "1000 2000 4000");
    assert_values("../corpus a..b", "../corpus a..b"); /* paths */
    assert_no_values("", "x has no value");
    assert_no_values(" , ", "x has no value");
    assert_no_values("4..1", "does not step");
    assert_no_values("1..4+0", "does not step");
    assert_no_values("1..4*1", "does not step");
    assert_no_values("0..4*2", "does not step");
    assert_no_values("1..1000000", "more than 1000 values");
}

static const char base[] = "[model]\ndim = 16\nlayers = 1\nheads = 2\nsequence = 32\nwindow = 8\nvocab = 40\n"
                           "[latent]\ncount = 2\n[fast]\nsteps = 2\n[slow]\nbatch = 8\n[run]\ntokens = 10k\nseed = 5\n";

static struct ltm_study *study_of(const char *text) {
    struct ltm_study *study = NULL;
    assert_int_equal(file_write_text(path, text, NULL), LTM_OK);
    if (ltm_study_open(&study, path, NULL, 0, &error) != LTM_OK) fail_msg("%s", error.message);
    return study;
}

static void assert_cells(const char *text, const char *const *names, size_t count) {
    struct ltm_study *study = study_of(text);
    struct ltm_cell cell;
    for (size_t i = 0; i < ltm_study_cells(study) && i < count; i++) {
        ltm_study_cell(study, i, &cell);
        assert_string_equal(cell.name, names[i]);
    }
    assert_int_equal(ltm_study_cells(study), count);
    ltm_study_close(study);
}

static void cells_are_all_combinations_each_once(void **state) {
    (void)state;
    static const char *const product[] = {"dim16-latents0-tokens10k-seed5", "dim16-latents2-tokens10k-seed5",
                                          "dim32-latents0-tokens10k-seed5", "dim32-latents2-tokens10k-seed5"};
    assert_cells("[study]\nbase = base.ini\n[axes]\nmodel.dim = 16 32\nlatent.count = 0 2\n", product, 4);
    /* Without latents the fast loop does not matter; a value written twice is one. */
    static const char *const plain[] = {"steps1-latents2-tokens1M-seed5", "latents0-tokens1M-seed5",
                                        "steps4-latents2-tokens1M-seed5"};
    assert_cells(
        "[study]\nbase = base.ini\n[budget]\ntokens = 1M 1000k\n[axes]\nfast.steps = 1 4 4\nlatent.count = 2 0\n",
        plain, 3);
    /* Nor do the steps of latents that stream, where they are fitted. */
    static const char *const streams[] = {
        "kindfitted-tokens10k-seed5",
        "kindstreaming-stream_rate1-tokens10k-seed5",
        "kindstreaming-stream_rate10-tokens10k-seed5",
    };
    assert_cells("[study]\nbase = base.ini\n[axes]\nlatent.kind = fitted streaming\nlatent.stream_rate = 1 10\n",
                 streams, 3);
    static const char *const linked[] = {"dim16-tokens10k-seed1", "dim16-tokens10k-seed2", "dim32-tokens10k-seed1",
                                         "dim32-tokens10k-seed2"};
    assert_cells("[study]\nbase = base.ini\nseeds = 1..2\n[axes]\nmodel.dim/model.heads = 16/2 32/4\n", linked, 4);
    static const char *const unclear[] = {"dim16_2-tokens10k-seed5", "dim16_4-tokens10k-seed5"};
    assert_cells("[study]\nbase = base.ini\n[axes]\nmodel.dim/model.heads = 16/2 16/4\n", unclear, 2);
    static const char *const rates[] = {"slow.lr0.1-fast.lr0.2-tokens10k-seed5"};
    assert_cells("[study]\nbase = base.ini\n[axes]\nslow.lr = 0.1\nfast.lr = 0.2\n", rates, 1);
    static const char *const budgets[] = {"tokens2500-seed5", "tokens2k-seed5", "flops2e13-seed5", "flops1.5e6-seed5"};
    assert_cells("[study]\nbase = base.ini\n[budget]\ntokens = 2500 2k\nflops = 20e12 1.5M\n", budgets, 4);
    static const char *const none[] = {"tokens10k-seed5"};
    assert_cells("[study]\nbase = base.ini\n", none, 1);
    static const char *const corners[] = {
        "dim16-steps1-tokens10k-seed5", "dim16-steps1-tokens10k-seed6", "dim16-steps2-tokens10k-seed5",
        "dim16-steps3-tokens10k-seed5", "dim16-steps3-tokens10k-seed6", "dim32-steps1-tokens10k-seed5",
        "dim32-steps1-tokens10k-seed6", "dim32-steps2-tokens10k-seed5", "dim32-steps3-tokens10k-seed5",
        "dim32-steps3-tokens10k-seed6",
    };
    assert_cells("[study]\nbase = base.ini\ncorner_seeds = 5 6\n[axes]\nmodel.dim = 16 32\nfast.steps = 1..3\n",
                 corners, 10);
}

/* Beside what the axes say: the plain decoder with its window, and with full attention at equal tokens and at equal compute. */
static void twins_with_full_attention_are_cells(void **state) {
    (void)state;
    static const char twin[] = "[study]\nbase = base.ini\ntwin = attention\n[budget]\n";
    struct ltm_cell cell[4];
    char text[200];
    snprintf(text, sizeof text, "%stokens = 64k\n", twin);
    struct ltm_study *study = study_of(text);
    assert_int_equal(ltm_study_cells(study), 4);
    for (size_t i = 0; i < 4; i++) ltm_study_cell(study, i, &cell[i]);
    assert_string_equal(cell[0].name, "latents2-window8-tokens64k-seed5");
    assert_string_equal(cell[1].name, "latents0-window8-tokens64k-seed5");
    assert_string_equal(cell[2].name, "latents0-window32-tokens64k-seed5");
    assert_non_null(strstr(cell[3].name, "latents0-window32-flops"));
    assert_int_equal(cell[3].config.model.window, 32);
    assert_int_equal(cell[2].tokens, cell[1].tokens);
    assert_true(cell[2].training_flops > cell[1].training_flops && cell[3].tokens < cell[1].tokens);
    const double a_step = cell[3].training_flops / (double)cell[3].tokens * 8 * 32;
    assert_true(fabs(cell[3].training_flops - cell[1].training_flops) <= 0.5 * a_step);
    ltm_study_close(study);
    /* Of a budget of compute the twin is of equal compute itself. */
    snprintf(text, sizeof text, "%sflops = 1e10\n[axes]\nlatent.count = 0\nmodel.window = 8 16 32\n", twin);
    static const char *const names[] = {"latents0-window8-flops1e10-seed5", "latents0-window32-flops1e10-seed5",
                                        "latents0-window16-flops1e10-seed5"};
    assert_cells(text, names, 3);
}

static void equal_compute_is_equal_to_a_slow_step(void **state) {
    (void)state;
    struct ltm_study *study = study_of("[study]\nbase = base.ini\n[budget]\nflops = 1e11\n[axes]\nmodel.dim = 16 32\n"
                                       "latent.count = 0 2\nfast.steps = 1 16\n");
    struct ltm_cell cell;
    assert_int_equal(ltm_study_cells(study), 6);
    for (size_t i = 0; i < ltm_study_cells(study); i++) {
        ltm_study_cell(study, i, &cell);
        const double F = ltm_forward_flops(&cell.config.model);
        const double a_token = cell.config.model.latents ? (2.0 * cell.config.fast.steps + 3) * F : 3 * F;
        assert_true(cell.tokens % (8 * 32) == 0 && cell.config.run.tokens == cell.tokens);
        assert_true(cell.training_flops == a_token * (double)cell.tokens && cell.forward_flops == F);
        assert_true(fabs(cell.training_flops - 1e11) <= 0.5 * a_token * 8 * 32);
        assert_int_equal(cell.parameters - cell.parameters_without_embeddings, 40 * cell.config.model.dim);
        assert_int_equal(cell.status, LTM_CELL_WAITING);
    }
    ltm_study_close(study);
}

/* What loops multiply the fast steps can divide; weights are counted once, and those that run again apart. */
static void loops_against_steps_at_equal_compute(void **state) {
    (void)state;
    struct ltm_study *study = study_of("[study]\nbase = base.ini\n[budget]\nflops = 1e11\n[axes]\nlatent.count = 0 2\n"
                                       "model.loops/fast.steps = 1/4 2/2 4/1\n");
    struct ltm_cell first;
    struct ltm_cell cell;
    assert_int_equal(ltm_study_cells(study), 6);
    for (size_t i = 0; i < 6; i++) {
        ltm_study_cell(study, i, &cell);
        const struct ltm_model_config *m = &cell.config.model;
        if (i % 3 == 0) first = cell;
        assert_int_equal(m->loops, 1 << i % 3);
        if (m->latents) assert_int_equal(m->loops * cell.config.fast.steps, 4);
        assert_true(fabs(cell.training_flops / 1e11 - 1) < 0.1);
        assert_int_equal(cell.parameters, first.parameters);
        /* all but the embedding and the last norm */
        assert_int_equal(cell.parameters_recurrent, m->loops > 1 ? cell.parameters_without_embeddings - m->dim : 0);
    }
    ltm_study_close(study);
}

/* Each has its own settings and the axes', at one compute; a variant that is the same run as one before is not a cell. */
static void variants_are_cells_with_settings_of_their_own(void **state) {
    (void)state;
    static const char text[] =
        "[study]\nbase = base.ini\n[axes]\nslow.batch = 4 8\n[budget]\nflops = 1e10\n[variants]\nplain = "
        "latent.count=0\nloops = latent.count=0  model.loops=2\nlatents =\nagain = fast.steps=2\n";
    struct ltm_study *study = study_of(text);
    struct ltm_cell cell;
    assert_int_equal(ltm_study_cells(study), 6);
    for (size_t i = 0; i < 6; i++) {
        static const char *const names[] = {"plain", "loops", "latents"};
        char name[100];
        ltm_study_cell(study, i, &cell);
        snprintf(name, sizeof name, "variant-%s-batch%d-flops1e10-seed5", names[i / 2], i % 2 ? 8 : 4);
        assert_string_equal(cell.name, name);
        assert_int_equal(cell.config.model.loops, i / 2 == 1 ? 2 : 1);
        assert_int_equal(cell.config.model.latents, i / 2 == 2 ? 2 : 0);
        assert_true(fabs(cell.training_flops / 1e10 - 1) < 0.1);
    }
    ltm_study_close(study);
}

/* Each cell is in one shard, and shards have about the same work. */
static void shards_divide_the_work(void **state) {
    (void)state;
    struct ltm_study *study = study_of("[study]\nbase = base.ini\n[axes]\nmodel.dim = 16..64+16\nfast.steps = 1 16\n");
    double work[2] = {0, 0};
    size_t cells = 0;
    for (int shard = 1; shard <= 2; shard++) {
        struct ltm_study_estimate e;
        ltm_study_estimate(study, &(struct ltm_sweep_options){.shard = shard, .shards = 2, .jobs = 1}, &e);
        work[shard - 1] = e.training_flops;
        cells += e.cells;
        assert_int_equal(e.left, e.cells);
        assert_true(e.seconds > 0 && !e.from_finished);
    }
    assert_int_equal(cells, ltm_study_cells(study));
    assert_true(work[1] > 0.6 * work[0] && work[1] < 1.6 * work[0]);
    ltm_study_close(study);
}

static void too_much_is_refused(void **state) {
    (void)state;
    struct ltm_study *study = NULL;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"[study]\nbase = base.ini\n[axes]\nslow.warmup = 1..200\nfast.steps = 1..200\n", "more than 10000 cells"},
        {"[study]\nbase = base.ini\n[axes]\nmodel.dim = 16\nmodel.dim/model.heads = 16/2\n", "two axes set model.dim"},
        {"[study]\nbase = base.ini\n[axes]\nmodel.dim/model.heads = 16/2 32\n", "not 2 values with /"},
        {"[study]\nbase = base.ini\n[axes]\nslow.warmup = 1..600\n", "too many for one line"},
        {"[study]\nbase = base.ini\n[axes]\neval.iwae = 1 2\n", "set it in [scores]"},
        {"[study]\nbase = base.ini\n[scores]\nmodel.dim = 16\n", "not a key of [scores]"},
        {"[study]\nbase = base.ini\nkeep = first\n", "use best or last"},
        {"[study]\nbase = base.ini\nseeds = -1\n", "not a whole number"},
        {"[study]\nbase = base.ini\ntwin = width\n", "use none or attention"},
        {"[study]\nbase = base.ini\ntwin = attention\n[axes]\nmodel.sequence/model.window = 32/8 64/8\n",
         "take it out of the axis"},
        {"[study]\nbase = base.ini\ntwin = attention\n[variants]\na =\nb = slow.batch=4 model.window=8\n",
         "study.twin = attention sets model.window by itself; take it out of variants.b"},
        {"[study]\nbase = base.ini\n[variants]\na =\nbb = model.dim=8\n[axes]\nstudy.variant = bb c\n",
         "there is no variant c; [variants] has a, bb"},
        {"[study]\nbase = base.ini\n[axes]\nstudy.variant = a\n[variants]\na =\n", "none stand before it"},
        {"[study]\nbase = base.ini\n[budget]\nflops = many\n", "not a number of operations"},
        {"[study]\nbase = base.ini\n[variants]\na b = model.dim=8\n", "variants.a b is not a name"},
        {"[study]\nbase = base.ini\n[variants]\na = model.dmi=8\n", "variants.a: there is no key model.dmi"},
        {"[study]\nbase = base.ini\n[variants]\na = run.seed=8\n", "set it as study.seeds"},
        {"[study]\nbase = base.ini\n[variants]\na = fast.steps=8\n[axes]\nfast.steps = 1 2\n",
         "two axes set fast.steps"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(file_write_text(path, wrong[i].text, NULL), LTM_OK);
        assert_int_equal(ltm_study_open(&study, path, NULL, 0, &error), LTM_INVALID);
        assert_null(study);
        assert_says(wrong[i].says);
    }
}

static int begin(void **state) {
    (void)state;
    char where[LTM_PATH_MAX];
    snprintf(path, sizeof path, "%s/study.ini", test_folder());
    snprintf(where, sizeof where, "%s/base.ini", test_folder());
    return file_write_text(where, base, NULL) == LTM_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_ranges),
        cmocka_unit_test(cells_are_all_combinations_each_once),
        cmocka_unit_test(twins_with_full_attention_are_cells),
        cmocka_unit_test(equal_compute_is_equal_to_a_slow_step),
        cmocka_unit_test(loops_against_steps_at_equal_compute),
        cmocka_unit_test(variants_are_cells_with_settings_of_their_own),
        cmocka_unit_test(shards_divide_the_work),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
