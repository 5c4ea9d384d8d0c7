#include "lab/run_curve.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static double number(const json_t *line, const char *key) {
    const json_t *value = json_object_get(line, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Room for one more of `size` bytes. */
static ltm_status grow(void **array, size_t count, size_t *room, size_t size, struct ltm_error *error) {
    if (count < *room) return LTM_OK;
    const size_t more = *room ? 2 * *room : 256;
    void *grown = realloc(*array, more * size);
    if (!grown) return fail_memory(error, more * size, "training curves");
    *array = grown;
    *room = more;
    return LTM_OK;
}

static ltm_status take(struct run_curve *c, const json_t *line, struct ltm_error *error) {
    ltm_status status;
    if (json_is_true(json_object_get(line, "heldout"))) {
        if ((status = grow((void **)&c->score, c->scores, &c->score_room, sizeof *c->score, error)) != LTM_OK)
            return status;
        c->score[c->scores++] = (struct curve_score){
            number(line, "step"), number(line, "tokens"), number(line, "seconds"),    number(line, "recon"),
            number(line, "kl"),   number(line, "bound"),  number(line, "bound_error")};
        return LTM_OK;
    }
    if ((status = grow((void **)&c->step, c->steps, &c->step_room, sizeof *c->step, error)) != LTM_OK) return status;
    c->step[c->steps++] =
        (struct curve_step){number(line, "step"),       number(line, "tokens"),    number(line, "seconds"),
                            number(line, "loss"),       number(line, "recon"),     number(line, "kl"),
                            number(line, "lr"),         number(line, "grad_norm"), number(line, "tokens_per_second"),
                            number(line, "utilisation")};
    return LTM_OK;
}

ltm_status run_curve_read(struct run_curve *curve, const char *path, struct ltm_error *error) {
    char *text = NULL;
    size_t room = 0;
    ltm_status status = LTM_OK;
    *curve = (struct run_curve){0};
    FILE *f = fopen(path, "re");
    if (!f) return fail(error, LTM_IO, "cannot read %s: %s", path, strerror(errno));
    while (status == LTM_OK && getline(&text, &room, f) > 0) {
        json_t *line = json_loads(text, 0, NULL);
        if (json_is_object(line))
            status = take(curve, line, error);
        else
            curve->broken++;
        json_decref(line);
    }
    if (status == LTM_OK && ferror(f)) status = fail(error, LTM_IO, "cannot read %s: %s", path, strerror(errno));
    fclose(f);
    free(text);
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
        double *const field[] = {&mean.loss,       &mean.recon, &mean.kl, &mean.grad_norm, &mean.tokens_per_second,
                                 &mean.utilisation};
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
