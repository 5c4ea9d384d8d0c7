#include "lab/study_differences.h"

#include <math.h>
#include <string.h>

#include "lab/format_numbers.h"
#include "lab/html.h"
#include "lab/paired.h"

enum { RANKED = 30 };

struct study_value study_difference(struct report *report, const struct study_table *t, const struct study_score *score,
                                    size_t a, size_t b, bool *paired) {
    const struct study_value *of_a = &score->value[a];
    const struct study_value *of_b = &score->value[b];
    struct paired pairs = {.failed = &report->failed};
    char folder[LTM_PATH_MAX];
    for (size_t r = 0; r < t->csv.rows && !pairs.apart; r++) {
        const bool in_a = t->group_of[r] == (int)a;
        if (!in_a && t->group_of[r] != (int)b) continue;
        if (study_cell_folder(folder, report->folder, t, r))
            paired_add(&pairs, folder, "scores", score->name, in_a ? 1.0 / of_a->cells : -1.0 / of_b->cells);
        else
            pairs.apart = true;
    }
    const struct ltm_score each = paired_finish(&pairs);
    *paired = isfinite(each.error);
    const double mean = of_a->mean - of_b->mean;
    const double error = *paired ? sqrt(each.error * each.error + of_a->spread + of_b->spread)
                                 : sqrt(of_a->error * of_a->error + of_b->error * of_b->error);
    return (struct study_value){.mean = mean, .error = error, .cells = of_a->cells + of_b->cells};
}

/* ---- The ranking ---- */

static bool is_better(const struct study_score *score, size_t a, size_t b) {
    const double x = score->value[a].mean;
    const double y = score->value[b].mean;
    return x != y ? (score->lower ? x < y : x > y) : a < b;
}

/* The first RANKED of the groups of a corpus that have the score, the best first; returns how many there are of them in all. */
static size_t rank(size_t ranked[RANKED], const struct study_table *t, const struct study_score *score, int corpus) {
    size_t count = 0;
    for (size_t g = 0; g < t->groups; g++) {
        if (t->group[g].corpus != corpus || isnan(score->value[g].mean)) continue;
        size_t at = count < RANKED ? count : RANKED;
        for (; at > 0 && is_better(score, g, ranked[at - 1]); at--)
            if (at < RANKED) ranked[at] = ranked[at - 1];
        if (at < RANKED) ranked[at] = g;
        count++;
    }
    return count;
}

bool study_differs(const struct study_table *t, size_t column) {
    const char *name = csv_name(&t->csv, column);
    if (!study_is_axis(name) && strncmp(name, "budget_", 7) != 0) return false;
    for (size_t g = 1; g < t->groups; g++)
        if (strcmp(csv_text(&t->csv, t->group[g].row, column), csv_text(&t->csv, t->group[0].row, column)) != 0)
            return true;
    return false;
}

static bool put_row(struct report *report, const struct study_table *t, const struct study_score *score, size_t g,
                    size_t best) {
    FILE *f = report->out;
    char text[FORMAT_WITH_ERROR];
    bool paired = true;
    fputs(g == best ? "<tr class=\"chosen\">" : "<tr>", f);
    for (size_t c = 0; c < t->csv.columns; c++)
        if (study_differs(t, c)) html_text_cell(f, csv_text(&t->csv, t->group[g].row, c));
    html_print(f, "<td>%s</td>", format_with_error(text, score->value[g].mean, score->value[g].error));
    if (g == best) {
        fputs("<td></td></tr>\n", f);
        return true;
    }
    const struct study_value behind = study_difference(report, t, score, g, best, &paired);
    html_print(f, "<td>%s%s</td></tr>\n", format_with_error(text, behind.mean, behind.error), paired ? "" : " *");
    return paired;
}

static void put_ranking(struct report *report, const struct study_table *t, const struct study_score *score,
                        int corpus) {
    FILE *f = report->out;
    char label[PICTURE_TEXT];
    size_t ranked[RANKED];
    const size_t count = rank(ranked, t, score, corpus);
    bool paired = true;
    if (count < 2) return;
    study_score_label(label, score);
    html_print(f,
               "<div class=\"scroll wide\"><table><caption>The best cells by %s%s%s, and their differences "
               "from the first, with standard errors</caption><thead><tr>",
               label, t->corpora > 1 ? ", on " : "", t->corpora > 1 ? t->corpus[corpus] : "");
    for (size_t c = 0; c < t->csv.columns; c++)
        if (study_differs(t, c)) html_print(f, "<th scope=\"col\" class=\"text\">%s</th>", csv_name(&t->csv, c));
    html_print(f, "<th scope=\"col\">%s</th><th scope=\"col\">from the first</th></tr></thead>\n<tbody>\n",
               score->name);
    for (size_t i = 0; i < (count < RANKED ? count : RANKED); i++)
        paired = put_row(report, t, score, ranked[i], ranked[0]) && paired;
    fputs("</tbody></table></div>\n", f);
    if (count > RANKED) report_note(report, "%zu more cells are only in the last table.", count - RANKED);
    report_note(report, "%s", paired_note(paired));
}

void study_ranking(struct report *report, const struct study_table *t, const struct study_score *score) {
    for (int corpus = 0; corpus < t->corpora; corpus++) put_ranking(report, t, score, corpus);
}
