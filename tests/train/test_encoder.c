/* The encoder that says where a posterior starts: its figures against a twin in double, its gradient against finite differences of the
 * bound, and that it reads what a pass has begun with alone. */
#include <math.h>

#include "support/gradients.h"
#include "support/small_config.h"
#include "support/trainer_rig.h"
#include "support/unit.h"

#include "model/decoder.h"

enum { VOCAB = 30, BATCH = 3, LENGTH = 9 };

static struct ltm_config encoding(int steps) {
    struct ltm_config c = small_config(VOCAB, LENGTH);
    c.model.encoder = LTM_ENCODER_BAG;
    c.fast.steps = steps;
    c.slow.batch = BATCH;
    c.slow.group = 2;
    c.slow.latent_lr = 1;
    c.run.threads = 1;
    ltm_config_resolve(&c);
    return c;
}

static double bound(void *user) {
    struct rig *rig = user;
    struct slow_step done;
    memset(rig->trainer.gradient.total, 0, sizeof(float) * rig->trainer.state.own);
    assert_int_equal(trainer_gradient(&rig->trainer, &done, NULL), LTM_OK);
    return done.recon + done.kl;
}

static void check_bound(struct ltm_config c, const char *what) {
    struct rig rig;
    open_rig(&rig, &c);
    const struct weight_table *table = &rig.decoder->plan.table;
    bound(&rig);
    float *gradient = test_zeros(table->size);
    copy_gradient(gradient, &rig.trainer);
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        char name[120];
        snprintf(name, sizeof name, "%s, %s", what, w->name);
        if (strncmp(w->name, "encoder", 7) == 0 || strncmp(w->name, "tok", 3) == 0)
            check_gradient(name, rig.decoder->weights + w->offset, gradient + w->offset, weight_size(w), 4e-3f, bound,
                           &rig);
    }
    free(gradient);
    close_rig(&rig);
}

/* With one step that moves nothing, under the noise of the slow step itself, dz comes from the fast loop and is the same. */
static void the_gradient_is_that_of_the_bound(void **state) {
    (void)state;
    struct ltm_config c = encoding(0);
    check_bound(c, "no step");
    c.slow.samples = 2;
    check_bound(c, "no step, two draws");
    c = encoding(1);
    c.fast.noise = LTM_NOISE_FIXED;
    c.fast.lr = c.fast.curvature_rate = 0;
    check_bound(c, "one step");
}

/* ---- Where posteriors start ---- */

struct made {
    struct decoder *decoder;
    struct decoder_pass *pass;
    size_t n;
    float mu[2 * 4 * 8], logvar[2 * 4 * 8];
};

static struct made make(const struct ltm_model_config *model) {
    struct made m = {.n = (size_t)(model->latents * model->dim)};
    assert_int_equal(decoder_create(&m.decoder, model, NULL), LTM_OK);
    assert_int_equal(decoder_pass_create(&m.pass, m.decoder, 2, LENGTH, 0, NULL), LTM_OK);
    for (int i = 0; i < m.decoder->plan.table.count; i++) { /* the same for each name, whatever others there are */
        const struct weight *w = &m.decoder->plan.table.weights[i];
        uint32_t which = 0;
        for (const char *c = w->name; *c; c++) which = 31 * which + (uint32_t)*c;
        float *random = test_normal(weight_size(w), which, 0.4f);
        memcpy(m.decoder->weights + w->offset, random, weight_size(w) * sizeof *random);
        free(random);
    }
    return m;
}

static void drop(struct made *m) {
    decoder_pass_free(m->pass);
    decoder_free(m->decoder);
}

static const float *weight_of(const struct made *m, const char *name) {
    return m->decoder->weights + weights_find(&m->decoder->plan.table, name)->offset;
}

static const int32_t ids[2 * LENGTH + 1] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8};

static void a_start_is_its_twin_s(void **state) {
    (void)state;
    const struct ltm_config c = encoding(0);
    struct made m = make(&c.model);
    const int d = c.model.dim;
    const float *embedding = weight_of(&m, "tok_embeddings.weight");
    const float *gain = weight_of(&m, "encoder.norm.weight");
    const float *w1 = weight_of(&m, "encoder.w1.weight");
    const float *w2 = weight_of(&m, "encoder.w2.weight");
    const int hidden = weights_find(&m.decoder->plan.table, "encoder.w1.weight")->rows;
    decoder_begin(m.pass, ids, ids + 1, 2, LENGTH);
    assert_true(decoder_start(m.pass, m.mu, m.logvar));
    for (int g = 0; g < 2; g++) {
        double mean[8] = {0};
        double square = 0;
        double s[64];
        for (int t = 0; t < LENGTH; t++)
            for (int j = 0; j < d; j++) mean[j] += (double)embedding[ids[g * LENGTH + t] * d + j] / LENGTH;
        for (int j = 0; j < d; j++) square += mean[j] * mean[j] / d;
        for (int h = 0; h < hidden; h++) {
            double a = 0;
            for (int j = 0; j < d; j++) a += (double)w1[h * d + j] * mean[j] / sqrt(square + 1e-5) * (double)gain[j];
            s[h] = a / (1 + exp(-a));
        }
        for (size_t i = 0; i < m.n; i++) {
            double mu = 0;
            double rho = 0;
            for (int h = 0; h < hidden; h++) {
                mu += (double)w2[i * (size_t)hidden + (size_t)h] * s[h];
                rho += (double)w2[(m.n + i) * (size_t)hidden + (size_t)h] * s[h];
            }
            assert_true(fabs((double)m.mu[(size_t)g * m.n + i] - mu) < 1e-4 * (1 + fabs(mu)));
            const double logvar = -log(1 + log1p(exp(rho - 4)));
            assert_true(fabs((double)m.logvar[(size_t)g * m.n + i] - logvar) < 1e-4 * (1 + fabs(logvar)));
        }
    }
    drop(&m);
}

struct fit {
    struct made made;
    struct decoder_pass *pass;
    float nll[2 * LENGTH], scale[2];
    float *z, *mu, *logvar; /* z, and the fitted posterior */
};

/* nll under a z that stays, and scale KL(q* || q) of each sequence. */
static double distance_from_fit(void *user) {
    struct fit *f = user;
    struct made *m = &f->made;
    double sum = 0;
    decoder_begin(f->pass, ids, ids + 1, 2, LENGTH);
    decoder_score(f->pass, f->z, f->nll);
    assert_true(decoder_start(f->pass, m->mu, m->logvar));
    for (int i = 0; i < 2 * LENGTH; i++) sum += (double)f->nll[i];
    for (size_t i = 0; i < 2 * m->n; i++) {
        const double off = (double)m->mu[i] - (double)f->mu[i];
        const double variance = exp((double)m->logvar[i]);
        sum += (double)f->scale[i / m->n] * 0.5 *
               ((exp((double)f->logvar[i]) + off * off) / variance - 1 + (double)(m->logvar[i] - f->logvar[i]));
    }
    return sum;
}

struct sum_of_blocks {
    const struct weight_table *table;
    float *gradient;
};

static void take(void *user, int block, const float *gradient) {
    const struct sum_of_blocks *sum = user;
    const struct weight_block *b = &sum->table->blocks[block];
    memcpy(sum->gradient + b->begin, gradient, block_size(b) * sizeof *gradient);
}

static void a_fit_is_what_it_predicts(void **state) {
    (void)state;
    const struct ltm_config c = encoding(1);
    struct fit f = {.made = make(&c.model), .scale = {0.7f, 1.3f}};
    const struct weight_table *table = &f.made.decoder->plan.table;
    struct sum_of_blocks sum = {table, test_zeros(table->size)};
    f.z = test_normal(2 * f.made.n, 5, 1);
    f.mu = test_normal(2 * f.made.n, 6, 0.5f);
    f.logvar = test_normal(2 * f.made.n, 7, 0.3f);
    float *noise = test_normal(2 * f.made.n, 8, 1);
    float *dz = test_zeros(2 * f.made.n);
    const struct start_gradient start = {
        .noise = noise, .dz = dz, .scale = f.scale, .kl_weight = 1, .fit_mu = f.mu, .fit_logvar = f.logvar};
    assert_int_equal(decoder_pass_create(&f.pass, f.made.decoder, 2, LENGTH, 1, NULL), LTM_OK);
    decoder_begin(f.pass, ids, ids + 1, 2, LENGTH);
    decoder_give_weight_gradient(f.pass, f.z, NULL, f.nll, &start, &(struct gradient_taker){&sum, take, NULL});
    for (int i = 0; i < table->count; i++) {
        const struct weight *w = &table->weights[i];
        if (strncmp(w->name, "encoder", 7) == 0 || strncmp(w->name, "tok", 3) == 0)
            check_gradient(w->name, f.made.decoder->weights + w->offset, sum.gradient + w->offset, weight_size(w),
                           4e-3f, distance_from_fit, &f);
    }
    decoder_pass_free(f.pass);
    drop(&f.made);
    free(sum.gradient);
    free(f.z);
    free(f.mu);
    free(f.logvar);
    free(noise);
    free(dz);
}

/* A first part's start knows nothing of what comes behind it; with the same z the encoder changes no score. */
static void it_reads_what_is_fitted_alone(void **state) {
    (void)state;
    struct ltm_config c = encoding(0);
    struct made m = make(&c.model);
    int32_t other[LENGTH + 1];
    float first[4 * 8], logvar[4 * 8];
    float nll[2][2 * LENGTH];
    memcpy(other, ids, sizeof other);
    other[LENGTH - 2] = other[LENGTH - 1] = other[LENGTH] = 17;
    decoder_begin(m.pass, ids, ids + 1, 1, LENGTH - 3);
    assert_true(decoder_start(m.pass, first, logvar));
    decoder_begin(m.pass, other, other + 1, 1, LENGTH - 3);
    assert_true(decoder_start(m.pass, m.mu, m.logvar));
    assert_memory_equal(first, m.mu, sizeof first);
    decoder_begin(m.pass, other, other + 1, 1, LENGTH);
    assert_true(decoder_start(m.pass, m.mu, m.logvar));
    assert_memory_not_equal(first, m.mu, sizeof first);
    float *z = test_normal(2 * m.n, 5, 1);
    c.model.encoder = LTM_ENCODER_NONE;
    struct made plain = make(&c.model);
    decoder_begin(m.pass, ids, ids + 1, 2, LENGTH);
    decoder_score(m.pass, z, nll[0]);
    decoder_begin(plain.pass, ids, ids + 1, 2, LENGTH);
    decoder_score(plain.pass, z, nll[1]);
    assert_memory_equal(nll[0], nll[1], sizeof nll[0]);
    assert_false(decoder_start(plain.pass, m.mu, m.logvar));
    free(z);
    drop(&m);
    drop(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_is_that_of_the_bound),
        cmocka_unit_test(a_start_is_its_twin_s),
        cmocka_unit_test(a_fit_is_what_it_predicts),
        cmocka_unit_test(it_reads_what_is_fitted_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
