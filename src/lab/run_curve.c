#include "lab/run_curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/files.h"
#include "base/json.h"
#include "base/memory.h"

enum { LINE_MOST = 1 << 16 }; /* bytes; a line of ours is far shorter */

static double number(const json_t *line, const char *key) {
    const json_t *value = json_object_get(line, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static struct curve_corpora take_corpora(struct run_curve *c, const json_t *corpora) {
    struct curve_corpora each;
    const size_t count = json_array_size(corpora);
    if (count > 0) c->corpora = count < LTM_CORPORA_MOST ? (int)count : LTM_CORPORA_MOST;
    for (int k = 0; k < LTM_CORPORA_MOST; k++) {
        const json_t *one = json_array_get(corpora, (size_t)k);
        const char *name = json_string_value(json_object_get(one, "corpus"));
        const size_t length = name ? strlen(name) : 0;
        if (name) snprintf(c->corpus[k], CURVE_NAME, "%s", length < CURVE_NAME ? name : name + length - CURVE_NAME + 1);
        each.bound[k] = number(one, "bound");
        each.error[k] = number(one, "bound_error");
    }
    return each;
}

static ltm_status take(struct run_curve *c, const json_t *line, struct ltm_error *error) {
    if (json_is_true(json_object_get(line, "heldout"))) {
        PASS_UP(GROW_ARRAY(c->score, c->score_room, c->scores + 1, "training curves", error));
        c->score[c->scores++] = (struct curve_score){
            .step = number(line, "step"),
            .tokens = number(line, "tokens"),
            .seconds = number(line, "seconds"),
            .recon = number(line, "recon"),
            .kl = number(line, "kl"),
            .bound = number(line, "bound"),
            .bound_error = number(line, "bound_error"),
            .ema_bound = number(line, "ema_bound"),
            .ema_loss = number(line, "ema_loss"),
            .bits_per_byte = number(line, "bits_per_byte"),
            .exact_match = number(line, "exact_match"),
            .exact = number(line, "exact"),
            .exact_error = number(line, "exact_error"),
            .each = take_corpora(c, json_object_get(line, "corpora")),
            .carried = number(line, "carried"),
            .carried_error = number(line, "carried_error"),
            .loss = number(line, "loss"),
            .chosen = number(line, "chosen"),
            .rejected = number(line, "rejected"),
            .margin = number(line, "margin"),
            .accuracy = number(line, "accuracy"),
        };
        return LTM_OK;
    }
    PASS_UP(GROW_ARRAY(c->step, c->step_room, c->steps + 1, "training curves", error));
    c->step[c->steps++] =
        (struct curve_step){number(line, "step"),        number(line, "tokens"),    number(line, "seconds"),
                            number(line, "loss"),        number(line, "recon"),     number(line, "kl"),
                            number(line, "lr"),          number(line, "grad_norm"), number(line, "tokens_per_second"),
                            number(line, "utilisation"), number(line, "chosen"),    number(line, "rejected"),
                            number(line, "margin"),      number(line, "accuracy")};
    return LTM_OK;
}

double curve_bound(const struct curve_score *score) {
    return fmin(score->bound, score->ema_bound);
} /* of NaN the other */

double curve_error(const struct curve_score *score) {
    return score->ema_bound < score->bound ? NAN : score->bound_error;
}

double curve_bits(const struct curve_score *score) { return score->bits_per_byte * curve_bound(score) / score->bound; }

const struct curve_score *run_curve_best(const struct run_curve *c) {
    const struct curve_score *best = NULL;
    for (size_t i = 0; i < c->scores; i++)
        if (isfinite(curve_bound(&c->score[i])) && (!best || curve_bound(&c->score[i]) < curve_bound(best)))
            best = &c->score[i];
    return best;
}

ltm_status run_curve_read(struct run_curve *curve, const char *path, struct ltm_error *error) {
    struct file_map map;
    *curve = (struct run_curve){0};
    ltm_status status = file_map(&map, path, error);
    if (status != LTM_OK) return status;
    const char *text = map.data ? (const char *)map.data : "";
    const char *end = text + map.size;
    for (const char *next; text < end && status == LTM_OK; text = next + 1) {
        next = memchr(text, '\n', (size_t)(end - text));
        if (!next) next = end;
        const size_t bytes = (size_t)(next - text);
        json_t *line = NULL;
        if (bytes < LINE_MOST) status = json_read(&line, text, bytes, 0, error);
        if (status == LTM_CORRUPT) status = LTM_OK;
        if (json_is_object(line))
            status = take(curve, line, error);
        else if (status == LTM_OK)
            curve->broken++;
        json_decref(line);
    }
    file_unmap(&map);
    if (status != LTM_OK) run_curve_free(curve);
    return status;
}

void run_curve_free(struct run_curve *curve) {
    free(curve->step);
    free(curve->score);
    *curve = (struct run_curve){0};
}

void run_curve_thin(struct run_curve *curve, size_t most) {
    const size_t each = (curve->steps + most - 1) / most;
    size_t kept = 0;
    if (each < 2) return;
    for (size_t first = 0; first < curve->steps; first += each) {
        const size_t last = first + each < curve->steps ? first + each : curve->steps;
        struct curve_step mean = curve->step[last - 1];
        double *const field[] = {
            &mean.loss,        &mean.recon,  &mean.kl,       &mean.grad_norm, &mean.tokens_per_second,
            &mean.utilisation, &mean.chosen, &mean.rejected, &mean.margin,    &mean.accuracy};
        for (size_t k = 0; k < sizeof field / sizeof field[0]; k++) {
            const size_t offset = (size_t)((char *)field[k] - (char *)&mean);
            double sum = 0;
            for (size_t i = first; i < last; i++) sum += *(double *)((char *)&curve->step[i] + offset);
            *field[k] = sum / (double)(last - first);
        }
        curve->step[kept++] = mean;
    }
    curve->steps = kept;
}
