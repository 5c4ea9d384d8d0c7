/* Other numbers of a core's loops than the plan runs: in a pass, in a decoder that shares weights, in a fit. */
#include "support/loops_rig.h"

#include "latent/fast_loop.h"

/* Of four loops, to the bit what a decoder of so many has, whichever ran before. */
static void a_pass_runs_fewer_loops(void **state) {
    (void)state;
    for (int inject = LTM_INJECT_NONE; inject <= LTM_INJECT_DIAGONAL; inject++)
        for (int prelude = 0; prelude <= 1; prelude++) {
            struct ltm_model_config c = shape;
            struct decoder_pass *pass;
            float nll[TOKENS];
            c.inject = inject;
            c.prelude = prelude;
            c.loops = 4;
            struct setting most = set_up(&c);
            const size_t n = most.decoder->plan.table.size;
            float *gradient = test_zeros(n);
            assert_int_equal(decoder_pass_create(&pass, most.decoder, SEQUENCES, LENGTH, 1, NULL), LTM_OK);
            decoder_begin(pass, most.tokens, most.targets, SEQUENCES, LENGTH);
            for (int loops = 4; loops >= 2; loops--) {
                c.loops = loops;
                struct setting fewer = set_up(&c);
                assert_true(fewer.decoder->plan.table.size == n);
                run(&fewer);
                decoder_pass_loops(pass, loops);
                decoder_latent_gradient(pass, most.z, NULL, nll, most.dz);
                assert_memory_equal(nll, fewer.nll, sizeof nll);
                assert_memory_equal(most.dz, fewer.dz, (size_t)(SEQUENCES * c.latents * DIM) * sizeof(float));
                memset(gradient, 0, n * sizeof *gradient);
                decoder_weight_gradient(pass, most.z, NULL, nll, gradient);
                assert_memory_equal(gradient, fewer.gradient, n * sizeof *gradient);
                tear_down(&fewer);
            }
            decoder_pass_loops(pass, 1);
            decoder_score(pass, most.z, nll);
            plan_run(&most.decoder->plan, 1);
            run(&most);
            assert_memory_equal(nll, most.nll, sizeof nll);
            decoder_pass_free(pass);
            tear_down(&most);
            free(gradient);
        }
}

/* Of the same weights, fewer and more; its own weights of loops it has for no more. */
static void a_shared_decoder_runs_other_loops(void **state) {
    (void)state;
    for (int gains = LTM_LOOP_GAINS_SHARED; gains <= LTM_LOOP_GAINS_OWN; gains++)
        for (int loops = 1; loops <= (gains == LTM_LOOP_GAINS_OWN ? 3 : 5); loops++) {
            struct ltm_model_config c = shape;
            struct decoder *shared;
            c.inject = LTM_INJECT_ADD;
            c.loops = 3;
            c.loop_gains = gains;
            struct setting s = set_up(&c);
            assert_int_equal(decoder_share(&shared, s.decoder, loops, NULL), LTM_OK);
            assert_true(shared->plan.table.size == s.decoder->plan.table.size);
            struct decoder *first = s.decoder;
            if (gains == LTM_LOOP_GAINS_SHARED) c.loops = loops > 1 ? loops : 2;
            struct setting other = set_up(&c);
            plan_run(&other.decoder->plan, loops);
            s.decoder = shared;
            run(&s);
            run(&other);
            assert_memory_equal(s.nll, other.nll, sizeof s.nll);
            s.decoder = first;
            decoder_free(shared);
            tear_down(&s);
            tear_down(&other);
        }
}

/* The fit ends where the score begins: with all loops. */
static void a_fit_by_fewer_loops_is_scored_by_all(void **state) {
    (void)state;
    struct ltm_model_config c = shape;
    const struct ltm_fast_config fast = {.method = LTM_FAST_NATURAL, .steps = 2, .loops = 1, .lr = 0.5, .trust = 1};
    struct fast_loop loop;
    struct decoder_pass *pass;
    c.loops = 3;
    struct setting s = set_up(&c);
    float nll[TOKENS];
    assert_int_equal(fast_loop_create(&loop, s.decoder, &fast, SEQUENCES, LENGTH, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&pass, s.decoder, SEQUENCES, LENGTH, 0, NULL), LTM_OK);
    decoder_begin(pass, s.tokens, s.targets, SEQUENCES, LENGTH);
    fast_loop_start(&loop, &fast, SEQUENCES);
    fast_loop_run(&loop, pass, &fast, NULL, SEQUENCES, LENGTH, NULL);
    decoder_score(pass, loop.mu, nll);
    memcpy(s.z, loop.mu, (size_t)(SEQUENCES * c.latents * DIM) * sizeof(float));
    run(&s);
    assert_memory_equal(nll, s.nll, sizeof nll);
    assert_true(fast_loop_kl(&loop, 0) > 0);
    decoder_pass_free(pass);
    fast_loop_free(&loop);
    tear_down(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_runs_fewer_loops),
        cmocka_unit_test(a_shared_decoder_runs_other_loops),
        cmocka_unit_test(a_fit_by_fewer_loops_is_scored_by_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
