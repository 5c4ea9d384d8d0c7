/* A fit's answer for a budget: the best model of each measured (latents, steps, loops), the best of these, and its
 * uncertainty. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "lab/fit.h"
#include "lab/format_numbers.h"
#include "ltm/names.h"

enum { GRID = 240, GROUPS = 64 };
/* The search range beyond the measured sizes: with one measured token count no size is optimal, only the largest that
 * the budget allows. Answers beyond `near` are called extrapolation. */
static const double near = 2;
static const double far = 1e6;

/* Models of one (latents, steps, loops): cost of a token and number of latent numbers, by parameter count. */
struct group {
    int latents;
    double steps, loops;
    int sizes;
    double *log_n, *log_k, *log_m; /* [sizes], ascending in N; k = FLOPs a token and parameter */
    double *recurrent;             /* [sizes]: N_rec / N */
    struct fit_row row[GRID];      /* the tokens that the budget buys at each N of the grid */
    double n[GRID], d[GRID];
    int usable; /* grid points within the budget */
};

struct choice {
    int group;
    bool at_edge;
    double loss, parameters, tokens;
};

static double interpolate(const double *x, const double *y, int count, double at, bool extend) {
    if (count == 1) return y[0];
    int i = 1;
    while (i < count - 1 && at > x[i]) i++;
    const double share = (at - x[i - 1]) / (x[i] - x[i - 1]);
    return y[i - 1] + (extend ? share : fmax(0, fmin(1, share))) * (y[i] - y[i - 1]);
}

static void insert(struct group *g, const struct ltm_fit_point *p) {
    const double log_n = log(p->parameters);
    int i = g->sizes;
    for (int k = 0; k < g->sizes; k++)
        if (fabs(g->log_n[k] - log_n) < 1e-9) return;
    for (; i > 0 && g->log_n[i - 1] > log_n; i--) {
        g->log_n[i] = g->log_n[i - 1];
        g->log_k[i] = g->log_k[i - 1];
        g->log_m[i] = g->log_m[i - 1];
        g->recurrent[i] = g->recurrent[i - 1];
    }
    g->log_n[i] = log_n;
    g->log_k[i] = log(p->token_flops / p->parameters);
    g->log_m[i] = p->latents ? log(p->latent_numbers) : 0;
    g->recurrent[i] = p->recurrent / p->parameters;
    g->sizes++;
}

/* `room` is cut into the groups' arrays. */
static int find_groups(const struct ltm_fit *fit, struct group *groups, double *room) {
    int count = 0;
    for (size_t i = 0; i < fit->rows.count; i++) {
        const struct ltm_fit_point *p = &fit->points[i];
        int g = 0;
        if (!(p->token_flops > 0)) continue;
        const double loops = p->recurrent > 0 && p->loops > 1 ? p->loops : 1;
        while (g < count && !(groups[g].latents == p->latents && groups[g].loops == loops &&
                              (p->latents == 0 || groups[g].steps == p->fast_steps)))
            g++;
        if (g == GROUPS) continue;
        if (g == count) {
            groups[g] = (struct group){.latents = p->latents, .steps = p->latents ? p->fast_steps : 0, .loops = loops};
            groups[g].log_n = room + 4 * (size_t)g * fit->rows.count;
            groups[g].log_k = groups[g].log_n + fit->rows.count;
            groups[g].log_m = groups[g].log_k + fit->rows.count;
            groups[g].recurrent = groups[g].log_m + fit->rows.count;
            count++;
        }
        insert(&groups[g], p);
    }
    return count;
}

/* The rows of the grid: each N with the tokens that the budget buys there. With one D measured it is that D, for
 * models within the budget; with one N measured it is that N. */
static void lay_grid(const struct ltm_fit *fit, struct group *g, double budget, double fixed_tokens) {
    const double reach = fit->rows.features & 1u << FEATURE_N ? log(fixed_tokens > 0 ? near : far) : 0;
    const double first = g->log_n[0] - reach;
    const double last = g->log_n[g->sizes - 1] + reach;
    g->usable = 0;
    for (int i = 0; i < GRID; i++) {
        const double log_n = first + (last - first) * i / (GRID - 1);
        const double k = exp(interpolate(g->log_n, g->log_k, g->sizes, log_n, false));
        struct ltm_fit_point p = {
            .loss = 1, .parameters = exp(log_n), .latents = g->latents, .fast_steps = g->steps, .loops = g->loops};
        p.recurrent = p.parameters * interpolate(g->log_n, g->recurrent, g->sizes, log_n, false);
        if (g->latents) p.latent_numbers = exp(interpolate(g->log_n, g->log_m, g->sizes, log_n, true));
        p.tokens = fixed_tokens > 0 ? fixed_tokens : budget / (k * p.parameters);
        if (k * p.parameters * p.tokens > budget * (1 + 1e-9)) break;
        g->n[i] = p.parameters;
        g->d[i] = p.tokens;
        g->row[i] = fit_row_of(&fit->rows, &p);
        g->usable = i + 1;
    }
}

/* Between grid points a parabola through the lowest three gives the minimum. */
static struct choice best_of(const struct ltm_fit *fit, const struct group *g, const double at[LTM_FIT_PARAMETERS]) {
    double loss[GRID];
    int low = 0;
    loss[0] = fit_form_log(&fit->form, &g->row[0], at, NULL);
    for (int i = 1; i < g->usable; i++) {
        loss[i] = fit_form_log(&fit->form, &g->row[i], at, NULL);
        if (loss[i] < loss[low]) low = i;
    }
    struct choice choice = {.loss = exp(loss[low]), .parameters = g->n[low], .tokens = g->d[low]};
    choice.at_edge = (low == 0 || low == GRID - 1) && fit->rows.features & 1u << FEATURE_N;
    if (low == 0 || low == g->usable - 1) return choice;
    const double bend = loss[low - 1] - 2 * loss[low] + loss[low + 1];
    const double shift = bend > 0 ? 0.5 * (loss[low - 1] - loss[low + 1]) / bend : 0;
    const double ratio = pow(g->n[low + 1] / g->n[low], shift);
    choice.parameters *= ratio;
    choice.tokens *= pow(g->d[low + 1] / g->d[low], shift);
    choice.loss *= exp(-0.5 * bend * shift * shift);
    return choice;
}

/* The best of all groups, of those without latents ([0]) and of those with ([1]); group -1 if there is none. */
static struct choice best(const struct ltm_fit *fit, const struct group *groups, int count,
                          const double at[LTM_FIT_PARAMETERS], struct choice by_kind[2]) {
    by_kind[0] = by_kind[1] = (struct choice){.group = -1, .loss = HUGE_VAL};
    for (int g = 0; g < count; g++) {
        if (groups[g].usable == 0) continue;
        struct choice choice = best_of(fit, &groups[g], at);
        struct choice *kind = &by_kind[groups[g].latents > 0];
        choice.group = g;
        if (kind->group < 0 || choice.loss < kind->loss) *kind = choice;
    }
    return by_kind[1].group < 0 || (by_kind[0].group >= 0 && by_kind[0].loss <= by_kind[1].loss) ? by_kind[0]
                                                                                                 : by_kind[1];
}

static double gain_of(const struct choice by_kind[2]) {
    return by_kind[0].group < 0 || by_kind[1].group < 0 ? NAN : by_kind[0].loss - by_kind[1].loss;
}

static ltm_status take_intervals(const struct ltm_fit *fit, const struct group *groups, int count,
                                 const struct choice *chosen, double gain, struct ltm_fit_answer *answer,
                                 struct ltm_error *error) {
    const size_t n = (size_t)fit->info.resamples;
    double *values = NULL;
    size_t agree = 0;
    ltm_status status = NEW_ARRAY(values, 4 * n, "intervals", error);
    if (status != LTM_OK) return status;
#pragma omp parallel for schedule(static) reduction(+ : agree)
    for (size_t i = 0; i < n; i++) {
        struct choice kinds[2];
        const struct choice one = best(fit, groups, count, fit->sample[i], kinds);
        values[i] = one.parameters;
        values[n + i] = one.tokens;
        values[2 * n + i] = one.loss;
        values[3 * n + i] = gain_of(kinds);
        agree += one.group == chosen->group;
    }
    answer->parameters = fit_interval(chosen->parameters, values, n, fit->info.share);
    answer->tokens = fit_interval(chosen->tokens, values + n, n, fit->info.share);
    answer->loss = fit_interval(chosen->loss, values + 2 * n, n, fit->info.share);
    answer->gain = fit_interval(gain, values + 3 * n, n, fit->info.share);
    answer->share = n ? (double)agree / (double)n : NAN;
    free(values);
    return LTM_OK;
}

/* ---- In words ---- */

struct words {
    char *text;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *format, ...) {
    va_list arguments;
    if (w->used >= w->size) return;
    va_start(arguments, format);
    w->used += (size_t)vsnprintf(w->text + w->used, w->size - w->used, format, arguments);
    va_end(arguments);
}

static void say_counts(struct words *w, const struct ltm_fit_interval *i, const char *what) {
    char value[FORMAT_NUMBER];
    char low[FORMAT_NUMBER];
    char high[FORMAT_NUMBER];
    say(w, "%s %s", format_quantity(value, i->value), what);
    if (!isnan(i->low)) say(w, " (%s to %s)", format_quantity(low, i->low), format_quantity(high, i->high));
}

/* compared: whether the runs differ in loops. */
static void say_kind(struct words *w, int latents, double steps, double loops, bool compared) {
    if (latents)
        say(w, "%d latent%s, %g fast step%s", latents, ltm_plural(latents), steps, ltm_plural((long long)steps));
    else
        say(w, "no latents");
    if (loops > 1)
        say(w, ", %g loops", loops);
    else if (compared)
        say(w, ", no loops");
}

static void say_gain(struct words *w, const struct ltm_fit_interval *gain, const struct group *with, bool compared) {
    char value[FORMAT_NUMBER];
    char high[FORMAT_NUMBER];
    if (isnan(gain->value)) {
        say(w, " Models with and without latents were not both measured, so the fit cannot say whether latents pay.");
        return;
    }
    const bool known = !isnan(gain->low);
    if (known && gain->low <= 0 && gain->high >= 0)
        say(w, " The fit cannot tell whether latents pay here: ");
    else
        say(w, " Latents %spay here: ", gain->value > 0 ? "" : "do not ");
    say(w, "at the same budget the best model with latents (");
    say_kind(w, with->latents, with->steps, with->loops, compared);
    say(w, ") is %s nats a token %s than the best without", format_score(value, fabs(gain->value)),
        gain->value > 0 ? "better" : "worse");
    if (known) {
        const bool better = gain->value > 0;
        say(w, " (%s to %s)", format_score(value, better ? gain->low : -gain->high),
            format_score(high, better ? gain->high : -gain->low));
    }
    say(w, ".");
}

static void put_in_words(const struct ltm_fit *fit, struct ltm_fit_answer *a, const struct group *with, int choices,
                         const bool further[2]) {
    struct words w = {a->words, sizeof a->words, 0};
    const bool loops = fit->rows.features & FIT_LOOPS;
    char budget[FORMAT_NUMBER];
    char low[FORMAT_NUMBER];
    char high[FORMAT_NUMBER];
    say(&w, "With %s FLOPs of training: ", format_quantity(budget, a->budget));
    if (fit->rows.features & 1u << FEATURE_N)
        say_counts(&w, &a->parameters, "parameters");
    else
        say(&w, "%s parameters (the only count measured with these latents)",
            format_quantity(low, a->parameters.value));
    say(&w, ", ");
    say_kind(&w, a->latents, a->fast_steps, a->loops, loops);
    say(&w, ", ");
    if (a->fixed_tokens)
        say(&w, "%s tokens (the only count measured)", format_quantity(budget, a->tokens.value));
    else
        say_counts(&w, &a->tokens, "tokens");
    say(&w, "; expected loss %s", format_score(budget, a->loss.value));
    if (!isnan(a->loss.low)) say(&w, " (%s to %s)", format_score(low, a->loss.low), format_score(high, a->loss.high));
    say(&w, " nats a token.");
    if (fit->info.resamples && choices > 1)
        say(&w, " %.0f %% of %d resamples choose these latents%s; intervals cover %.0f %% of them.", 100 * a->share,
            fit->info.resamples, loops ? ", steps and loops" : " and steps", 100 * fit->info.share);
    else if (fit->info.resamples)
        say(&w, " Intervals cover %.0f %% of %d resamples.", 100 * fit->info.share, fit->info.resamples);
    say_gain(&w, &a->gain, with, loops);
    if (a->at_edge)
        say(&w, " This is the edge of the search, a factor of 2 beyond the measured sizes: the "
                "optimum may lie further out.");
    if (a->extrapolates)
        say(&w,
            " This extrapolates: its %s lie beyond what was measured. Take it as a direction, "
            "not as a figure.",
            !further[0]  ? "tokens"
            : further[1] ? "parameters and tokens"
                         : "parameters");
}

/* ---- The whole ---- */

/* Whether parameters and tokens are further off than `near`. */
static void judge_range(const struct ltm_fit *fit, const struct choice *chosen, bool further[2]) {
    const double value[2] = {chosen->parameters, chosen->tokens};
    for (int k = 0; k < 2; k++) {
        double least = HUGE_VAL;
        double most = 0;
        for (size_t i = 0; i < fit->rows.count; i++) {
            const double measured = k ? fit->points[i].tokens : fit->points[i].parameters;
            least = fmin(least, measured);
            most = fmax(most, measured);
        }
        const double reach = near * (1 + 1e-9); /* rounding is no distance */
        further[k] = value[k] < least / reach || value[k] > most * reach;
    }
}

ltm_status ltm_fit_answer(const struct ltm_fit *fit, double budget, struct ltm_fit_answer *answer,
                          struct ltm_error *error) {
    struct group *groups = NULL;
    double *room = NULL;
    ltm_status status;
    *answer = (struct ltm_fit_answer){.budget = budget};
    if (!(budget > 0) || !isfinite(budget))
        return fail(error, LTM_INVALID, "a budget of %g FLOPs; it must be above 0", budget);
    if (fit->form.terms == 1)
        return fail(error, LTM_INVALID,
                    "the law is a constant, loss = E: no difference between the runs changes the loss by "
                    "more than its scatter, so the law says nothing about a budget");
    TRY(NEW_ARRAY(groups, GROUPS, "an answer", error));
    TRY(NEW_ARRAY(room, 4 * fit->rows.count * GROUPS, "an answer", error));
    const int count = find_groups(fit, groups, room);
    answer->fixed_tokens = !(fit->rows.features & 1u << FEATURE_D);
    bool any = false;
    for (int g = 0; g < count; g++) {
        lay_grid(fit, &groups[g], budget, answer->fixed_tokens ? fit->points[0].tokens : 0);
        any = any || groups[g].usable > 0;
    }
    if (!any) {
        char text[FORMAT_NUMBER];
        status = count ? fail(error, LTM_INVALID,
                              "a budget of %s FLOPs trains none of the models near those that were measured",
                              format_quantity(text, budget))
                       : fail(error, LTM_INVALID,
                              "no run gives the training cost of a token, so a budget cannot be allocated");
        goto cleanup;
    }
    struct choice kinds[2];
    const struct choice chosen = best(fit, groups, count, fit->at, kinds);
    if (chosen.at_edge && !answer->fixed_tokens) {
        char text[FORMAT_NUMBER];
        status = fail(error, LTM_INVALID,
                      "the law has no best size for %s FLOPs within a factor of a million of those measured, so it "
                      "says nothing about that budget",
                      format_quantity(text, budget));
        goto cleanup;
    }
    answer->latents = groups[chosen.group].latents;
    answer->fast_steps = groups[chosen.group].steps;
    answer->loops = groups[chosen.group].loops;
    TRY(take_intervals(fit, groups, count, &chosen, gain_of(kinds), answer, error));
    bool further[2];
    judge_range(fit, &chosen, further);
    answer->extrapolates = further[0] || further[1];
    answer->at_edge = chosen.at_edge;
    put_in_words(fit, answer, kinds[1].group >= 0 ? &groups[kinds[1].group] : &groups[chosen.group], count, further);
cleanup:
    free(groups);
    free(room);
    return status;
}
