/* What is not finite in a slow step is found, named, and changes nothing; a fast loop that diverges on one sequence is that
 * sequence's own affair.
 *
 * Nothing is stubbed: weights are set so that one token, which stands in one sequence alone, meets numbers too large. */
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "support/gradients.h"
#include "support/small_config.h"
#include "support/trainer_rig.h"

#include "math/vector.h"
#include "stages/model_shape.h"
#include "train/group_gradient.h"
#include "train/nonfinite.h"

enum {
    RARE = 29,
    NEVER = 30,
    VOCAB = 31,
    BATCH = 6,
    LENGTH = 9,
    SPOILT = 3,
    PLACE = 5 /* a coordinate of the stream of states */
};

static struct ltm_config tiny(void) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.model.window = 5;
    c.fast.steps = 3;
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.slow.warmup = 0;
    c.run.threads = 2;
    ltm_config_resolve(&c);
    return c;
}

static int make_corpus(void **state) {
    char corpus[600];
    (void)state;
    snprintf(corpus, sizeof corpus, "%s/corpus", test_folder());
    test_write_corpus(corpus, 400, 100, RARE); /* without the rare token */
    return 0;
}

/* Token `at` of the training split, of which each test puts the old one back. */
static uint16_t put_token(int64_t at, uint16_t token) {
    char path[700];
    uint16_t before;
    snprintf(path, sizeof path, "%s/corpus/tiny_train_000000.bin", test_folder());
    const int file = open(path, O_RDWR);
    const off_t offset = 1024 + 2 * at;
    assert_int_equal(pread(file, &before, 2, offset), 2);
    assert_int_equal(pwrite(file, &token, 2, offset), 2);
    close(file);
    return before;
}

static float *weights_of(struct rig *rig, const char *name) {
    const struct weight_table *table = &rig->decoder->plan.table;
    for (int k = 0; k < table->count; k++)
        if (strcmp(table->weights[k].name, name) == 0) return rig->decoder->weights + table->weights[k].offset;
    fail_msg("there is no weight %s", name);
    return NULL;
}

/* The rare token alone puts something into PLACE, which the output layer does not read: as an input it overflows every norm, as an
 * output it changes nothing. */
static void make_rare_token_overflow(struct rig *rig) {
    weights_of(rig, "norm.weight")[PLACE] = 0;
    weights_of(rig, "tok_embeddings.weight")[RARE * 8 + PLACE] = 1e25f;
}

/* The rare token alone has something in PLACE, where no layer writes. */
static void mark_rare_token(struct rig *rig) {
    const int ffn = model_ffn_width(&rig->decoder->plan.config);
    static const char *const writers[] = {"attention.wo", "cross_attention.wo", "feed_forward.w2"};
    for (int v = 0; v < VOCAB; v++) weights_of(rig, "tok_embeddings.weight")[v * 8 + PLACE] = v == RARE;
    for (int l = 0; l < 2; l++)
        for (int i = 0; i < 3; i++) {
            char name[64];
            snprintf(name, sizeof name, "layers.%d.%s.weight", l, writers[i]);
            const int columns = i == 2 ? ffn : 8;
            memset(weights_of(rig, name) + PLACE * columns, 0, sizeof(float) * (size_t)columns);
        }
}

/* Where it stands, and nowhere else, the last layer's SwiGLU has a slope that overflows, and its output does not show it: the first
 * hidden number is silu(0) times something. */
static void make_rare_token_steep(struct rig *rig) {
    const int ffn = model_ffn_width(&rig->decoder->plan.config);
    mark_rare_token(rig);
    memset(weights_of(rig, "layers.1.feed_forward.w1.weight"), 0, sizeof(float) * 8);
    memset(weights_of(rig, "layers.1.feed_forward.w3.weight"), 0, sizeof(float) * 8);
    weights_of(rig, "layers.1.feed_forward.w3.weight")[PLACE] = 1e12f;
    for (int i = 0; i < 8; i++)
        if (i != PLACE) weights_of(rig, "layers.1.feed_forward.w2.weight")[i * ffn] = 3e38f;
}

/* Where it stands, and nowhere else, a token that never comes has a huge logit, which moves a little with z: by far too much for a
 * step that nothing limits. */
static void make_rare_token_loud(struct rig *rig) {
    mark_rare_token(rig);
    weights_of(rig, "tok_embeddings.weight")[NEVER * 8 + PLACE] = 1e6f;
    weights_of(rig, "norm.weight")[PLACE] = 1;
}

/* A rig whose batch has the rare token in sequence SPOILT alone; *start is where that begins, *token what stood there. */
static void open_spoilt(struct rig *rig, const struct ltm_config *config, int64_t *start, uint16_t *token) {
    open_rig(rig, config);
    *start = sequence_start(&rig->windows.order, SPOILT);
    close_rig(rig);
    *token = put_token(*start + 4, RARE);
    open_rig(rig, config);
}

static void all_is_as_it_was(struct rig *rig, const float *weights) {
    const size_t n = rig->trainer.state.own;
    const float *zero[] = {rig->trainer.gradient.total, rig->trainer.optimiser.state[0],
                           rig->trainer.optimiser.state[1]};
    assert_memory_equal(rig->decoder->weights, weights, sizeof(float) * rig->decoder->plan.table.size);
    for (int i = 0; i < 3; i++)
        for (size_t j = 0; j < n; j++) assert_true(zero[i][j] == 0);
    assert_int_equal(rig->trainer.optimiser.count, 0);
}

static float *copy_weights(const struct rig *rig) {
    float *copy = test_zeros(rig->decoder->plan.table.size);
    memcpy(copy, rig->decoder->weights, sizeof(float) * rig->decoder->plan.table.size);
    return copy;
}

static void a_loss_that_is_not_finite_names_its_sequence_and_changes_nothing(void **state) {
    (void)state;
    const struct ltm_config c = tiny();
    struct sequence_score healthy[BATCH];
    struct slow_step done;
    struct rig rig;
    char text[FAULT_TEXT];
    char wanted[FAULT_TEXT];
    int64_t start;
    uint16_t token;
    open_rig(&rig, &c);
    make_rare_token_overflow(&rig);
    assert_int_equal(trainer_gradient(&rig.trainer, &done, NULL), LTM_OK);
    assert_int_equal(done.fault.kind, FAULT_NONE);
    memcpy(healthy, rig.trainer.scores, sizeof healthy);
    close_rig(&rig);

    open_spoilt(&rig, &c, &start, &token);
    make_rare_token_overflow(&rig);
    float *before = copy_weights(&rig);
    assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
    assert_int_equal(done.fault.kind, FAULT_LOSS);
    assert_int_equal(done.fault.sequence, SPOILT);
    assert_int_equal(done.diverged, 0); /* that no fit could be had is not the fast loop's doing */
    nonfinite_describe(text, &rig.trainer, &done.fault);
    snprintf(wanted, sizeof wanted, "the loss of sequence %d of the batch (first token %lld) is not finite", SPOILT,
             (long long)start);
    assert_string_equal(text, wanted);
    all_is_as_it_was(&rig, before);
    for (int i = 0; i < BATCH; i++)
        if (i != SPOILT) assert_memory_equal(&rig.trainer.scores[i], &healthy[i], sizeof healthy[i]);
    free(before);
    close_rig(&rig);
    put_token(start + 4, token);
}

/* The first update of AdamW moves every weight by the rate, whatever was skipped before it. */
static void a_skipped_step_is_none_of_the_moments_business(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct slow_step done;
    struct rig rig;
    c.slow.latent_lr = 1;
    c.slow.weight_decay = 0;
    c.run.tokens = 100 * BATCH * LENGTH;
    open_rig(&rig, &c);
    const float healthy = weights_of(&rig, "norm.weight")[0];
    weights_of(&rig, "norm.weight")[0] = NAN;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
        assert_int_equal(done.fault.kind, FAULT_WEIGHT);
        trainer_skip(&rig.trainer);
    }
    weights_of(&rig, "norm.weight")[0] = healthy;
    float *before = copy_weights(&rig);
    const int64_t first = sequence_start(&rig.windows.order, 3 * BATCH);
    assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
    assert_int_equal(done.fault.kind, FAULT_NONE);
    assert_int_equal(rig.trainer.source->place(rig.trainer.source, rig.trainer.now.sequences),
                     first); /* the batch after those that were skipped */
    assert_int_equal(rig.trainer.optimiser.count, 4);
    double most = 0;
    for (size_t i = 0; i < rig.decoder->plan.table.size; i++)
        most = fmax(most, fabs((double)rig.decoder->weights[i] - (double)before[i]));
    assert_true(fabs(most - done.lr) < 1e-3 * done.lr);
    free(before);
    close_rig(&rig);
}

static void expect_fault(struct rig *rig, enum fault_kind kind, int sequence, const char *words) {
    struct slow_step done;
    char text[FAULT_TEXT];
    float *before = copy_weights(rig);
    assert_int_equal(trainer_step(&rig->trainer, &done, NULL), LTM_OK);
    nonfinite_describe(text, &rig->trainer, &done.fault);
    if (done.fault.kind != kind || done.fault.sequence != sequence || !strstr(text, words))
        fail_msg("fault %d, sequence %d: %s", done.fault.kind, done.fault.sequence, text);
    all_is_as_it_was(rig, before);
    free(before);
    close_rig(rig);
}

static void a_gradient_names_its_tensor_and_its_sequence(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct rig rig;
    int64_t start;
    uint16_t token;
    for (int objective = LTM_OBJECTIVE_ELBO; objective <= LTM_OBJECTIVE_IWAE; objective++) {
        c.slow.objective = objective;
        c.slow.samples = 2;
        open_spoilt(&rig, &c, &start, &token);
        make_rare_token_steep(&rig);
        expect_fault(&rig, FAULT_GRADIENT, SPOILT, "the gradient of layers.1.feed_forward.w1.weight is not finite in");
        put_token(start + 4, token);
    }
}

static void a_weight_and_a_norm_that_nobody_can_square_are_named(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct rig rig;
    open_rig(&rig, &c);
    weights_of(&rig, "layers.0.attention.wk.weight")[7] = INFINITY;
    expect_fault(&rig, FAULT_WEIGHT, -1, "the weight layers.0.attention.wk.weight itself is not finite");

    struct slow_step done;
    open_rig(&rig,
             &c); /* the token is none of the batch's: losses are as ever, the gain of PLACE has a huge gradient */
    make_rare_token_overflow(&rig);
    assert_int_equal(trainer_step(&rig.trainer, &done, NULL), LTM_OK);
    assert_true(done.fault.kind == FAULT_NONE && done.grad_norm > 1e18); /* clipped, it can be squared */
    assert_true(vector_finite(rig.decoder->weights, rig.decoder->plan.table.size));
    assert_true(vector_finite(rig.trainer.optimiser.state[1], rig.trainer.state.own));
    close_rig(&rig);
    c.slow.clip = 0;
    open_rig(&rig, &c);
    make_rare_token_overflow(&rig);
    expect_fault(&rig, FAULT_SUM, -1, "norm is too large to square in fp32");
}

/* Takes a group's gradient into an array laid out as the weights. */
struct captured {
    const struct trainer *trainer;
    float *gradient;
};

static void capture(void *user, int block, const float *gradient) {
    const struct captured *c = user;
    const struct optimiser_shards *shards = &c->trainer->state;
    const size_t begin = shards->pieces[shards->first[block]].all.begin;
    const size_t end = shards->pieces[shards->first[block + 1] - 1].all.end;
    memcpy(c->gradient + begin, gradient, (end - begin) * sizeof *gradient);
}

static struct gradient_taker capturing(void *user, int draw) {
    (void)draw;
    return (struct gradient_taker){.user = user, .take = capture};
}

/* One slow step's scores and every group's gradient. */
struct account {
    struct sequence_score scores[BATCH];
    float *gradient[BATCH / 2];
    struct slow_step done;
};

static void take_account(struct account *a, struct rig *rig) {
    make_rare_token_loud(rig);
    assert_int_equal(trainer_gradient(&rig->trainer, &a->done, NULL), LTM_OK);
    memcpy(a->scores, rig->trainer.scores, sizeof a->scores);
    for (int i = 0; i < BATCH / 2; i++) {
        a->gradient[i] = test_zeros(rig->decoder->plan.table.size);
        struct captured captured = {&rig->trainer, a->gradient[i]};
        const struct group group = {&rig->trainer, &rig->trainer.workers.each[0], 2 * i, 2};
        group_gradient(&group, &(struct draw_takers){&captured, capturing});
    }
}

static void a_fast_loop_that_diverges_spoils_no_batch(void **state) {
    (void)state;
    struct ltm_config c = tiny();
    struct account healthy;
    struct account spoilt;
    struct rig rig;
    int64_t start;
    uint16_t token;
    c.fast.method = LTM_FAST_LANGEVIN; /* which nothing holds */
    open_rig(&rig, &c);
    take_account(&healthy, &rig);
    close_rig(&rig);
    open_spoilt(&rig, &c, &start, &token);
    take_account(&spoilt, &rig);
    assert_true(healthy.done.diverged == 0 && spoilt.done.diverged == 1);
    assert_true(spoilt.done.fault.kind == FAULT_NONE && isfinite(spoilt.done.loss));
    assert_true(spoilt.scores[SPOILT].diverged && spoilt.scores[SPOILT].kl == 0);
    for (int i = 0; i < BATCH; i++) {
        if (i == SPOILT) continue;
        assert_true(!spoilt.scores[i].diverged && spoilt.scores[i].kl > 0);
        assert_memory_equal(&spoilt.scores[i], &healthy.scores[i], sizeof spoilt.scores[i]);
    }
    const size_t n = rig.decoder->plan.table.size;
    for (int i = 0; i < BATCH / 2; i++) {
        const bool same = memcmp(spoilt.gradient[i], healthy.gradient[i], n * sizeof(float)) == 0;
        assert_int_equal(same, i != SPOILT / 2);
        assert_true(vector_finite(spoilt.gradient[i], n));
        free(spoilt.gradient[i]);
        free(healthy.gradient[i]);
    }
    close_rig(&rig);
    put_token(start + 4, token);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_that_is_not_finite_names_its_sequence_and_changes_nothing),
        cmocka_unit_test(a_skipped_step_is_none_of_the_moments_business),
        cmocka_unit_test(a_gradient_names_its_tensor_and_its_sequence),
        cmocka_unit_test(a_weight_and_a_norm_that_nobody_can_square_are_named),
        cmocka_unit_test(a_fast_loop_that_diverges_spoils_no_batch),
    };
    return cmocka_run_group_tests(tests, make_corpus, NULL);
}
