/* The page of several runs: their curves in one picture, their differing settings, their scores and differences. */
#include "lab/report_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "lab/format_numbers.h"
#include "lab/headroom.h"
#include "lab/html.h"
#include "lab/paired.h"
#include "ltm/model.h"

enum { CURVE_POINTS = 400 };

struct run {
    const char *folder, *name; /* name: the folder's last part, or the whole path if another run has the same */
    struct run_curve curve;
    struct ltm_config config;
    bool configured;
    const struct curve_score *best; /* NULL if held-out text was never scored */
};

static ltm_status open_run(struct run *run, const char *folder, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    run->folder = folder;
    PASS_UP(path_join(path, sizeof path, folder, "log.jsonl", error));
    if (!file_exists(path))
        return fail(error, LTM_INVALID, "%s contains no log.jsonl of a run; compare several runs, or report one study",
                    folder);
    PASS_UP(run_curve_read(&run->curve, path, error));
    run->best = run_curve_best(&run->curve);
    PASS_UP(path_join(path, sizeof path, folder, "config.ini", error));
    ltm_config_defaults(&run->config);
    struct ltm_error inner;
    const ltm_status status = file_exists(path) ? ltm_config_load(&run->config, path, &inner) : LTM_INVALID;
    run->configured = status == LTM_OK;
    return status == LTM_IO || status == LTM_MEMORY ? fail_with(error, &inner) : LTM_OK;
}

/* ---- Curves ---- */

/* Of solvers; a picture without points is left out. */
static ltm_status put_solved(struct report *report, const struct run *runs, int count, struct ltm_error *error) {
    struct picture p;
    picture_begin(&p, "solved", "Solved by training time", "seconds of slow steps", "held-out puzzles whole, %");
    snprintf(p.caption, sizeof p.caption, "Held-out puzzles that are right in all cells behind all steps.");
    for (int r = 0; r < count; r++) {
        struct picture_series *s = picture_add(&p, PICTURE_LINES_POINTS, 1 + r, "%s", runs[r].name);
        for (size_t i = 0; i < runs[r].curve.scores; i++)
            picture_point(s, runs[r].curve.score[i].seconds, 100 * runs[r].curve.score[i].exact,
                          100 * runs[r].curve.score[i].exact_error);
    }
    return report_picture(report, &p, error);
}

static ltm_status put_curves(struct report *report, struct run *runs, int count, struct ltm_error *error) {
    struct picture p;
    report_heading(report, "curves", "Training");
    picture_begin(&p, "bound", "Held-out bound", "training tokens", "bound, nats a token");
    snprintf(p.caption, sizeof p.caption,
             "With standard errors, which come mostly from the text and are shared by runs on the same text. With "
             "averaged weights (slow.ema), the lower bound of the two.");
    for (int r = 0; r < count; r++) {
        struct picture_series *s = picture_add(&p, PICTURE_LINES_POINTS, 1 + r, "%s", runs[r].name);
        for (size_t i = 0; i < runs[r].curve.scores; i++)
            picture_point(s, runs[r].curve.score[i].tokens, curve_bound(&runs[r].curve.score[i]),
                          curve_error(&runs[r].curve.score[i]));
    }
    PASS_UP(report_picture(report, &p, error));
    PASS_UP(put_solved(report, runs, count, error));
    picture_begin(&p, "loss", "Training loss", "training tokens", "nats a token");
    snprintf(p.caption, sizeof p.caption, "Steps are averaged to at most %d points.", CURVE_POINTS);
    for (int r = 0; r < count; r++) {
        struct picture_series *s = picture_add(&p, PICTURE_LINES, 1 + r, "%s", runs[r].name);
        run_curve_thin(&runs[r].curve, CURVE_POINTS);
        for (size_t i = 0; i < runs[r].curve.steps; i++)
            picture_point(s, runs[r].curve.step[i].tokens, runs[r].curve.step[i].loss, NAN);
    }
    return report_picture(report, &p, error);
}

/* ---- Scores ---- */

/* Best bound of a run minus that of the first. */
static struct ltm_score difference(struct report *report, const struct run *run, const struct run *first,
                                   bool *paired) {
    struct paired pairs = {.failed = &report->failed};
    paired_add(&pairs, run->folder, "sequences", "bound", 1);
    paired_add(&pairs, first->folder, "sequences", "bound", -1);
    struct ltm_score d = paired_finish(&pairs);
    *paired = isfinite(d.error);
    if (!*paired && run->best && first->best)
        d = (struct ltm_score){curve_bound(run->best) - curve_bound(first->best),
                               hypot(curve_error(run->best), curve_error(first->best))};
    return d;
}

static void put_scores(struct report *report, const struct run *runs, int count) {
    FILE *f = report->out;
    char text[FORMAT_WITH_ERROR];
    bool all_paired = true;
    report_heading(report, "scores", "Scores");
    fputs(
        "<div class=\"scroll wide\"><table><thead><tr><th scope=\"col\" class=\"text\">run</th><th scope=\"col\">best "
        "held-out bound, nats a token</th><th scope=\"col\">bits a byte</th><th scope=\"col\">from the first</th><th scope=\"col\">at slow step</th><th "
        "scope=\"col\">tokens</th><th scope=\"col\">parameters</th></tr></thead>\n<tbody>\n",
        f);
    for (int r = 0; r < count; r++) {
        const struct run *run = &runs[r];
        const bool known = run->configured && run->config.model.vocab > 0;
        bool paired = true;
        fputs("<tr>", f);
        html_text_cell(f, run->name);
        html_print(f, "<td>%s</td>",
                   format_with_error(text, run->best ? curve_bound(run->best) : NAN,
                                     run->best ? curve_error(run->best) : NAN));
        html_number_cell(f, run->best ? curve_bits(run->best) : NAN, 5);
        const struct ltm_score d = r ? difference(report, run, &runs[0], &paired) : (struct ltm_score){NAN, NAN};
        html_print(f, "<td>%s%s</td>", r ? format_with_error(text, d.mean, d.error) : "", paired ? "" : " *");
        all_paired = all_paired && paired;
        html_number_cell(f, run->best ? run->best->step : NAN, 6);
        html_number_cell(f, run->curve.steps ? run->curve.step[run->curve.steps - 1].tokens : NAN, 6);
        html_number_cell(f, known ? (double)ltm_parameter_count(&run->config.model) : NAN, 6);
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
    report_note(report, "%s", paired_note(all_paired));
}

/* The same plain decoder on the same tokens, once with a window and once with full attention. */
static bool are_twins(const struct run *windowed, const struct run *full) {
    struct ltm_config of_window = windowed->config;
    const struct ltm_config *c = &full->config;
    of_window.model.window = c->model.sequence;
    return windowed->configured && full->configured && c->model.latents == 0 && c->model.window == c->model.sequence &&
           windowed->config.model.window < c->model.window && of_window.run.tokens == c->run.tokens &&
           strcmp(of_window.data.corpus, c->data.corpus) == 0 &&
           ltm_parameter_count(&of_window.model) == ltm_parameter_count(&c->model) &&
           ltm_forward_flops(&of_window.model) == ltm_forward_flops(&c->model);
}

static void put_headroom(struct report *report, const struct run *runs, int count) {
    char text[HEADROOM_INTERVAL];
    bool paired;
    for (int w = 0; w < count; w++)
        for (int f = 0; f < count; f++) {
            if (!are_twins(&runs[w], &runs[f])) continue;
            const struct ltm_score d = difference(report, &runs[w], &runs[f], &paired);
            report_note(report, "Headroom, %s less %s, at equal tokens: %s nats a token; %s.", runs[w].name,
                        runs[f].name, headroom_interval(text, d.mean, d.error), headroom_meaning(d.mean, d.error));
        }
}

/* ---- Settings ---- */

static void put_settings(struct report *report, const struct run *runs, int count) {
    FILE *f = report->out;
    size_t keys_count;
    const struct ltm_config_key *keys = ltm_config_keys(&keys_count);
    char first[LTM_PATH_MAX];
    char value[LTM_PATH_MAX];
    report_heading(report, "settings", "Settings that differ");
    fputs("<div class=\"scroll wide\"><table><thead><tr><th scope=\"col\" class=\"text\">key</th>", f);
    for (int r = 0; r < count; r++) html_print(f, "<th scope=\"col\" class=\"text\">%s</th>", runs[r].name);
    fputs("</tr></thead>\n<tbody>\n", f);
    for (size_t k = 0; k < keys_count; k++) {
        bool same = true;
        ltm_config_get(&runs[0].config, keys[k].name, first, sizeof first, NULL);
        for (int r = 1; r < count; r++) {
            ltm_config_get(&runs[r].config, keys[k].name, value, sizeof value, NULL);
            same = same && strcmp(first, value) == 0;
        }
        if (same || strcmp(keys[k].name, "run.dir") == 0) continue;
        fputs("<tr>", f);
        html_text_cell(f, keys[k].name);
        for (int r = 0; r < count; r++) {
            ltm_config_get(&runs[r].config, keys[k].name, value, sizeof value, NULL);
            html_text_cell(f, runs[r].configured ? value : "");
        }
        fputs("</tr>\n", f);
    }
    fputs("</tbody></table></div>\n", f);
    for (int r = 0; r < count; r++)
        if (!runs[r].configured) report_note(report, "%s has no readable config.ini.", runs[r].name);
}

ltm_status report_runs(struct report *report, const char *const *folders, int count, struct ltm_error *error) {
    struct run *runs = NULL;
    ltm_status status;
    TRY(NEW_ARRAY(runs, (size_t)count, "runs", error));
    for (int r = 0; r < count; r++) {
        TRY(open_run(&runs[r], folders[r], error));
        runs[r].name = report_name(folders, count, r);
    }
    html_begin(report->out, "Runs", "ltm runs", 0);
    put_scores(report, runs, count);
    put_headroom(report, runs, count);
    put_settings(report, runs, count);
    if (!report->result->gnuplot) report_without_pictures(report);
    TRY(put_curves(report, runs, count, error));
    html_end(report->out);
cleanup:
    for (int r = 0; runs && r < count; r++) run_curve_free(&runs[r].curve);
    free(runs);
    return status;
}
