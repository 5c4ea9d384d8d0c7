#include "ltm/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/safetensors.h"
#include "latent/score.h"
#include "ltm/names.h"
#include "math/matmul.h"
#include "probe/prune_learn.h"
#include "text/pair_source.h"
#include "train/trained_model.h"

struct pruning {
    const struct ltm_prune_options *options;
    const struct ltm_model *model;
    const struct ltm_watch *watch;
    struct ltm_config config; /* resolved; its [fast] is that of the options */
    struct prune_matrices matrices;
    struct pair_source train, heldout[2]; /* of A; of A and B */
    struct decoder *decoder;              /* over `masked` */
    float *masked;
    struct workers workers;
    uint8_t *mask, *other; /* (prune_size) */
    float *room;           /* (2 prune_size) */
    struct sequence_score *scores;
};

struct ltm_prune_options ltm_prune_defaults(void) {
    return (struct ltm_prune_options){.keep = 0.3, .steps = 400, .batch = 32, .lr = 0.01, .random = 5, .seed = 1};
}

static ltm_status check_options(const struct ltm_prune_options *o, struct ltm_error *error) {
    if (!(o->keep > 0 && o->keep < 1)) return fail(error, LTM_INVALID, "keep = %g is outside 0 … 1", o->keep);
    if (o->steps < 1) return fail(error, LTM_INVALID, "steps = %lld is below 1", (long long)o->steps);
    if (o->batch < PRUNE_PARTS || o->batch % PRUNE_PARTS)
        return fail(error, LTM_INVALID, "batch = %d is not a multiple of %d above 0", o->batch, PRUNE_PARTS);
    if (!(o->lr > 0)) return fail(error, LTM_INVALID, "lr = %g is not above 0", o->lr);
    if (o->random < 2) return fail(error, LTM_INVALID, "random = %d masks have no spread; use 2 or more", o->random);
    return LTM_OK;
}

static ltm_status open_pairs(struct pair_source *pairs, const struct pruning *p, const char *path, enum pair_part part,
                             struct ltm_error *error) {
    const int most = p->config.model.sequence;
    const struct pair_options options = {
        .path = path, .part = part, .tokenizer = ltm_model_tokenizer(p->model), .model = &p->config.model};
    PASS_UP(pair_source_open(pairs, &options, error));
    if (pairs->too_long)
        watch_message(
            p->watch, "%lld %s pair%s of %s %s longer than model.sequence = %d and left out, the first at line %lld",
            (long long)pairs->too_long, part == PAIRS_HELDOUT ? "held-out" : "training", ltm_plural(pairs->too_long),
            path, pairs->too_long == 1 ? "is" : "are", most, (long long)pairs->first_long);
    if (pairs->pairs == 0 && pairs->too_long)
        return fail(
            error, LTM_INVALID,
            "every held-out pair of %s is longer than model.sequence = %d; give shorter ones, or a model of longer "
            "sequences",
            path, most);
    if (pairs->pairs == 0)
        return fail(error, LTM_INVALID, "%s is too small for a held-out twentieth; give more pairs", path);
    return LTM_OK;
}

static ltm_status open_files(struct pruning *p, const char *const paths[2], struct ltm_error *error) {
    if (!ltm_model_tokenizer(p->model))
        return fail(error, LTM_UNSUPPORTED,
                    "the checkpoint has no tokenizer, so it cannot read text; train on a corpus that has one");
    p->config.model.packing = LTM_PACKING_DOCUMENT; /* a pair a sequence */
    if (p->config.model.document_end == LTM_AUTO)   /* of a model whose sequences were packed */
        p->config.model.document_end = ltm_tokenizer_end(ltm_model_tokenizer(p->model));
    PASS_UP(open_pairs(&p->train, p, paths[0], PAIRS_TRAINING, error));
    for (int k = 0; k < 2; k++) {
        PASS_UP(open_pairs(&p->heldout[k], p, paths[k], PAIRS_HELDOUT, error));
        if (p->options->items) pair_source_limit(&p->heldout[k], p->options->items);
    }
    return LTM_OK;
}

static int longest(const struct pruning *p) {
    const struct pair_source *all[] = {&p->train, &p->heldout[0], &p->heldout[1]};
    int64_t most = 1;
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < all[k]->sequences; i++) {
            const int64_t length = all[k]->begins[i + 1] - all[k]->begins[i];
            if (length > most) most = length;
        }
    return (int)most;
}

static ltm_status prepare(struct pruning *p, struct ltm_error *error) {
    const struct decoder *whole = p->model->decoder;
    const int threads = p->options->threads > 0 ? p->options->threads : processors_granted("");
    const int64_t n = p->heldout[0].source.count + p->heldout[1].source.count;
    PASS_UP(prune_matrices_create(&p->matrices, &whole->plan.table, error));
    PASS_UP(NEW_ARRAY(p->masked, whole->plan.table.size, "weights", error));
    PASS_UP(NEW_ARRAY(p->mask, prune_size(&p->matrices), "masks", error));
    PASS_UP(NEW_ARRAY(p->other, prune_size(&p->matrices), "masks", error));
    PASS_UP(NEW_ARRAY(p->room, 2 * prune_size(&p->matrices), "masks", error));
    PASS_UP(NEW_ARRAY(p->scores, (size_t)n, "scores", error));
    PASS_UP(decoder_share_over(&p->decoder, whole, p->masked, error));
    p->decoder->plan.config.document_end = p->config.model.document_end;
    p->decoder->plan.config.predict = 1; /* answers are of next tokens alone */
    p->decoder->plan.config.predict_latents = 0;
    return workers_create(&p->workers, p->decoder, &p->config.fast, workers_needed(threads, PRUNE_PARTS),
                          p->options->batch / PRUNE_PARTS, longest(p), 1, error);
}

/* The model with the masked weights as they are now, on A and B. */
static ltm_status score(struct pruning *p, struct ltm_prune_score scores[2], struct ltm_error *error) {
    const struct score_options options = {
        .fast = p->config.fast, .samples = 1, .answers = true, .seed = p->options->seed};
    for (int k = 0; k < 2; k++) {
        const struct sequence_source *source = &p->heldout[k].source;
        double sums[4] = {0};
        PASS_UP(score_sequences(p->scores, &p->workers, source, &options, error));
        for (int64_t i = 0; i < source->count; i++) {
            const struct sequence_score *s = &p->scores[i];
            sums[0] += s->recon, sums[1] += s->tokens, sums[2] += s->matches, sums[3] += s->answers;
        }
        scores[k] = (struct ltm_prune_score){.loss = sums[0] / sums[1], .exact = sums[2] / sums[3]};
    }
    return LTM_OK;
}

static ltm_status score_mask(struct pruning *p, const uint8_t *mask, bool complement, struct ltm_prune_score scores[2],
                             struct ltm_error *error) {
    prune_apply(p->masked, p->model->decoder->weights, &p->matrices, mask, complement);
    return score(p, scores, error);
}

struct sums {
    double value, square;
};

static void add(struct sums *s, double x) { s->value += x, s->square += x * x; }

static double spread(const struct sums *s, int n) {
    const double squares = s->square - s->value * s->value / n;
    return squares > 0 ? sqrt(squares / (n - 1)) : 0;
}

/* Mean and standard deviation over the random masks, or their complements. */
static ltm_status score_random(struct pruning *p, bool complement, struct ltm_prune_score scores[2],
                               struct ltm_error *error) {
    struct sums loss[2] = {0};
    struct sums exact[2] = {0};
    const int n = p->options->random;
    for (int i = 0; i < n; i++) {
        struct ltm_prune_score one[2];
        prune_random(p->other, &p->matrices, p->mask, p->options->seed, i, p->room);
        PASS_UP(score_mask(p, p->other, complement, one, error));
        for (int k = 0; k < 2; k++) add(&loss[k], one[k].loss), add(&exact[k], one[k].exact);
    }
    for (int k = 0; k < 2; k++)
        scores[k] =
            (struct ltm_prune_score){loss[k].value / n, exact[k].value / n, spread(&loss[k], n), spread(&exact[k], n)};
    return LTM_OK;
}

static ltm_status score_all(struct pruning *p, struct ltm_prune_result *result, struct ltm_error *error) {
    memcpy(p->masked, p->model->decoder->weights, p->matrices.table->size * sizeof(float));
    PASS_UP(score(p, result->scores[LTM_PRUNE_WHOLE], error));
    PASS_UP(score_mask(p, p->mask, false, result->scores[LTM_PRUNE_MASK], error));
    PASS_UP(score_mask(p, p->mask, true, result->scores[LTM_PRUNE_COMPLEMENT], error));
    PASS_UP(score_random(p, false, result->scores[LTM_PRUNE_RANDOM], error));
    PASS_UP(score_random(p, true, result->scores[LTM_PRUNE_RANDOM_COMPLEMENT], error));
    prune_magnitudes(p->room, p->model->decoder->weights, &p->matrices, 1);
    prune_select(p->other, p->room, prune_size(&p->matrices), (size_t)result->kept, p->room + prune_size(&p->matrices));
    prune_overlap(&result->start_overlap, &result->start_chance, &p->matrices, p->mask, p->other);
    return score_mask(p, p->other, false, result->scores[LTM_PRUNE_START], error);
}

static ltm_status describe(struct pruning *p, struct ltm_prune_result *result, struct ltm_error *error) {
    const struct prune_matrices *m = &p->matrices;
    PASS_UP(NEW_ARRAY(result->matrices, (size_t)m->count, "masks", error));
    result->matrix_count = m->count;
    for (int k = 0; k < m->count; k++) {
        struct ltm_prune_matrix *row = &result->matrices[k];
        memcpy(row->name, m->table->weights[m->rows[k]].name, sizeof row->name);
        row->weights = (int64_t)(m->begins[k + 1] - m->begins[k]);
        row->kept = prune_kept(m, p->mask, k);
        result->weights += row->weights;
        result->kept += row->kept;
    }
    for (int k = 0; k < 2; k++) result->pairs[k] = p->heldout[k].source.count;
    return LTM_OK;
}

ltm_status ltm_prune(const struct ltm_model *model, const char *a, const char *b,
                     const struct ltm_prune_options *options, const struct ltm_watch *watch,
                     struct ltm_prune_result *result, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct pruning p = {.options = options, .model = model, .watch = watch, .config = *ltm_model_config(model)};
    *result =
        (struct ltm_prune_result){.overlap = NAN, .overlap_chance = NAN, .start_overlap = NAN, .start_chance = NAN};
    if (options->fast) p.config.fast = *options->fast;
    ltm_config_resolve(&p.config);
    TRY(matmul_start(error));
    TRY(check_options(options, error));
    if (options->mask) TRY(safetensors_check_place(options->mask, MASK_FORMAT, "--mask", "mask", error));
    TRY(decoder_expect_fitted(model->decoder, "ltm probe --prune", error));
    TRY(open_files(&p, (const char *const[2]){a, b}, error));
    TRY(prepare(&p, error));
    if (options->mask) TRY(file_try(options->mask, error)); /* before the work */
    if (options->against) TRY(prune_read(p.other, options->against, &p.matrices, error));
    pair_source_train(&p.train, options->seed);
    const struct prune_learning learning = {p.decoder,  model->decoder->weights, p.masked,       &p.matrices,
                                            &p.workers, &p.train.source,         &p.config.fast, watch};
    TRY(prune_learn(p.mask, &learning, options, error));
    if (options->against) prune_overlap(&result->overlap, &result->overlap_chance, &p.matrices, p.mask, p.other);
    TRY(describe(&p, result, error));
    TRY(score_all(&p, result, error));
    if (options->mask) TRY(prune_write(options->mask, &p.matrices, p.mask, error));
cleanup:
    workers_free(&p.workers);
    decoder_free(p.decoder);
    pair_source_free(&p.train);
    for (int k = 0; k < 2; k++) pair_source_free(&p.heldout[k]);
    prune_matrices_free(&p.matrices);
    free(p.masked);
    free(p.mask);
    free(p.other);
    free(p.room);
    free(p.scores);
    if (status != LTM_OK) ltm_prune_result_free(result);
    return status;
}

void ltm_prune_result_free(struct ltm_prune_result *result) {
    free(result->matrices);
    *result = (struct ltm_prune_result){0};
}
