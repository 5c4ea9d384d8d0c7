#include "lab/report_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/files.h"
#include "base/json.h"
#include "lab/format_numbers.h"
#include "lab/html.h"
#include "ltm/inspect.h"
#include "ltm/train.h"

enum { CURVE_POINTS = 400 };

/* Of slow.objective = dpo. */
static bool compares(const struct run_curve *c) { return c->steps && isfinite(c->step[0].margin); }

static void add_heldout(struct picture *picture, const struct run_curve *c) {
    struct picture_series *s =
        picture_add(picture, PICTURE_LINES_POINTS, 2, compares(c) ? "held-out loss" : "held-out bound");
    for (size_t i = 0; i < c->scores && compares(c); i++) picture_point(s, c->score[i].tokens, c->score[i].loss, NAN);
    for (size_t i = 0; i < c->scores; i++)
        picture_point(s, c->score[i].tokens, c->score[i].bound, c->score[i].bound_error);
    s = picture_add(picture, PICTURE_LINES_POINTS, 3, "of averaged weights");
    for (size_t i = 0; i < c->scores; i++) {
        const struct curve_score *score = &c->score[i];
        picture_point(s, score->tokens, compares(c) ? score->ema_loss : score->ema_bound, NAN);
    }
    for (int k = 0; k < c->corpora; k++) {
        s = picture_add(picture, PICTURE_LINES_POINTS, 4 + k % (PICTURE_COLOURS - 4), "of %s", c->corpus[k]);
        for (size_t i = 0; i < c->scores; i++)
            picture_point(s, c->score[i].tokens, c->score[i].each.bound[k], c->score[i].each.error[k]);
    }
}

static bool has_kl(const struct run_curve *c) {
    for (size_t i = 0; i < c->steps; i++)
        if (c->step[i].kl > 0) return true;
    return false;
}

static ltm_status loss_picture(struct report *report, const struct run_curve *c, const char *prefix, bool all,
                               struct ltm_error *error) {
    struct picture p;
    char id[64];
    snprintf(id, sizeof id, "%sloss", prefix);
    picture_begin(&p, id, "Loss", "training tokens", compares(c) ? "nats a pair" : "nats a token");
    snprintf(p.caption, sizeof p.caption,
             "What the slow steps minimised, and %s%s. Steps are averaged to at most %d points.",
             compares(c) ? "the same on held-out pairs"
             : c->scores ? "the bound on held-out text with its standard error"
                         : "the bound on held-out text",
             c->corpora ? ", of each corpus and their mean by share of the training tokens" : "", CURVE_POINTS);
    p.small = !all;
    struct picture_series *s = picture_add(&p, PICTURE_LINES, 1, "training loss");
    for (size_t i = 0; i < c->steps; i++) picture_point(s, c->step[i].tokens, c->step[i].loss, NAN);
    if (c->scores) add_heldout(&p, c);
    return report_picture(report, &p, error);
}

/* One quantity of the steps over tokens. */
struct quantity {
    const char *id, *title, *label, *caption;
    size_t offset;
    double scale;
    bool log_y;
};

static ltm_status step_picture(struct report *report, const struct run_curve *c, const char *prefix,
                               const struct quantity *q, struct ltm_error *error) {
    struct picture p;
    char id[64];
    snprintf(id, sizeof id, "%s%s", prefix, q->id);
    picture_begin(&p, id, q->title, "training tokens", q->label);
    const bool zero = q->log_y && c->steps > 0 && *(const double *)((const char *)&c->step[0] + q->offset) == 0;
    snprintf(p.caption, sizeof p.caption, "%s%s", q->caption,
             zero ? " The first point is left out: it is exactly 0, which a logarithmic axis cannot show." : "");
    p.small = true;
    p.log_y = q->log_y;
    struct picture_series *s = picture_add(&p, PICTURE_LINES, 1, "%s", q->label);
    for (size_t i = 0; i < c->steps; i++)
        picture_point(s, c->step[i].tokens, q->scale * *(const double *)((const char *)&c->step[i] + q->offset), NAN);
    return report_picture(report, &p, error);
}

ltm_status report_curves(struct report *report, const struct run_curve *curve, const char *prefix, bool all,
                         struct ltm_error *error) {
    static const struct quantity quantities[] = {
        {"kl", "KL", "KL, nats a token",
         "KL of the fitted posteriors from the prior on the training batch: the information in the latents.",
         offsetof(struct curve_step, kl), 1, true},
        {"rate", "Rate", "learning rate of the slow steps", "The learning rate of AdamW on the decoder's weights.",
         offsetof(struct curve_step, lr), 1, false},
        {"gradient", "Gradient", "norm of the gradient", "Global norm of the weights' gradient, before clipping.",
         offsetof(struct curve_step, grad_norm), 1, true},
        {"speed", "Speed", "tokens a second", "Training tokens per second, fast and slow steps included.",
         offsetof(struct curve_step, tokens_per_second), 1, false},
        {"utilisation", "Utilisation", "share of the matrix peak, %",
         "Useful operations relative to the measured matrix speed.", offsetof(struct curve_step, utilisation), 100,
         false}};
    static const struct quantity of_preferences[] = {
        {"margin", "Margin", "margin", "The gain of the chosen answer over the rejected one, times slow.dpo_beta.",
         offsetof(struct curve_step, margin), 1, false},
        {"accuracy", "Accuracy", "pairs with a margin above 0, %",
         "Training pairs whose chosen answer has gained more.", offsetof(struct curve_step, accuracy), 100, false},
        {"chosen", "Chosen", "log p of the chosen answer, nats", "It can fall while the margin grows.",
         offsetof(struct curve_step, chosen), 1, false},
        {"rejected", "Rejected", "log p of the rejected answer, nats", "It should fall.",
         offsetof(struct curve_step, rejected), 1, false}};
    ltm_status status = loss_picture(report, curve, prefix, all, error);
    for (size_t i = 0; all && status == LTM_OK && i < sizeof quantities / sizeof quantities[0]; i++)
        if (i > 0 || has_kl(curve)) status = step_picture(report, curve, prefix, &quantities[i], error);
    for (size_t i = 0;
         all && compares(curve) && status == LTM_OK && i < sizeof of_preferences / sizeof of_preferences[0]; i++)
        status = step_picture(report, curve, prefix, &of_preferences[i], error);
    return status;
}

static void put_configuration(struct report *report, const json_t *configuration) {
    const char *key;
    json_t *value;
    report_heading(report, "configuration", "Configuration");
    fputs("<div class=\"scroll wide\"><table><thead><tr><th scope=\"col\" class=\"text\">key</th><th scope=\"col\" "
          "class=\"text\">value</th></tr></thead>\n<tbody>\n",
          report->out);
    json_object_foreach((json_t *)configuration, key, value) {
        fputs("<tr>", report->out);
        html_text_cell(report->out, key);
        if (json_is_string(value))
            html_text_cell(report->out, json_string_value(value));
        else {
            char text[64];
            snprintf(text, sizeof text, "%.12g", json_number_value(value));
            html_text_cell(report->out, text);
        }
        fputs("</tr>\n", report->out);
    }
    fputs("</tbody></table></div>\n", report->out);
}

static void put_key_figures(struct report *report, const struct run_curve *c, const json_t *run) {
    char text[FORMAT_WITH_ERROR];
    const struct curve_score *best = run_curve_best(c);
    const struct curve_step *last = c->steps ? &c->step[c->steps - 1] : NULL;
    const bool averaged = best && best->ema_bound < best->bound;
    fputs("<dl class=\"figures\">\n", report->out);
    if (best) {
        report_figure(report,
                      averaged ? "best held-out bound, of averaged weights, nats a token"
                               : "best held-out bound, nats a token",
                      "%s", format_with_error(text, curve_bound(best), averaged ? NAN : best->bound_error));
        if (isfinite(curve_bits(best)))
            report_figure(report, "bits a byte", "%s", format_score(text, curve_bits(best)));
        if (averaged)
            report_figure(report, "of the weights themselves", "%s",
                          format_with_error(text, best->bound, best->bound_error));
        else
            report_figure(report, "of it KL", "%s", format_score(text, best->kl));
        if (isfinite(best->carried))
            report_figure(report, "of it carried, against the same weights with nothing carried", "%s",
                          format_with_error(text, best->carried, best->carried_error));
        if (isfinite(best->exact_match))
            report_figure(report, "exact match of held-out answers, %", "%s",
                          format_score(text, 100 * best->exact_match));
        report_figure(report, "at slow step", "%.15g", best->step);
        for (int k = 0; k < c->corpora; k++) {
            char label[CURVE_NAME + 8];
            snprintf(label, sizeof label, "then of %s", c->corpus[k]);
            report_figure(report, label, "%s", format_with_error(text, best->each.bound[k], best->each.error[k]));
        }
    }
    if (compares(c) && c->scores) {
        const struct curve_score *score = &c->score[c->scores - 1];
        report_figure(report, "held-out loss at the end, nats a pair", "%s", format_score(text, score->loss));
        report_figure(report, "held-out pairs with a margin above 0, %", "%s",
                      format_score(text, 100 * score->accuracy));
        report_figure(report, "held-out margin", "%s", format_score(text, score->margin));
        report_figure(report, "log p of held-out chosen answers, nats", "%s", format_score(text, score->chosen));
        report_figure(report, "… of rejected ones", "%s", format_score(text, score->rejected));
    }
    if (last) {
        const char *kind = json_string_value(json_object_get(json_object_get(run, "configuration"), "model.kind"));
        const bool solves = kind && strcmp(kind, "solver") == 0;
        report_figure(report, solves ? "training cells" : "training tokens", "%s", format_quantity(text, last->tokens));
        report_figure(report, "slow steps", "%.15g", last->step);
        report_figure(report, solves ? "cells a second" : "tokens a second", "%s",
                      format_quantity(text, last->tokens_per_second));
        report_figure(report, "trained for, s", "%.15g", round(last->seconds));
    }
    const json_t *parameters = json_object_get(run, "parameters");
    if (parameters) report_figure(report, "parameters", "%s", format_quantity(text, json_number_value(parameters)));
    const json_t *recurrent = json_object_get(run, "parameters_recurrent");
    if (recurrent) report_figure(report, "of them looped", "%s", format_quantity(text, json_number_value(recurrent)));
    fputs("</dl>\n", report->out);
    const double uniform =
        log(json_number_value(json_object_get(json_object_get(run, "configuration"), "model.vocab")));
    if (best && curve_bound(best) > uniform)
        report_note(report,
                    "The best bound is worse than ln V = %s, the loss of a uniform guess over V "
                    "tokens: the model has learned nothing that carries over to this text.",
                    format_score(text, uniform));
    if (last && last->recon > LTM_ABOVE_UNIFORM * uniform)
        report_note(report,
                    "Training diverged: its last loss, %s, is above ln V = %s, the loss of a "
                    "uniform guess. Try a lower slow.lr.",
                    format_score(text, last->recon), format_score(text + FORMAT_NUMBER, uniform));
}

/* The description of the run by ltm inspect; NULL if there is none, for example with a damaged checkpoint. */
static ltm_status inspect(json_t **run, const char *folder, struct ltm_error *error) {
    char *text = NULL;
    struct ltm_error inner = {0};
    ltm_status status = ltm_inspect(folder, &text, &inner);
    *run = NULL;
    if (status == LTM_OK) status = json_read(run, text, strlen(text), 0, &inner);
    free(text);
    return status == LTM_IO || status == LTM_MEMORY ? fail_with(error, &inner) : LTM_OK;
}

ltm_status report_run(struct report *report, struct ltm_error *error) {
    struct run_curve curve = {0};
    char path[LTM_PATH_MAX];
    ltm_status status = path_join(path, sizeof path, report->folder, "log.jsonl", error);
    if (status == LTM_OK) status = run_curve_read(&curve, path, error);
    if (status != LTM_OK) return status;
    json_t *run;
    if ((status = inspect(&run, report->folder, error)) != LTM_OK) {
        run_curve_free(&curve);
        return status;
    }
    report_begin(report, "ltm run");
    put_key_figures(report, &curve, run);
    run_curve_thin(&curve, CURVE_POINTS);
    if (!report->result->gnuplot) report_without_pictures(report);
    status = report_puzzles(report, &curve, error);
    report_heading(report, "curves", "Training");
    if (status == LTM_OK) status = report_curves(report, &curve, "", true, error);
    if (json_is_object(json_object_get(run, "configuration")))
        put_configuration(report, json_object_get(run, "configuration"));
    html_end(report->out);
    json_decref(run);
    run_curve_free(&curve);
    return status;
}
