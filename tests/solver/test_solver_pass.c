/* A solver's step: its gradient is that of the last cycle from a detached state, and a puzzle's numbers depend on no other. */
#include <math.h>

#include "support/gradients.h"
#include "support/unit.h"

#include "math/vector.h"
#include "solver/solver_pass.h"
#include "solver/solver_score.h"

enum { ROWS = 3, CELLS = 6, DIM = 16, VOCAB = 5, N = CELLS * DIM };

struct rig {
    struct decoder *decoder;
    struct solver_pass *pass;
    struct solver_group group;
    struct ltm_fast_config fast;
    int32_t givens[ROWS * CELLS], targets[ROWS * CELLS], right[ROWS];
    float y[ROWS * N], z[ROWS * N], next_y[ROWS * N], next_z[ROWS * N];
    float nll[ROWS], halting[ROWS], halt[ROWS], residual[ROWS], given_nll[ROWS], given_kl[ROWS];
    uint32_t numbers[ROWS];
    bool diverged[ROWS];
    float *gradient;
};

static struct ltm_model_config configured(int mix, int inner, int cycles) {
    return (struct ltm_model_config){.kind = LTM_MODEL_SOLVER,
                                     .dim = DIM,
                                     .layers = 2,
                                     .heads = 2,
                                     .kv_heads = 2,
                                     .ffn_multiple = 8,
                                     .sequence = CELLS,
                                     .vocab = VOCAB,
                                     .inner = inner,
                                     .cycles = cycles,
                                     .supervision = 4,
                                     .mix = mix};
}

static void take(void *user, int block, const float *gradient) {
    struct rig *rig = user;
    const struct weight_block *b = &rig->decoder->plan.table.blocks[block];
    memcpy(rig->gradient + b->begin, gradient, block_size(b) * sizeof *gradient);
}

static void open_rig(struct rig *rig, struct ltm_model_config config) {
    float *random;
    *rig = (struct rig){.fast = {.method = LTM_FAST_NATURAL, .lr = 0.5, .curvature_rate = 0.3, .trust = 1}};
    assert_int_equal(decoder_create(&rig->decoder, &config, NULL), LTM_OK);
    assert_int_equal(solver_pass_create(&rig->pass, rig->decoder, &rig->fast, ROWS, true, NULL), LTM_OK);
    const struct weight_table *table = &rig->decoder->plan.table;
    weights_initialise(rig->decoder->weights, table, 1, 3);
    random = test_normal(table->size, 1, 0.1f);
    vector_add(rig->decoder->weights, random, table->size);
    free(random);
    random = test_normal(2 * (size_t)(ROWS * N), 2, 1);
    memcpy(rig->y, random, sizeof rig->y);
    memcpy(rig->z, random + ROWS * N, sizeof rig->z);
    free(random);
    for (int i = 0; i < ROWS * CELLS; i++) {
        rig->givens[i] = (i * 7 + 2) % VOCAB;
        rig->targets[i] = (i * 3 + 1) % VOCAB;
    }
    for (int g = 0; g < ROWS; g++) rig->numbers[g] = solver_number(11 * g, 3);
    rig->gradient = test_zeros(table->size);
    rig->group = (struct solver_group){.count = ROWS,
                                       .givens = rig->givens,
                                       .targets = rig->targets,
                                       .y = rig->y,
                                       .z = rig->z,
                                       .next_y = rig->next_y,
                                       .next_z = rig->next_z,
                                       .noise = {{.seed = 5}, rig->numbers},
                                       .empty = 0,
                                       .kl_weight = 1,
                                       .diverged = rig->diverged,
                                       .given_nll = rig->given_nll,
                                       .given_kl = rig->given_kl,
                                       .residual = rig->residual,
                                       .answers = {rig->nll, rig->halting, rig->halt, rig->right, NULL}};
}

static void close_rig(struct rig *rig) {
    solver_pass_free(rig->pass);
    decoder_free(rig->decoder);
    free(rig->gradient);
}

static double loss(void *user) {
    struct rig *rig = user;
    double sum = 0;
    solver_pass_fit(rig->pass, &rig->group);
    solver_pass_tell(rig->pass, &rig->group);
    solver_pass_run(rig->pass, &rig->group);
    for (int g = 0; g < ROWS; g++)
        sum += (double)rig->nll[g] + (double)rig->halting[g] + (double)rig->given_nll[g] / CELLS;
    return sum;
}

static void check_all_gradients(struct ltm_model_config config) {
    struct rig rig;
    open_rig(&rig, config);
    const struct gradient_taker taker = {.user = &rig, .take = take};
    const struct weight_table *table = &rig.decoder->plan.table;
    solver_pass_gradient(rig.pass, &rig.group, 1, &taker);
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        float *gradient = rig.gradient + w->offset;
        const double size = sqrt(vector_sum_squares(gradient, weight_size(w)));
        const float h = (float)fmin(fmax(2e-3 / size, 2e-4), 1e-2); /* moves the loss about as much */
        check_gradient(w->name, rig.decoder->weights + w->offset, gradient, weight_size(w), h, loss, &rig);
    }
    close_rig(&rig);
}

/* With one cycle there is nothing before it: finite differences see all of the gradient. */
static void gradient_is_that_of_finite_differences(void **state) {
    (void)state;
    for (int mix = LTM_SOLVER_ATTENTION; mix <= LTM_SOLVER_MLP; mix++)
        for (int inner = 0; inner <= 2; inner += 2) check_all_gradients(configured(mix, inner, 1));
    struct ltm_model_config stable = configured(LTM_SOLVER_MLP, 3, 1);
    stable.stable = 1;
    check_all_gradients(stable);
    struct ltm_model_config latents = configured(LTM_SOLVER_ATTENTION, 2, 1);
    latents.latents = 2; /* without fast steps z is ε, which no weight moves */
    check_all_gradients(latents);
}

static double nll_of_givens(void *user) {
    struct rig *rig = user;
    const float weights[ROWS * CELLS] = {1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0};
    float nll[ROWS * CELLS];
    double sum = 0;
    solver_pass_givens(rig->pass, &rig->group, rig->y, weights, nll, rig->z, 1, NULL);
    for (int i = 0; i < ROWS * CELLS; i++) sum += (double)(weights[i] * nll[i]);
    return sum;
}

static void latents_have_the_gradient_of_the_givens(void **state) {
    (void)state;
    for (int mix = LTM_SOLVER_ATTENTION; mix <= LTM_SOLVER_MLP; mix++) {
        struct rig rig;
        float dz[ROWS * 2 * DIM];
        struct ltm_model_config config = configured(mix, 2, 1);
        config.latents = 2;
        open_rig(&rig, config);
        nll_of_givens(&rig); /* of rig.y as z; leaves its gradient in rig.z */
        memcpy(dz, rig.z, sizeof dz);
        check_gradient("z", rig.y, dz, sizeof dz / sizeof *dz, 1e-2f, nll_of_givens, &rig);
        close_rig(&rig);
    }
}

/* The fit lowers what it descends, alike for a puzzle whatever the others are, and the solution enters no answer. */
static void latents_are_fitted_to_the_givens_alone(void **state) {
    (void)state;
    for (int steps = 0; steps <= 8; steps += 8) {
        static double prior;
        struct rig rig;
        float y[ROWS * N];
        struct ltm_model_config config = configured(LTM_SOLVER_MLP, 1, 1);
        config.latents = 2;
        open_rig(&rig, config);
        rig.fast.steps = steps;
        loss(&rig);
        double bound = 0;
        for (int g = 0; g < ROWS; g++) bound += (double)rig.given_nll[g] + (double)rig.given_kl[g];
        if (steps == 0) prior = bound;
        assert_true(steps ? rig.given_kl[1] > 0 && bound < prior : rig.given_kl[1] == 0);
        memcpy(y, rig.next_y, sizeof y);
        for (int i = 0; i < ROWS * CELLS; i++) rig.targets[i] = (rig.targets[i] + 1) % VOCAB;
        loss(&rig);
        assert_memory_equal(y, rig.next_y, sizeof y);
        rig.givens[0] = (rig.givens[0] + 1) % VOCAB;
        loss(&rig);
        assert_memory_equal(y + N, rig.next_y + N, 2 * N * sizeof *y);
        close_rig(&rig);
    }
}

static void a_lower_weight_of_the_kl_lets_latents_carry_more(void **state) {
    (void)state;
    float kl[2];
    for (int low = 0; low <= 1; low++) {
        struct rig rig;
        struct ltm_model_config config = configured(LTM_SOLVER_MLP, 1, 1);
        config.latents = 2;
        open_rig(&rig, config);
        rig.fast.steps = 8;
        rig.group.kl_weight = low ? 0.1f : 1;
        loss(&rig);
        kl[low] = rig.given_kl[1];
        close_rig(&rig);
    }
    assert_true(kl[1] > kl[0]);
}

static void fits_that_diverge_are_told(void **state) {
    (void)state;
    for (int bad = 0; bad <= 1; bad++) {
        struct rig rig;
        struct ltm_model_config config = configured(LTM_SOLVER_MLP, 1, 1);
        config.latents = 2;
        open_rig(&rig, config);
        rig.fast.steps = 2;
        rig.fast.init_mu = bad ? (double)INFINITY : 0;
        loss(&rig);
        for (int g = 0; g < ROWS; g++) assert_true(rig.diverged[g] == bad && (rig.given_kl[g] == 0) == bad);
        close_rig(&rig);
    }
}

/* y alone: what f makes is known without the mixing, so are its share and the noise. */
static void a_stable_step_keeps_a_share_and_adds_noise(void **state) {
    (void)state;
    struct rig plain;
    struct rig stable;
    struct ltm_model_config config = configured(LTM_SOLVER_MLP, 0, 1);
    open_rig(&plain, config);
    config.stable = 1;
    open_rig(&stable, config);
    loss(&plain);
    loss(&stable);
    for (int g = 0; g < ROWS; g++) {
        float noise[N];
        double moved = 0;
        double size = 0;
        const struct random_key key = {.seed = 5, .purpose = RANDOM_SOLVER_NOISE, .sequence = stable.numbers[g]};
        random_normal(noise, N, key);
        for (int i = g * N; i < (g + 1) * N; i++) {
            const double y = (double)stable.y[i];
            const double next = (double)stable.next_y[i];
            assert_true(fabs(next - (0.05 * y + 0.95 * (double)plain.next_y[i] + 0.01 * (double)noise[i - g * N])) <
                        1e-5);
            moved += (next - y) * (next - y);
            size += y * y;
        }
        assert_true(fabs((double)stable.residual[g] - sqrt(moved / size)) < 1e-5);
    }
    const float before = stable.next_y[N];
    stable.numbers[1]++;
    loss(&stable);
    assert_true(before != stable.next_y[N]);
    close_rig(&plain);
    close_rig(&stable);
}

/* Two cycles: the loss and the gradient of one from where the first ends. */
static void gradient_is_of_the_last_cycle_alone(void **state) {
    (void)state;
    for (int mix = LTM_SOLVER_ATTENTION; mix <= LTM_SOLVER_MLP; mix++) {
        struct rig two;
        struct rig one;
        open_rig(&two, configured(mix, 2, 2));
        open_rig(&one, configured(mix, 2, 1));
        const struct gradient_taker of_two = {.user = &two, .take = take};
        const struct gradient_taker of_one = {.user = &one, .take = take};
        solver_pass_gradient(two.pass, &two.group, 0.25f, &of_two);
        solver_pass_run(one.pass, &one.group);
        memcpy(one.y, one.next_y, sizeof one.y);
        memcpy(one.z, one.next_z, sizeof one.z);
        solver_pass_gradient(one.pass, &one.group, 0.25f, &of_one);
        assert_memory_equal(one.gradient, two.gradient, one.decoder->plan.table.size * sizeof(float));
        assert_memory_equal(one.next_y, two.next_y, sizeof one.next_y);
        assert_memory_equal(one.next_z, two.next_z, sizeof one.next_z);
        assert_memory_equal(one.nll, two.nll, sizeof one.nll);
        close_rig(&one);
        close_rig(&two);
    }
}

/* What the others hold changes no bit of a puzzle, and each of its cells reads each. */
static void a_puzzle_knows_no_other(void **state) {
    (void)state;
    for (int mix = LTM_SOLVER_ATTENTION; mix <= LTM_SOLVER_MLP; mix++) {
        struct rig rig;
        float y[N];
        struct ltm_model_config config = configured(mix, 2, 2);
        config.stable = mix;
        open_rig(&rig, config);
        loss(&rig);
        const float nll = rig.nll[1];
        memcpy(y, rig.next_y + N, sizeof y);
        for (int i = 0; i < N; i++) rig.y[i] = rig.z[2 * N + i] = 7;
        rig.givens[0] = (rig.givens[0] + 1) % VOCAB;
        rig.numbers[0] = 77;
        loss(&rig);
        assert_memory_equal(y, rig.next_y + N, sizeof y);
        assert_true(nll == rig.nll[1]);
        for (int cell = 0; cell < CELLS; cell += CELLS - 1) { /* the first and the last */
            rig.givens[CELLS + cell] = (rig.givens[CELLS + cell] + 1) % VOCAB;
            loss(&rig);
            for (int i = 0; i < CELLS; i++)
                assert_memory_not_equal(y + i * DIM, rig.next_y + N + i * DIM, DIM * sizeof *y);
        }
        close_rig(&rig);
    }
}

/* w = 0: q is b. Right answers cost log(1 + e^-b), others log(1 + e^b), halved. */
static void halting_loss_is_that_of_a_known_logit(void **state) {
    (void)state;
    struct rig rig;
    int32_t cells[ROWS * CELLS];
    open_rig(&rig, configured(LTM_SOLVER_ATTENTION, 1, 1));
    const struct weight_table *table = &rig.decoder->plan.table;
    const struct weight *w = weights_find(table, "output.halt.weight");
    memset(rig.decoder->weights + w->offset, 0, DIM * sizeof(float));
    rig.decoder->weights[weights_find(table, "output.halt_bias.weight")->offset] = -1.5f;
    rig.group.answers.cells = cells;
    loss(&rig);
    memcpy(rig.targets, cells, CELLS * sizeof *cells); /* the first is right now, the last wrong */
    rig.targets[3 * CELLS - 1] = (cells[3 * CELLS - 1] + 1) % VOCAB;
    loss(&rig);
    assert_true(rig.right[0] == CELLS && rig.right[2] < CELLS);
    assert_true(rig.halt[0] == -1.5f);
    assert_true(fabs((double)rig.halting[0] - 0.5 * log1p(exp(1.5))) < 1e-6);
    assert_true(fabs((double)rig.halting[2] - 0.5 * log1p(exp(-1.5))) < 1e-6);
    close_rig(&rig);
}

/* Cells read them once a step, however often f runs. */
static void latents_cost_their_reading_once(void **state) {
    (void)state;
    struct ltm_model_config config = configured(LTM_SOLVER_MLP, 3, 2);
    const double without = plan_counted(&config).flops;
    config.latents = 2;
    assert_true(plan_counted(&config).flops == without + 2.0 * 2 * DIM);
}

static void a_run_without_a_residual_answers_before_no_other(void **state) {
    (void)state;
    assert_true(solver_settles(1, 2) && !solver_settles(2, 1) && !solver_settles(1, 1));
    assert_true(solver_settles(1, NAN) && solver_settles(INFINITY, NAN));
    assert_true(!solver_settles(NAN, 1) && !solver_settles(NAN, NAN));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_is_that_of_finite_differences),
        cmocka_unit_test(latents_have_the_gradient_of_the_givens),
        cmocka_unit_test(latents_are_fitted_to_the_givens_alone),
        cmocka_unit_test(a_lower_weight_of_the_kl_lets_latents_carry_more),
        cmocka_unit_test(fits_that_diverge_are_told),
        cmocka_unit_test(a_stable_step_keeps_a_share_and_adds_noise),
        cmocka_unit_test(gradient_is_of_the_last_cycle_alone),
        cmocka_unit_test(a_puzzle_knows_no_other),
        cmocka_unit_test(latents_cost_their_reading_once),
        cmocka_unit_test(a_run_without_a_residual_answers_before_no_other),
        cmocka_unit_test(halting_loss_is_that_of_a_known_logit),
    };
    return cmocka_run_group_tests_name("a solver's step", tests, NULL, NULL);
}
