#include "lab/study_pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "lab/study_columns.h"
#include "lab/study_differences.h"
#include "ltm/names.h"

enum { SIZES = PICTURE_NAMES, AXES = 16 };

/* Distinct values of a quantity of the groups, ascending, without NaN. */
struct distinct {
    double value[SIZES];
    int count;
};

static void add_distinct(struct distinct *d, double value) {
    int i = 0;
    if (isnan(value)) return;
    while (i < d->count && d->value[i] < value) i++;
    if ((i < d->count && d->value[i] == value) || d->count == SIZES) return;
    memmove(&d->value[i + 1], &d->value[i], (size_t)(d->count - i) * sizeof d->value[0]);
    d->value[i] = value;
    d->count++;
}

/* An axis of the study that is not a quantity of a group. Values that are not numbers are counted from 1. */
struct axis {
    int column;
    const char *key;
    double *value;           /* of each group; NaN if the axis does not matter */
    const char *text[SIZES]; /* by their number; none if all are numbers */
    int texts;
};

/* The quantities to draw: a figure of a group, or the study's axis. */
struct quantity {
    double (*of)(const struct study_group *group);
    const struct axis *axis;
};

static double latents_of(const struct study_group *g) { return g->latents; }
static double dim_of(const struct study_group *g) { return g->dim; }
static double steps_of(const struct study_group *g) { return g->steps; }
static double parameters_of(const struct study_group *g) { return g->parameters; }
static double tokens_of(const struct study_group *g) { return g->tokens; }
static double flops_of(const struct study_group *g) { return g->flops; }

int study_colour(const struct study_table *table, double latents) {
    struct distinct sizes = {.count = 0};
    int rank = 0;
    for (size_t i = 0; i < table->groups; i++) add_distinct(&sizes, table->group[i].latents);
    if (latents == 0) return 0;
    for (int i = 0; i < sizes.count; i++) rank += sizes.value[i] > 0 && sizes.value[i] <= latents;
    return rank;
}

const char *study_latents(char text[64], double latents) {
    if (latents == 0)
        snprintf(text, 64, "no latents");
    else if (isnan(latents))
        snprintf(text, 64, "all");
    else
        snprintf(text, 64, "%g latent%s", latents, ltm_plural((long long)latents));
    return text;
}

/* ---- A curve: all cells as faint points, the best at each x, joined by a line where x is a number ---- */

struct curve {
    const struct study_table *table;
    const struct study_score *score;
    struct quantity x, by; /* by: what distinguishes the curves; nothing if neither */
    int budget;            /* -1: all */
    int corpus;
};

static double take(const struct curve *c, struct quantity q, size_t group) {
    return q.axis ? q.axis->value[group] : q.of ? q.of(&c->table->group[group]) : NAN;
}

static bool is_shown(const struct curve *c, size_t group) {
    const struct study_group *g = &c->table->group[group];
    return (c->budget < 0 || g->budget == c->budget) && g->corpus == c->corpus;
}

static struct distinct distinct_of(const struct curve *c, struct quantity of) {
    struct distinct d = {.count = 0};
    for (size_t i = 0; i < c->table->groups; i++)
        if (is_shown(c, i)) add_distinct(&d, take(c, of, i));
    return d;
}

static bool belongs(const struct curve *c, size_t group, double by) {
    const double mine = take(c, c->by, group);
    return is_shown(c, group) && !isnan(c->score->value[group].mean) && !isnan(take(c, c->x, group)) &&
           (mine == by || (isnan(by) && isnan(mine)));
}

static bool better(const struct study_score *score, double a, double b) { return score->lower ? a < b : a > b; }

static size_t best_at(const struct curve *c, double x, double by) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < c->table->groups; i++) {
        /* Parameters of one width differ a little where other axes add some: 1 % is the same place. An axis has its values. */
        if (!belongs(c, i, by) || fabs(take(c, c->x, i) - x) > (c->x.axis ? 0 : 0.01) * fabs(x)) continue;
        if (best == SIZE_MAX || better(c->score, c->score->value[i].mean, c->score->value[best].mean)) best = i;
    }
    return best;
}

static void add_curve(struct picture *p, const struct curve *c, double by, int colour, const char *name) {
    struct picture_series *all = picture_add(p, PICTURE_POINTS, colour, "%s", "");
    if (all) all->faint = true;
    struct picture_series *line =
        picture_add(p, c->x.axis && c->x.axis->texts ? PICTURE_POINTS : PICTURE_LINES_POINTS, colour, "%s", name);
    for (size_t i = 0; i < c->table->groups; i++) {
        if (!belongs(c, i, by)) continue;
        const double x = take(c, c->x, i);
        if (best_at(c, x, by) == i)
            picture_point(line, x, c->score->value[i].mean, c->score->value[i].error);
        else
            picture_point(all, x, c->score->value[i].mean, NAN);
    }
    picture_sort(line);
}

/* ---- The pictures ---- */

/* "bound-by-tokens": letters, digits and dashes, whatever the column's name; its number if the name is not unique. */
static void name_id(char full_id[64], const char *score, const char *id, int which) {
    char slug[24];
    size_t n = 0;
    bool plain = true;
    for (; score[n] && n < sizeof slug - 1; n++) {
        const char letter = score[n];
        const bool kept = (letter >= 'a' && letter <= 'z') || letter == '_';
        slug[n] = letter == '_' || !kept ? '-' : letter;
        plain = plain && kept;
    }
    slug[n] = 0;
    if (plain && !score[n])
        snprintf(full_id, 64, "%s-%s", slug, id);
    else
        snprintf(full_id, 64, "score%d-%s", which + 1, id);
}

/* With several corpora or budgets each has its own pictures: their cells are not comparable. */
static void begin(struct picture *p, const struct curve *c, int which, const char *id, const char *against,
                  const char *x_label) {
    char full_id[64];
    char title[PICTURE_TEXT];
    char at[96] = "";
    char of[72] = "";
    name_id(full_id, c->score->name, id, which);
    if (c->table->corpora > 1) {
        snprintf(of, sizeof of, ", %.60s", c->table->corpus[c->corpus]);
        snprintf(full_id + strlen(full_id), sizeof full_id - strlen(full_id), "-corpus%d", c->corpus + 1);
    }
    if (c->budget >= 0 && c->table->budgets > 1) {
        snprintf(at, sizeof at, ", %s a run", c->table->budget[c->budget]);
        snprintf(full_id + strlen(full_id), sizeof full_id - strlen(full_id), "-budget%d", c->budget + 1);
    }
    snprintf(title, sizeof title, "%.60s against %s%s%s", c->score->name, against, of, at);
    if (title[0] >= 'a' && title[0] <= 'z') title[0] = (char)(title[0] - 'a' + 'A');
    picture_begin(p, full_id, title, x_label, "");
    study_score_label(p->y_label, c->score);
}

/* Cells of one budget differ by a step or two: a frontier takes x up to this many times a point's own for no dearer. */
static const double SAME_COMPUTE = 1.02;

/* A point that one beats which costs no more. */
static bool beaten(const struct curve *c, const struct picture_series *all, const struct picture_point *point) {
    for (size_t i = 0; i < all->count; i++)
        if (all->point[i].x <= SAME_COMPUTE * point->x && better(c->score, all->point[i].y, point->y)) return true;
    return false;
}

/* Points of a curve, and a line through those that no other as cheap beats. */
static void add_frontier(struct picture *p, const struct curve *c, double by, int colour, const char *name) {
    struct picture_series *all = picture_add(p, PICTURE_POINTS, colour, "%s", name);
    struct picture_series *line = picture_add(p, PICTURE_LINES, colour, "%s", "");
    for (size_t i = 0; i < c->table->groups; i++)
        if (belongs(c, i, by)) picture_point(all, take(c, c->x, i), c->score->value[i].mean, c->score->value[i].error);
    picture_sort(all);
    if (!all || !line) return;
    for (size_t i = 0; i < all->count; i++)
        if (!beaten(c, all, &all->point[i])) picture_point(line, all->point[i].x, all->point[i].y, NAN);
}

/* A score against one quantity, a curve for each value of another. */
struct view {
    const char *id, *against, *x_label, *caption;
    struct quantity x, by; /* by: latents, or widths if the table has them */
    void (*add)(struct picture *picture, const struct curve *curve, double by, int colour, const char *name);
    bool log_x;
    double spread; /* skipped if the largest x is less than this many times the smallest */
};

#define BEST_LINE "The line joins the best cell at each value, with standard errors; faint points are the other cells."
#define BEST_POINT "The best cell at each value, with its standard error; faint points are the other cells."

static const struct view views[] = {
    {"frontier",
     "training compute",
     "training compute, FLOPs",
     "The frontier: every cell, and for each latent size a line through the cells that no other of that size beats "
     "at as much compute or less.",
     {.of = flops_of},
     {.of = latents_of},
     add_frontier,
     true,
     1},
    {"by-tokens",
     "training tokens, for each latent size",
     "training tokens",
     BEST_LINE,
     {.of = tokens_of},
     {.of = latents_of},
     add_curve,
     true,
     1.05},
    {"by-parameters",
     "parameters, for each latent size",
     "parameters, embeddings included",
     BEST_LINE,
     {.of = parameters_of},
     {.of = latents_of},
     add_curve,
     true,
     1},
    {"by-latents",
     "latents, for each width",
     "latents of a sequence, N_z",
     BEST_LINE,
     {.of = latents_of},
     {.of = dim_of},
     add_curve,
     false,
     1},
    {"by-steps",
     "fast steps, for each latent size",
     "fast steps, T_fast",
     BEST_LINE " Cells without latents have no fast steps.",
     {.of = steps_of},
     {.of = latents_of},
     add_curve,
     true,
     1},
};

enum { VIEWS = sizeof views / sizeof views[0], OF_ALL_BUDGETS = 2 /* the first views */ };

/* "24 latents", "width 64", "lr 0.001" */
static void name_value(char name[PICTURE_TEXT], struct quantity by, double value) {
    if (by.of == latents_of)
        study_latents(name, value);
    else if (!by.axis)
        snprintf(name, PICTURE_TEXT, "width %g", value);
    else if (by.axis->texts)
        snprintf(name, PICTURE_TEXT, "%.200s", by.axis->text[(int)value - 1]);
    else
        snprintf(name, PICTURE_TEXT, "%.60s %g", strchr(by.axis->key, '.') + 1, value);
}

static ltm_status draw_view(struct report *report, struct curve c, const struct view *v, int which,
                            struct ltm_error *error) {
    struct picture p;
    c.x = v->x;
    c.by = v->by;
    const struct distinct x = distinct_of(&c, v->x);
    const struct distinct each = distinct_of(&c, v->by);
    const bool alone = c.table->groups == 1 && v == &views[0]; /* a single cell has its own picture of this */
    if (x.count < (alone ? 1 : 2) || x.value[x.count - 1] < v->spread * x.value[0]) return LTM_OK;
    begin(&p, &c, which, v->id, v->against, v->x_label);
    p.log_x = v->log_x;
    if (v->x.axis) p.x_name = v->x.axis->text;
    if (v->x.axis) p.x_names = v->x.axis->texts;
    snprintf(p.caption, sizeof p.caption, "%s", v->caption);
    for (int i = 0; i < each.count; i++) {
        char name[PICTURE_TEXT];
        const bool latents = v->by.of == latents_of;
        name_value(name, v->by, each.value[i]);
        v->add(&p, &c, each.value[i], latents ? study_colour(c.table, each.value[i]) : 1 + i, name);
    }
    if (each.count == 0) v->add(&p, &c, NAN, 1, "all cells");
    return report_picture(report, &p, error);
}

/* ---- Any other axis ---- */

struct axes {
    struct axis axis[AXES];
    int count;
};

/* In table order; those after the first SIZES are left out. */
static void take_texts(struct axis *a, const struct study_table *t) {
    for (size_t i = 0; i < t->groups; i++) {
        const char *text = csv_text(&t->csv, t->group[i].row, (size_t)a->column);
        int k = 0;
        while (k < a->texts && strcmp(a->text[k], text) != 0) k++;
        if (k == a->texts && k < SIZES && *text) a->text[a->texts++] = text;
        a->value[i] = *text && k < SIZES ? k + 1 : NAN;
    }
}

static ltm_status take_axis(struct axis *a, const struct study_table *t, int column, struct ltm_error *error) {
    bool numbers = true;
    *a = (struct axis){.column = column, .key = csv_name(&t->csv, (size_t)column)};
    PASS_UP(NEW_ARRAY(a->value, t->groups, "an axis", error));
    for (size_t i = 0; i < t->groups; i++) {
        a->value[i] = csv_number(&t->csv, t->group[i].row, column);
        numbers = numbers && (!isnan(a->value[i]) || !*csv_text(&t->csv, t->group[i].row, (size_t)column));
    }
    if (!numbers) take_texts(a, t);
    return LTM_OK;
}

/* Whether one determines the other, as with linked keys. */
static bool same_division(const struct curve *c, struct quantity a, struct quantity b) {
    const struct distinct of_a = distinct_of(c, a);
    double partner[SIZES];
    for (int k = 0; k < SIZES; k++) partner[k] = NAN;
    if (of_a.count != distinct_of(c, b).count) return false;
    for (size_t i = 0; i < c->table->groups; i++)
        for (int k = 0; is_shown(c, i) && k < of_a.count; k++) {
            if (take(c, a, i) != of_a.value[k]) continue;
            if (isnan(partner[k])) partner[k] = take(c, b, i);
            if (partner[k] != take(c, b, i)) return false;
        }
    return true;
}

/* The columns that have no picture of their own among the views. */
static ltm_status find_axes(struct axes *axes, const struct study_table *t, struct ltm_error *error) {
    static const char *const drawn[] = {"latent.count", "fast.steps", "model.dim", "data.corpus"};
    axes->count = 0;
    for (size_t k = 0; k < t->csv.columns && axes->count < AXES; k++) {
        bool other = study_is_axis(csv_name(&t->csv, k));
        for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++)
            other = other && strcmp(csv_name(&t->csv, k), drawn[i]) != 0;
        if (other) PASS_UP(take_axis(&axes->axis[axes->count++], t, (int)k, error));
    }
    return LTM_OK;
}

/* Whether the axis varies here, and no width or earlier axis is linked to it. */
static bool is_free(const struct curve *c, const struct axes *axes, int which) {
    const struct quantity x = {.axis = &axes->axis[which]};
    if (distinct_of(c, x).count < 2 || same_division(c, x, (struct quantity){.of = dim_of})) return false;
    for (int i = 0; i < which; i++)
        if (same_division(c, x, (struct quantity){.axis = &axes->axis[i]})) return false;
    return true;
}

/* What distinguishes the curves of an axis: latent sizes or widths, which variants mix, or the other axis with the fewest
 * values. */
static struct quantity tell_apart(const struct curve *c, const struct axes *axes, int which) {
    struct quantity by = {.of = latents_of};
    int least = PICTURE_COLOURS;
    const bool variants = study_has_variants(c->table);
    if (!variants && distinct_of(c, by).count > 1) return by;
    by.of = !variants && distinct_of(c, (struct quantity){.of = dim_of}).count > 1 ? dim_of : NULL;
    for (int i = 0; i < axes->count && !by.of; i++) {
        const int count = distinct_of(c, (struct quantity){.axis = &axes->axis[i]}).count;
        if (i == which || count >= least || !is_free(c, axes, i)) continue;
        least = count;
        by.axis = &axes->axis[i];
    }
    return by;
}

static ltm_status draw_axis(struct report *report, struct curve c, const struct axes *axes, int which, int score,
                            struct ltm_error *error) {
    const struct axis *axis = &axes->axis[which];
    char id[48];
    char caption[PICTURE_CAPTION];
    char others[PICTURE_TEXT] = "";
    if (!is_free(&c, axes, which)) return LTM_OK;
    const struct quantity by = tell_apart(&c, axes, which);
    const struct distinct x = distinct_of(&c, (struct quantity){.axis = axis});
    snprintf(id, sizeof id, "by-%.40s", axis->key);
    for (char *at = id; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789", *at)) *at = '-';
    for (int i = 0; i < axes->count; i++)
        if (i != which && by.axis != &axes->axis[i] && is_free(&c, axes, i))
            snprintf(others + strlen(others), sizeof others - strlen(others), "%s%.40s", *others ? ", " : "",
                     axes->axis[i].key);
    snprintf(caption, sizeof caption, "%s%s%s%s", axis->texts ? BEST_POINT : BEST_LINE,
             *others ? " Besides the differences between the curves, the cells differ in " : "", others,
             *others ? "." : "");
    const bool wide = !axis->texts && x.value[0] > 0 && x.value[x.count - 1] >= 8 * x.value[0];
    const struct view view = {id, axis->key, axis->key, caption, {.axis = axis}, by, add_curve, wide, 1};
    return draw_view(report, c, &view, score, error);
}

/* ---- Effect of latents: each cell against the same cell without them ---- */

static bool but_latents(const char *column) {
    return (study_is_axis(column) && strcmp(column, "latent.count") != 0 && !study_of_latents(column)) ||
           strncmp(column, "budget_", 7) == 0;
}

static size_t without_latents(const struct study_table *t, size_t group) {
    for (size_t i = 0; i < t->groups; i++)
        if (t->group[i].latents == 0 && t->group[i].budget == t->group[group].budget &&
            study_same(t, i, group, but_latents))
            return i;
    return SIZE_MAX;
}

static ltm_status difference(struct report *report, struct curve c, int which, struct ltm_error *error) {
    struct picture p;
    c.x = (struct quantity){.of = latents_of};
    c.by = (struct quantity){.of = dim_of};
    const struct distinct widths = distinct_of(&c, c.by);
    int joined = 0;
    begin(&p, &c, which, "difference", "the same cell without latents", "latents of a sequence, N_z");
    snprintf(p.y_label + strlen(p.y_label), sizeof p.y_label - strlen(p.y_label), ": difference");
    snprintf(p.caption, sizeof p.caption,
             "Score with latents minus score at the same width and budget without: %s zero, latents help. One "
             "point for each number of fast steps.",
             c.score->lower ? "below" : "above");
    p.zero = true;
    for (int w = 0; w < widths.count; w++) {
        struct picture_series *s = picture_add(&p, PICTURE_POINTS, 1 + w, "width %g", widths.value[w]);
        for (size_t i = 0; i < c.table->groups; i++) {
            const size_t twin = c.table->group[i].latents > 0 && belongs(&c, i, widths.value[w])
                                    ? without_latents(c.table, i)
                                    : SIZE_MAX;
            if (twin == SIZE_MAX) continue;
            bool paired;
            const struct study_value d = study_difference(report, c.table, c.score, i, twin, &paired);
            joined += !paired;
            picture_point(s, c.table->group[i].latents, d.mean, d.error);
        }
        picture_sort(s);
    }
    snprintf(p.caption + strlen(p.caption), sizeof p.caption - strlen(p.caption), "%s",
             joined ? " Errors combine those of both scores." : " Errors are paired, sequence by sequence.");
    return report_picture(report, &p, error);
}

ltm_status study_pictures(struct report *report, const struct study_table *table, const struct study_score *score,
                          int which, struct ltm_error *error) {
    enum { EACH = VIEWS - OF_ALL_BUDGETS + 1 };
    const bool sizes = !study_has_variants(table); /* else cells differ in more than what a view shows */
    const int rounds = table->corpora * table->budgets;
    struct curve c = {.table = table, .score = score};
    struct axes axes;
    ltm_status status = find_axes(&axes, table, error);
    for (c.corpus = 0; status == LTM_OK && c.corpus < table->corpora; c.corpus++) {
        c.budget = -1;
        for (int i = 0; status == LTM_OK && sizes && i < OF_ALL_BUDGETS; i++)
            status = draw_view(report, c, &views[i], which, error);
        for (c.budget = 0; c.budget < table->budgets; c.budget++)
            for (int i = 0; status == LTM_OK && i < EACH; i++) {
                watch_progress(report->watch, "drawing", (c.corpus * table->budgets + c.budget) * EACH + i,
                               rounds * EACH);
                if (sizes)
                    status = i + 1 < EACH ? draw_view(report, c, &views[OF_ALL_BUDGETS + i], which, error)
                                          : difference(report, c, which, error);
                for (int a = 0; i == 0 && status == LTM_OK && a < axes.count; a++)
                    status = draw_axis(report, c, &axes, a, which, error);
            }
    }
    for (int a = 0; a < axes.count; a++) free(axes.axis[a].value);
    return status;
}
