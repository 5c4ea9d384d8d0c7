#include "lab/study_pictures.h"

#include <math.h>
#include <string.h>

#include "ltm/names.h"

enum { SIZES = 32 };

/* Distinct values of a quantity of the groups, ascending; NaN is none. */
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

typedef double (*quantity)(const struct study_group *group);

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

/* ---- A curve: all cells as faint points, a line through the best at each x ---- */

struct curve {
    const struct study_table *table;
    const struct study_score *score;
    quantity x, by; /* by: what tells the curves apart */
    int budget;     /* -1: all */
    int corpus;
};

static bool is_shown(const struct curve *c, const struct study_group *g) {
    return (c->budget < 0 || g->budget == c->budget) && g->corpus == c->corpus;
}

static struct distinct distinct_of(const struct curve *c, quantity of) {
    struct distinct d = {.count = 0};
    for (size_t i = 0; i < c->table->groups; i++)
        if (is_shown(c, &c->table->group[i])) add_distinct(&d, of(&c->table->group[i]));
    return d;
}

static bool belongs(const struct curve *c, size_t group, double by) {
    const struct study_group *g = &c->table->group[group];
    return is_shown(c, g) && !isnan(c->score->value[group].mean) && !isnan(c->x(g)) &&
           (c->by(g) == by || (isnan(by) && isnan(c->by(g))));
}

static bool better(const struct study_score *score, double a, double b) { return score->lower ? a < b : a > b; }

static size_t best_at(const struct curve *c, double x, double by) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < c->table->groups; i++) {
        /* Parameters of one width differ a little where other axes add some: 1 % is the same place. */
        if (!belongs(c, i, by) || fabs(c->x(&c->table->group[i]) - x) > 0.01 * fabs(x)) continue;
        if (best == SIZE_MAX || better(c->score, c->score->value[i].mean, c->score->value[best].mean)) best = i;
    }
    return best;
}

static void add_curve(struct picture *p, const struct curve *c, double by, int colour, const char *name) {
    struct picture_series *all = picture_add(p, PICTURE_POINTS, colour, "%s", "");
    if (all) all->faint = true;
    struct picture_series *line = picture_add(p, PICTURE_LINES_POINTS, colour, "%s", name);
    for (size_t i = 0; i < c->table->groups; i++) {
        if (!belongs(c, i, by)) continue;
        const double x = c->x(&c->table->group[i]);
        if (best_at(c, x, by) == i)
            picture_point(line, x, c->score->value[i].mean, c->score->value[i].error);
        else
            picture_point(all, x, c->score->value[i].mean, NAN);
    }
    picture_sort(line);
}

/* ---- The pictures ---- */

/* "bound-by-tokens": letters, digits and dashes, whatever a column is called; its number where that may not tell it apart. */
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

/* Where a study has several corpora or budgets each has pictures of its own: their cells do not compare. */
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
    picture_begin(p, full_id, title, x_label, c->score->name);
}

/* Points of a curve that no cheaper one beats. */
static void add_frontier(struct picture *p, const struct curve *c, double by, int colour, const char *name) {
    struct picture_series *all = picture_add(p, PICTURE_POINTS, colour, "%s", name);
    struct picture_series *line = picture_add(p, PICTURE_LINES, colour, "%s", "");
    for (size_t i = 0; i < c->table->groups; i++)
        if (belongs(c, i, by))
            picture_point(all, c->x(&c->table->group[i]), c->score->value[i].mean, c->score->value[i].error);
    picture_sort(all);
    if (!all || !line) return;
    double best = c->score->lower ? HUGE_VAL : -HUGE_VAL;
    for (size_t i = 0; i < all->count; i++) {
        if (!better(c->score, all->point[i].y, best)) continue;
        best = all->point[i].y;
        picture_point(line, all->point[i].x, best, NAN);
    }
}

/* A score against one quantity, a curve for each value of another. */
struct view {
    const char *id, *against, *x_label, *caption;
    quantity x, by; /* by: latents, or widths where a table tells them */
    void (*add)(struct picture *picture, const struct curve *curve, double by, int colour, const char *name);
    bool log_x;
    double spread; /* nothing to see where the largest x is less than so many times the smallest */
};

#define BEST_LINE \
    "The line joins the best of the other axes at each place, with standard errors; faint points are the rest."

static const struct view views[] = {
    {"frontier", "training compute", "training compute, FLOPs",
     "The frontier: every cell, and for each latent size a line through those that no cheaper one of that size beats.",
     flops_of, latents_of, add_frontier, true, 1},
    {"by-tokens", "training tokens, for each latent size", "training tokens", BEST_LINE, tokens_of, latents_of,
     add_curve, true, 1.05},
    {"by-parameters", "parameters, for each latent size", "parameters, embeddings included", BEST_LINE, parameters_of,
     latents_of, add_curve, true, 1},
    {"by-latents", "latents, for each width", "latents of a sequence, N_z", BEST_LINE, latents_of, dim_of, add_curve,
     false, 1},
    {"by-steps", "fast steps, for each latent size", "fast steps, T_fast",
     BEST_LINE " Cells without latents have no fast steps.", steps_of, latents_of, add_curve, true, 1},
};

enum { VIEWS = sizeof views / sizeof views[0], OF_ALL_BUDGETS = 2 /* the first views */ };

static ltm_status draw_view(struct report *report, struct curve c, const struct view *v, int which,
                            struct ltm_error *error) {
    struct picture p;
    c.x = v->x;
    c.by = v->by;
    const struct distinct x = distinct_of(&c, v->x);
    const struct distinct each = distinct_of(&c, v->by);
    if (x.count < 2 || x.value[x.count - 1] < v->spread * x.value[0]) return LTM_OK;
    begin(&p, &c, which, v->id, v->against, v->x_label);
    p.log_x = v->log_x;
    snprintf(p.caption, sizeof p.caption, "%s", v->caption);
    for (int i = 0; i < each.count; i++) {
        char name[64];
        const bool widths = v->by == dim_of;
        if (widths) snprintf(name, sizeof name, "width %g", each.value[i]);
        v->add(&p, &c, each.value[i], widths ? 1 + i : study_colour(c.table, each.value[i]),
               widths ? name : study_latents(name, each.value[i]));
    }
    if (each.count == 0) v->add(&p, &c, NAN, 1, "all cells");
    return report_picture(report, &p, error);
}

/* ---- What latents change: each cell against its like without them ---- */

static bool but_latents(const char *column) {
    return (study_is_axis(column) && strcmp(column, "latent.count") != 0 && strncmp(column, "fast.", 5) != 0) ||
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
    c.x = latents_of;
    c.by = dim_of;
    const struct distinct widths = distinct_of(&c, dim_of);
    begin(&p, &c, which, "difference", "that of the same cell without latents", "latents of a sequence, N_z");
    snprintf(p.y_label, sizeof p.y_label, "%.60s, difference", c.score->name);
    snprintf(p.caption, sizeof p.caption,
             "Score with latents minus score of the same width and budget without: %s zero, latents help. A point for "
             "each number of fast steps; errors of both scores together.",
             c.score->lower ? "below" : "above");
    p.zero = true;
    for (int w = 0; w < widths.count; w++) {
        struct picture_series *s = picture_add(&p, PICTURE_POINTS, 1 + w, "width %g", widths.value[w]);
        for (size_t i = 0; i < c.table->groups; i++) {
            const size_t twin = c.table->group[i].latents > 0 && belongs(&c, i, widths.value[w])
                                    ? without_latents(c.table, i)
                                    : SIZE_MAX;
            if (twin == SIZE_MAX) continue;
            const struct study_value *a = &c.score->value[i];
            const struct study_value *b = &c.score->value[twin];
            picture_point(s, c.table->group[i].latents, a->mean - b->mean,
                          sqrt(a->error * a->error + b->error * b->error));
        }
        picture_sort(s);
    }
    return report_picture(report, &p, error);
}

ltm_status study_pictures(struct report *report, const struct study_table *table, const struct study_score *score,
                          int which, struct ltm_error *error) {
    enum { EACH = VIEWS - OF_ALL_BUDGETS + 1 };
    const int rounds = table->corpora * table->budgets;
    struct curve c = {.table = table, .score = score};
    ltm_status status = LTM_OK;
    for (c.corpus = 0; status == LTM_OK && c.corpus < table->corpora; c.corpus++) {
        c.budget = -1;
        for (int i = 0; status == LTM_OK && i < OF_ALL_BUDGETS; i++)
            status = draw_view(report, c, &views[i], which, error);
        for (c.budget = 0; c.budget < table->budgets; c.budget++)
            for (int i = 0; status == LTM_OK && i < EACH; i++) {
                watch_progress(report->watch, "drawing", (c.corpus * table->budgets + c.budget) * EACH + i,
                               rounds * EACH);
                status = i + 1 < EACH ? draw_view(report, c, &views[OF_ALL_BUDGETS + i], which, error)
                                      : difference(report, c, which, error);
            }
    }
    return status;
}
