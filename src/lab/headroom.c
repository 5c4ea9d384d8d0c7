#include "lab/headroom.h"

#include <math.h>
#include <string.h>

#include "lab/format_numbers.h"
#include "lab/html.h"
#include "lab/paired.h"
#include "lab/study_differences.h"

static const char *const columns[] = {"headroom_tokens", "headroom_compute"};

/* ---- Of cells ---- */

static double column_of(const struct study_cell *cell, const char *name) {
    const json_t *value = json_object_get(json_object_get(cell->result, "columns"), name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool is_full(const struct study_cell *cell) { return cell->config.model.window == cell->config.model.sequence; }

static double training_flops(const struct study_cell *cell) { return cell->flops_per_token * (double)cell->tokens; }

/* Whether `full` has, by column k, the tokens or the compute of the decoder with the window: the latter as close as
 * whole slow steps allow. */
static bool is_level(const struct study_cell *windowed, const struct study_cell *full, int k) {
    const struct ltm_config *c = &full->config;
    const double step = full->flops_per_token * c->slow.batch * c->model.sequence;
    const double asked = windowed->budget_flops > 0 ? windowed->budget_flops : training_flops(windowed);
    return k == 0 ? full->tokens == windowed->tokens : fabs(training_flops(full) - asked) <= 0.51 * step;
}

static void put_headroom(const struct study_cell *windowed, const struct study_cell *full, int k) {
    char name[48];
    struct paired pairs = {.failed = NULL};
    json_t *to = json_object_get(windowed->result, "columns");
    paired_add(&pairs, windowed->config.run.dir, "scores", "bound", 1);
    paired_add(&pairs, full->config.run.dir, "scores", "bound", -1);
    double error = paired_finish(&pairs).error;
    if (!isfinite(error)) error = hypot(column_of(windowed, "bound_stderr"), column_of(full, "bound_stderr"));
    json_object_set_new(to, columns[k], json_real(column_of(windowed, "bound") - column_of(full, "bound")));
    snprintf(name, sizeof name, "%s_stderr", columns[k]);
    if (isfinite(error)) json_object_set_new(to, name, json_real(error));
}

void headroom_columns(struct ltm_study *s) {
    for (size_t i = 0; i < s->cell_count; i++) {
        const struct study_cell *a = &s->cells[i];
        if (!a->decoder[0] || is_full(a) || !isfinite(column_of(a, "bound"))) continue;
        for (size_t j = 0; j < s->cell_count; j++) {
            const struct study_cell *b = &s->cells[j];
            if (!is_full(b) || strcmp(a->decoder, b->decoder) != 0 || !isfinite(column_of(b, "bound"))) continue;
            for (int k = 0; k < 2; k++)
                if (is_level(a, b, k)) put_headroom(a, b, k);
        }
    }
}

/* ---- On the page ---- */

const char *headroom_interval(char text[HEADROOM_INTERVAL], double headroom, double error) {
    char number[3][FORMAT_NUMBER];
    if (isnan(headroom)) return "";
    if (isnan(error)) return format_score(text, headroom);
    snprintf(text, HEADROOM_INTERVAL, "%s (%s to %s)", format_score(number[0], headroom),
             format_score(number[1], headroom - 1.96 * error), format_score(number[2], headroom + 1.96 * error));
    return text;
}

const char *headroom_meaning(double headroom, double error) {
    const double reach = isnan(error) ? 0 : 1.96 * error;
    if (headroom + reach < HEADROOM_LEAST) return "full attention gains little: neither will a fitted z";
    if (headroom - reach >= HEADROOM_LEAST) return "attention gains from the past: latents may too";
    return "undecided, since the interval contains .05: use more seeds or held-out text";
}

/* Of a column that the table may lack. */
static struct study_value value_of(const struct study_score *score, size_t g) {
    return score->value ? score->value[g] : (struct study_value){.mean = NAN, .error = NAN};
}

static void put_row(struct report *report, const struct study_table *t, const struct study_score scores[2], size_t g) {
    char text[2][HEADROOM_INTERVAL];
    const struct study_value tokens = value_of(&scores[0], g);
    const struct study_value compute = value_of(&scores[1], g);
    if (isnan(tokens.mean) && isnan(compute.mean)) return;
    fputs("<tr>", report->out);
    for (size_t c = 0; c < t->csv.columns; c++)
        if (study_differs(t, c)) html_text_cell(report->out, csv_text(&t->csv, t->group[g].row, c));
    html_print(report->out, "<td>%s</td><td>%s</td>", headroom_interval(text[0], tokens.mean, tokens.error),
               headroom_interval(text[1], compute.mean, compute.error));
    /* Equal tokens decide if available: latents are never free. */
    const struct study_value *v = isnan(tokens.mean) ? &compute : &tokens;
    html_text_cell(report->out, headroom_meaning(v->mean, v->error));
    fputs("</tr>\n", report->out);
}

static void put_table(struct report *report, const struct study_table *t, const struct study_score scores[2]) {
    FILE *f = report->out;
    report_heading(report, "headroom", "Headroom");
    fputs("<div class=\"scroll wide\"><table><caption>Bound of the plain decoder with its window less that of the same "
          "decoder with full attention, nats a token, with 95 % intervals</caption><thead><tr>",
          f);
    for (size_t c = 0; c < t->csv.columns; c++)
        if (study_differs(t, c)) html_print(f, "<th scope=\"col\" class=\"text\">%s</th>", csv_name(&t->csv, c));
    fputs("<th scope=\"col\">equal tokens</th><th scope=\"col\">equal compute</th><th scope=\"col\" class=\"text\">in "
          "words</th></tr></thead>\n<tbody>\n",
          f);
    for (size_t g = 0; g < t->groups; g++) put_row(report, t, scores, g);
    fputs("</tbody></table></div>\n", f);
    report_note(
        report,
        "Headroom is what the decoder gains if it attends to all of the past. Below %g nats a token a fitted z "
        "hardly gains more than it costs. A state that learns while it reads can gain more than full attention: "
        "judge streaming latents by what they carry.",
        HEADROOM_LEAST);
}

ltm_status headroom_section(struct report *report, const struct study_table *t, struct ltm_error *error) {
    struct study_score scores[2] = {{0}};
    ltm_status status = LTM_OK;
    for (int k = 0; k < 2; k++)
        if (study_table_has(t, columns[k])) TRY(study_score_take(&scores[k], t, columns[k], error));
    if (scores[0].value || scores[1].value) put_table(report, t, scores);
cleanup:
    for (int k = 0; k < 2; k++) study_score_free(&scores[k]);
    return status;
}
