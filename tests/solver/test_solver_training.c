/* A solver's training: which puzzle a row has and when it goes, bits over threads and interruptions, what is refused. */
#include <errno.h>
#include <fcntl.h>

#include "support/child_runs.h"

#include "ltm/model.h"
#include "ltm/solve.h"
#include "text/puzzle.h"
#include "train/solver_batch.h"

enum { TRAIN = 21, TEST = 9, SIDE = 3, CELLS = SIDE * SIDE };

/* Latin squares; of each row a cell is empty, so that there is one solution. */
static void write_puzzles(const char *path, int count, int from) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = from; i < from + count; i++) {
        char puzzle[CELLS + 1] = {0};
        char solution[CELLS + 1] = {0};
        for (int c = 0; c < CELLS; c++) {
            solution[c] = (char)('1' + (i + c / SIDE * (1 + i % 2) + c % SIDE * (1 + i / 2 % 2)) % SIDE);
            puzzle[c] = (char)((i + c) % SIDE ? solution[c] : '0');
        }
        fprintf(file,
                "{\"puzzle\": \"%s\", \"solution\": \"%s\", \"difficulty\": %d, \"kind\": \"latin\", \"rows\": 3, "
                "\"columns\": 3}\n",
                puzzle, solution, i % 3);
    }
    fclose(file);
}

static int make_puzzles(void **state) {
    (void)state;
    snprintf(corpus, sizeof corpus, "%s/puzzles", test_folder());
    assert_int_equal(folder_create(corpus, NULL), LTM_OK);
    write_puzzles(test_path("puzzles/train.jsonl"), TRAIN, 0);
    write_puzzles(test_path("puzzles/test.jsonl"), TEST, TRAIN);
    return 0;
}

static struct ltm_config solving(const char *run, int mix) {
    struct ltm_config c = tiny(run);
    c.model = (struct ltm_model_config){.kind = LTM_MODEL_SOLVER,
                                        .dim = 8,
                                        .layers = 2,
                                        .heads = 2,
                                        .kv_heads = 1,
                                        .ffn_multiple = 8,
                                        .sequence = CELLS,
                                        .window = 8,
                                        .vocab = LTM_AUTO,
                                        .document_end = LTM_AUTO,
                                        .chunk = 64,
                                        .inner = 2,
                                        .cycles = 2,
                                        .supervision = 5,
                                        .mix = mix};
    c.slow.batch = 5;
    c.slow.ema = 0.9;
    c.slow.lr = 0.02;
    c.run.tokens = (int64_t)STEPS * 5 * CELLS;
    return c;
}

static void same_solvers(const struct ltm_config *a, const struct ltm_config *b) {
    same_runs(a, b);
    same_weights(a, b, "ema.safetensors");
    same_weights(a, b, "solver.safetensors");
}

/* By a sentence that has the text. */
static void assert_refused(const struct ltm_config *config, const char *text) {
    char said[4096];
    assert_int_not_equal(train(config, (struct child){0}, said, sizeof said), LTM_OK);
    if (!strstr(said, text)) fail_msg("\"%s\" does not say \"%s\"", said, text);
}

static void bits_do_not_depend_on_threads(void **state) {
    (void)state;
    for (int mix = LTM_SOLVER_ATTENTION; mix <= LTM_SOLVER_MLP; mix++) {
        struct ltm_config one = solving(mix ? "mlp-1" : "attention-1", mix);
        struct ltm_config many = solving(mix ? "mlp-3" : "attention-3", mix);
        one.run.threads = 1;
        many.run.threads = 3;
        train_whole(&one);
        train_whole(&many);
        same_solvers(&one, &many);
    }
}

/* Behind the test of threads, whose run is whole. Killed between checkpoints, where every row is in the middle of its puzzle, and stopped within a step. */
static void resume_is_exact(void **state) {
    (void)state;
    const struct ltm_config whole = solving("attention-1", LTM_SOLVER_ATTENTION);
    const struct ltm_config cut = solving("cut", LTM_SOLVER_ATTENTION);
    assert_int_equal(train(&cut, (struct child){.kill_at = 7}, NULL, 0), -1);
    assert_int_equal(train(&cut, (struct child){.stop_at = 6}, NULL, 0), LTM_INTERRUPTED);
    train_whole(&cut);
    same_solvers(&whole, &cut);
}

/* Images, the noise of stable steps and that of latents are drawn by a puzzle's number, which a checkpoint keeps. */
static void so_it_is_with_what_is_drawn(void **state) {
    (void)state;
    struct ltm_config whole = solving("images", LTM_SOLVER_MLP);
    struct ltm_config cut = solving("images-cut", LTM_SOLVER_MLP);
    whole.data.augment = cut.data.augment = 1;
    whole.model.stable = cut.model.stable = 1;
    whole.model.latents = cut.model.latents = 2;
    whole.run.threads = 2;
    train_whole(&whole);
    assert_int_equal(train(&cut, (struct child){.stop_at = 6}, NULL, 0), LTM_INTERRUPTED);
    train_whole(&cut);
    same_solvers(&whole, &cut);
    cut.data.augment = 0;
    assert_refused(&cut, "solver.augment = yes");
}

static void rows_that_halt_get_the_next_puzzle(void **state) {
    (void)state;
    struct puzzles puzzles;
    struct solver_batch *batch;
    struct decoder *decoder;
    struct ltm_config c = solving("none", LTM_SOLVER_ATTENTION);
    bool seen[TRAIN] = {false};
    assert_int_equal(puzzles_read(&puzzles, test_path("puzzles/train.jsonl"), NULL, NULL), LTM_OK);
    assert_string_equal(puzzles.alphabet, "0123");
    c.model.vocab = 4;
    ltm_config_resolve(&c);
    assert_int_equal(decoder_create(&decoder, &c.model, NULL), LTM_OK);
    assert_int_equal(solver_batch_create(&batch, &c, decoder, &puzzles, 1, NULL), LTM_OK);
    const size_t n = batch->n;
    for (int step = 1; step <= 40; step++) {
        int64_t puzzle[5];
        int64_t steps[5];
        memcpy(puzzle, batch->puzzle, sizeof puzzle);
        memcpy(steps, batch->steps, sizeof steps);
        solver_batch_begin(batch, 1);
        for (size_t i = 0; i < 5 * n; i++) batch->next_y[i] = batch->next_z[i] = (float)(step + (int)(i / n));
        for (int row = 0; row < 5; row++) batch->answers.halt[row] = row == 1 && step % 2 ? 1.0f : -1.0f;
        const int64_t begun = batch->begun;
        solver_batch_advance(batch);
        int64_t replaced = 0;
        for (int row = 0; row < 5; row++) {
            const bool may = row == 1 && step % 2;
            const bool must = steps[row] + 1 == c.model.supervision;
            if (batch->steps[row] == 0) {
                assert_true(may || must);
                assert_int_equal(batch->number[row], begun + replaced++);
                if (batch->number[row] < TRAIN) {
                    assert_false(seen[batch->puzzle[row]]); /* a pass has each once */
                    seen[batch->puzzle[row]] = true;
                }
                assert_memory_equal(batch->y + (size_t)row * n, batch->start_y, 8 * sizeof(float));
            } else {
                assert_false(must);
                assert_int_equal(batch->puzzle[row], puzzle[row]);
                assert_int_equal(batch->steps[row], steps[row] + 1);
                for (size_t i = 0; i < n; i++) assert_true(batch->z[(size_t)row * n + i] == (float)(step + row));
            }
        }
        assert_int_equal(batch->begun, begun + replaced);
    }
    assert_true(batch->begun > 2 * TRAIN);
    solver_batch_free(batch);
    decoder_free(decoder);
    puzzles_free(&puzzles);
}

static void write_line(const char *path, const char *first, const char *second) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n%s\n", first, second);
    fclose(file);
}

#define LATIN2 \
    "{\"puzzle\": \"1000\", \"solution\": \"1221\", \"difficulty\": 1, \"kind\": \"latin\", \"rows\": 2, \"columns\": 2}"

static void scores_say_what_is_solved(void **state) {
    (void)state;
    char *text;
    struct ltm_error error = {0};
    const struct ltm_config c = solving("mlp-1", LTM_SOLVER_MLP);
    assert_true(ltm_is_solver(c.run.dir));
    if (ltm_solve(c.run.dir, test_path("puzzles/test.jsonl"), 0, 1, 2, &text, &error) != LTM_OK)
        fail_msg("%s", error.message);
    json_t *scores = json_loads(text, 0, NULL);
    const json_t *steps = json_object_get(scores, "steps");
    assert_int_equal(json_integer_value(json_object_get(scores, "puzzles")), TEST);
    assert_int_equal(json_array_size(steps), 5);
    test_same_json(json_array_get(steps, 4), json_object_get(scores, "full"), "the last step and all");
    assert_int_equal(json_array_size(json_object_get(scores, "difficulties")), 3);
    json_decref(scores);
    free(text);
    write_line(test_path("small.jsonl"), LATIN2, "");
    assert_int_equal(ltm_solve(c.run.dir, test_path("small.jsonl"), 0, 1, 1, &text, &error), LTM_MISMATCH);
    assert_non_null(strstr(error.message, "are 2 by 2, and those that the model solves 3 by 3"));
}

static double exact(const json_t *scores, const char *of) {
    return json_number_value(json_object_get(json_object_get(scores, of), "exact"));
}

/* Behind the test of images, whose runs are stable. */
static void restarts_answer_by_their_residual(void **state) {
    (void)state;
    char *texts[3];
    for (int i = 0; i < 3; i++) /* one thread and three; one run */
        assert_int_equal(ltm_solve(test_path("images"), test_path("puzzles/train.jsonl"), 0, i < 2 ? 6 : 1, i ? 3 : 1,
                                   &texts[i], NULL),
                         LTM_OK);
    assert_string_equal(texts[0], texts[1]);
    json_t *several = json_loads(texts[0], 0, NULL);
    json_t *one = json_loads(texts[2], 0, NULL);
    const json_t *restarts = json_object_get(several, "restarts");
    assert_null(json_object_get(one, "restarts"));
    assert_true(json_number_value(json_object_get(json_object_get(one, "latents"), "kl")) > 0);
    assert_int_equal(json_integer_value(json_object_get(restarts, "runs")), 6);
    assert_int_equal(json_integer_value(json_object_get(restarts, "starts")), 1);
    assert_true(exact(restarts, "best") >= exact(restarts, "mean"));
    test_same_json(json_object_get(restarts, "one"), json_object_get(one, "full"), "the first run and one alone");
    assert_true(exact(restarts, "best") >= exact(restarts, "one") && exact(restarts, "best") >= exact(several, "full"));
    assert_false(json_equal(json_object_get(one, "full"), json_object_get(several, "full")));
    json_decref(several);
    json_decref(one);
    for (int i = 0; i < 3; i++) free(texts[i]);
    assert_int_equal(ltm_solve(test_path("images"), test_path("puzzles/train.jsonl"), 0, 0, 1, &texts[0], NULL),
                     LTM_INVALID);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct ltm_config c = solving("refused", LTM_SOLVER_ATTENTION);
    struct ltm_model *model;
    struct ltm_error error;
    c.model.latents = 2;
    c.model.encoder = LTM_ENCODER_BAG;
    assert_refused(&c, "model.kind = solver has no latent.encoder; use none");
    c.model.encoder = LTM_ENCODER_NONE;
    for (int latents = 0; latents <= 2; latents += 2) { /* from = layers would divide by 0 */
        c.model.latents = latents;
        c.model.latent_from = c.model.layers;
        assert_refused(&c, "model.kind = solver has no latent.from; use 0");
    }
    c.model.latents = c.model.latent_from = 0;
    c.model.memory = LTM_MEMORY_NEURAL;
    assert_refused(&c, "model.kind = solver has no model.memory; use none");
    c.model.memory = LTM_MEMORY_NONE;
    c.model.predict_latents = c.model.predict_distance = c.model.predict_layers = 1;
    c.slow.ema = 0.99;
    assert_refused(&c, "model.kind = solver has no slow.predict_latents; use 0");
    c = solving("refused", LTM_SOLVER_ATTENTION);
    c.model.sequence = 7;
    assert_refused(&c, "set model.sequence = 9");
    c.model.sequence = CELLS;
    c.model.supervision = 0;
    assert_refused(&c, "solver.supervision = 0");
    c = solving("refused", LTM_SOLVER_ATTENTION);
    c.model.memory = LTM_MEMORY_NEURAL;
    assert_refused(&c, "model.kind = solver has no model.memory; use none");
    c.model.memory = LTM_MEMORY_NONE;
    c.model.predict_latents = 0.1;
    c.model.predict_distance = c.model.predict_layers = 1;
    assert_refused(&c, "model.kind = solver has no slow.predict_latents; use 0");
    c = tiny("refused");
    c.data.augment = 1;
    assert_refused(&c, "use it with model.kind = solver");
    c.data.augment = 0;
    c.model.stable = 1;
    assert_refused(&c, "solver.stable = yes applies only to a solver");
    c.model.stable = 0;
    c.eval.restarts = 2;
    assert_refused(&c, "eval.restarts applies only to a solver");
    c = solving("refused", LTM_SOLVER_ATTENTION);
    snprintf(c.data.corpus, sizeof c.data.corpus, "%s", test_folder());
    assert_refused(&c, "train.jsonl is not there");
    assert_int_equal(ltm_model_open(&model, test_path("mlp-1"), &error), LTM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "solver of puzzles"));
}

static void refuse_line(const char *line, const char *alphabet, const char *text) {
    struct puzzles puzzles;
    struct ltm_error error = {0};
    const char *path = test_path("bad.jsonl");
    write_line(path, LATIN2, line);
    assert_int_equal(puzzles_read(&puzzles, path, alphabet, &error), LTM_INVALID);
    if (!strstr(error.message, text)) fail_msg("\"%s\" does not say \"%s\"", error.message, text);
    assert_null(puzzles.givens);
}

/* What no puzzle is at all, tests/text/test_puzzles.c refuses. */
static void bad_puzzles_are_refused_by_line(void **state) {
    (void)state;
    refuse_line(
        "{\"puzzle\": \"0000\", \"solution\": \"1221\", \"difficulty\": 1, \"kind\": \"latin\", \"rows\": 2, \"columns\": 2}",
        NULL, "line 2 of");
    refuse_line(
        "{\"puzzle\": \"120231312\", \"solution\": \"123231312\", \"difficulty\": 1, \"kind\": \"latin\", \"rows\": 3, "
        "\"columns\": 3}",
        NULL, "the puzzle is 3 by 3, and those before it 2 by 2");
    refuse_line(LATIN2, "02", "line 1 of");
    refuse_line(LATIN2, "02", "does not know the character '1', only \"02\"");
}

/* Of every image the solution is the one that a search finds; a key draws one image, keys draw many; the puzzles stay as they are. */
static void rows_have_images_by_symmetry(void **state) {
    (void)state;
    struct puzzles puzzles;
    struct solver_batch *batch;
    struct decoder *decoder;
    struct ltm_config c = solving("none", LTM_SOLVER_ATTENTION);
    int images = 0;
    c.data.augment = 1;
    c.model.vocab = 4;
    ltm_config_resolve(&c);
    assert_int_equal(puzzles_read(&puzzles, test_path("puzzles/train.jsonl"), NULL, NULL), LTM_OK);
    assert_int_equal(decoder_create(&decoder, &c.model, NULL), LTM_OK);
    assert_int_equal(solver_batch_create(&batch, &c, decoder, &puzzles, 1, NULL), LTM_OK);
    for (int pass = 0; pass < 20; pass++) {
        for (int row = 0; row < 5; row++) {
            const int32_t *givens = batch->givens + (size_t)row * CELLS;
            const int32_t *targets = batch->targets + (size_t)row * CELLS;
            const int32_t *own = puzzles.givens + (size_t)batch->puzzle[row] * CELLS;
            char given[CELLS];
            char solution[CELLS];
            int difficulty;
            for (int i = 0; i < CELLS; i++) given[i] = puzzles.alphabet[givens[i]];
            const struct puzzle image = {.kind = PUZZLE_LATIN, .rows = SIDE, .columns = SIDE, .given = given};
            assert_int_equal(puzzle_solve(&image, solution, &difficulty, NULL), LTM_OK);
            for (int i = 0; i < CELLS; i++) assert_int_equal(puzzles.alphabet[targets[i]], solution[i]);
            images += memcmp(givens, own, CELLS * sizeof *own) != 0;
        }
        solver_batch_skip(batch);
        for (int row = 0; row < 5; row++) assert_int_equal(batch->number[row], 5 * (pass + 1) + row);
    }
    assert_true(images > 80);
    solver_batch_free(batch);
    decoder_free(decoder);
    puzzles_free(&puzzles);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_halt_get_the_next_puzzle),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(resume_is_exact),
        cmocka_unit_test(so_it_is_with_what_is_drawn),
        cmocka_unit_test(rows_have_images_by_symmetry),
        cmocka_unit_test(restarts_answer_by_their_residual),
        cmocka_unit_test(scores_say_what_is_solved),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(bad_puzzles_are_refused_by_line),
    };
    return cmocka_run_group_tests_name("a solver's training", tests, make_puzzles, NULL);
}
