/* How sparse states are (probe/probe_sparsity.h), against a program in double; and what correlations are when others are controlled for. */
#include "support/decoder_rig.h"

#include <jansson.h>

#include "probe/probe_sparsity.h"
#include "probe/sparsity_score.h"

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x > y ? -1 : x < y;
}

/* Prelude, core, core again, coda; with latents, under which nothing else happens to states. */
static void measures_are_those_of_their_definition(void **state) {
    (void)state;
    struct ltm_model_config config = grouped;
    struct probe_sparsity s;
    struct decoder_pass *pass;
    config.prelude = config.coda = 1;
    config.loops = 2;
    config.latent_from = 1;
    struct setting rig = set_up(&config);
    const int d = config.dim;
    assert_int_equal(decoder_pass_create(&pass, rig.decoder, SEQUENCES, LENGTH, 0, NULL), LTM_OK);
    assert_int_equal(probe_sparsity_create(&s, &rig.decoder->plan, SEQUENCES, NULL), LTM_OK);
    assert_int_equal(s.places, 4);
    static const struct layer_place places[] = {{3, 0}, {2, 2}, {2, 1}, {1, 0}};
    assert_memory_equal(s.name, places, sizeof places);
    decoder_begin(pass, rig.tokens, rig.targets, SEQUENCES, LENGTH);
    decoder_score(pass, rig.z, rig.nll);
    for (int g = 0; g < SEQUENCES; g++) probe_sparsity_measure(&s, pass, g, LENGTH, rig.nll + (ptrdiff_t)g * LENGTH, g);
    for (int g = 0; g < SEQUENCES; g++)
        for (int p = 0; p < 4; p++) {
            double mean[SPARSITY_NUMBERS] = {0};
            for (int t = 0; t < LENGTH; t++) {
                const float *h = decoder_layer_states(pass, p) + (ptrdiff_t)(g * LENGTH + t) * d;
                const float *before = decoder_layer_states(pass, p == 1 ? 2 : p) + (ptrdiff_t)(g * LENGTH + t) * d;
                double squares[24];
                double one = 0;
                double two = 0;
                double change = 0;
                for (int i = 0; i < d; i++) {
                    squares[i] = (double)h[i] * (double)h[i];
                    one += fabs((double)h[i]);
                    two += squares[i];
                    change += ((double)h[i] - (double)before[i]) * ((double)h[i] - (double)before[i]);
                }
                qsort(squares, (size_t)d, sizeof *squares, by_size);
                mean[SPARSITY_HOYER] += (sqrt(d) - one / sqrt(two)) / (sqrt(d) - 1) / LENGTH;
                mean[SPARSITY_TOP] += (squares[0] + squares[1] + squares[2]) / two / LENGTH;
                mean[SPARSITY_CHANGE] += sqrt(change / two) / LENGTH;
                mean[SPARSITY_NORM] += log(sqrt(two)) / LENGTH;
            }
            for (int m = 0; m < SPARSITY_NUMBERS; m++)
                assert_true(fabs(s.numbers[(g * 4 + p) * SPARSITY_NUMBERS + m] - mean[m]) < 1e-6);
            assert_true((mean[SPARSITY_CHANGE] > 0.01) == (p == 1));
        }
    probe_sparsity_free(&s);
    decoder_pass_free(pass);
    tear_down(&rig);
}

enum { TRAIN = 3, TEST = 60, WIDTH = 4 };

/* Sparsity that goes with a norm, or with log length, and surprise that goes with it too, but with sparsity by nothing else; and what a
 * task tells, which goes with sparsity alone. Lengths that are all alike control nothing. */
static void is_taken_out(bool length) {
    struct layer_place name = {1, 0};
    double of_state[(TRAIN + TEST) * SPARSITY_NUMBERS] = {0};
    double surprise[TRAIN + TEST] = {0};
    float rows[(TRAIN + TEST) * WIDTH] = {0};
    struct probe_document documents[TRAIN + TEST];
    struct task_item items[TEST] = {0};
    struct probe_sparsity s = {.places = 1, .name = &name, .numbers = of_state, .surprise = surprise};
    const struct probe_features f = {
        .documents = TRAIN + TEST, .all = documents, .dim = WIDTH, .width = WIDTH, .rows = rows, .sparsity = &s};
    struct task task = {0};
    struct ltm_probe_result result = {0};
    float *noise = test_normal(3 * (TRAIN + TEST), 5, 1);
    task.items.all = items;
    task.items.count = TEST;
    for (int i = 0; i < TRAIN + TEST; i++) {
        const int tokens = length ? 4 + i * 37 % 61 : 7;
        const double cause = length ? 2 * log(tokens) - 7 : (double)noise[3 * i];
        const double own = (double)noise[3 * i + 1];
        documents[i] = (struct probe_document){.tokens = tokens};
        of_state[i * SPARSITY_NUMBERS + SPARSITY_NORM] = (double)noise[3 * i];
        of_state[i * SPARSITY_NUMBERS + SPARSITY_HOYER] = cause + 0.5 * own;
        of_state[i * SPARSITY_NUMBERS + SPARSITY_TOP] = 1; /* the same everywhere */
        surprise[i] = cause + 0.1 * (double)noise[3 * i + 2];
        rows[i * WIDTH] = 1;
        rows[i * WIDTH + 1] = i < TRAIN ? 0 : fabsf(noise[3 * i + 1]);
        if (i >= TRAIN)
            items[i - TRAIN].json = json_pack("{s:i,s:f,s:{s:f,s:s}}", "gold", i, "own", own, "factors", "own", own,
                                              "word", "x"); /* one number that is told twice */
    }
    assert_int_equal(probe_sparsity_score(&result, &f, &task, TRAIN, TEST, NULL), LTM_OK);
    assert_int_equal(result.sparsity_count, 6);
    const struct ltm_probe_sparsity *r = result.sparsity;
    assert_string_equal(r[0].against, "surprise");
    assert_string_equal(r[1].against, "unfamiliar");
    assert_string_equal(r[2].against, "own");
    assert_true(r[0].correlation > 0.7 && fabs(r[0].partial) < 3 * r[0].error);
    assert_true(r[2].correlation < 0.7 && fabs(r[2].partial - 1) < 1e-9 && r[2].error < 1e-9);
    assert_true(isnan(r[3].partial) && isnan(r[3].correlation) && fabs(r[3].mean - 1) < 1e-9);
    for (int i = 0; i < TEST; i++) json_decref((json_t *)items[i].json);
    ltm_probe_result_free(&result);
    free(noise);
}

static void what_norm_explains_is_taken_out(void **state) {
    (void)state;
    is_taken_out(false);
}

static void what_length_explains_is_taken_out(void **state) {
    (void)state;
    is_taken_out(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_are_those_of_their_definition),
        cmocka_unit_test(what_norm_explains_is_taken_out),
        cmocka_unit_test(what_length_explains_is_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
