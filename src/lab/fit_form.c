#include "lab/fit_form.h"

#include <math.h>
#include <stdio.h>

#define N (1u << FEATURE_N)
#define D (1u << FEATURE_D)
#define M (1u << FEATURE_M)
#define S (1u << FEATURE_S)

static const double huber_delta = 1e-3;

/* With few values of a feature, its exponent and a coefficient can diverge. */
static const double wall = 1e4;

/* E, A, B and the effect of latents and steps: they divide A or B, or add a term. 0 in `a` or `b`: only N or D. */
static const struct {
    unsigned a, b;
    bool c, f;
} extensions[] = {{0, 0, false, false}, {0, 0, true, false},     {M, 0, false, false}, {0, M, false, false},
                  {0, 0, false, true},  {0, 0, true, true},      {M, 0, false, true},  {M | S, 0, false, false},
                  {0, M, false, true},  {0, M | S, false, false}};

enum { EXTENSIONS = sizeof extensions / sizeof extensions[0] };

int fit_forms(struct fit_form forms[LTM_FIT_CANDIDATES], unsigned features, bool plain) {
    int count = 0;
    const bool loops = (features & N) && (features & FIT_LOOPS);
    for (int each = 0; each < (loops ? 2 * EXTENSIONS : EXTENSIONS); each++) {
        const int i = each % EXTENSIONS;
        if (plain && i) continue;
        const unsigned a = extensions[i].a;
        const unsigned b = extensions[i].b;
        const unsigned needs =
            a | b | (extensions[i].c ? M : 0) | (extensions[i].f ? S : 0) | (a ? N : 0) | (b ? D : 0);
        if ((features & needs) != needs) continue;
        struct fit_form form = {.terms = 1, .term = {{LTM_FIT_E, 0}}, .loops = each >= EXTENSIONS};
        if (features & N) form.term[form.terms++] = (struct fit_term){LTM_FIT_A, N | a};
        if (features & D) form.term[form.terms++] = (struct fit_term){LTM_FIT_B, D | b};
        if (extensions[i].c) form.term[form.terms++] = (struct fit_term){LTM_FIT_C, M};
        if (extensions[i].f) form.term[form.terms++] = (struct fit_term){LTM_FIT_F, S};
        forms[count++] = form;
    }
    return count;
}

void fit_form_write(const struct fit_form *form, char *text, size_t size) {
    static const char *const coefficient[] = {"E", "A", "B", "C", "F"};
    static const char *const power[FIT_FEATURES] = {"N^α", "D^β", "m^γ", "S^δ"};
    size_t used = 0;
    text[0] = 0;
    for (int t = 0; t < form->terms && used < size; t++) {
        const unsigned features = form->term[t].features;
        const bool several = (features & (features - 1)) != 0;
        used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", t ? " + " : "",
                                 coefficient[form->term[t].coefficient], features ? " / " : "", several ? "(" : "");
        bool first = true;
        for (int j = 0; j < FIT_FEATURES; j++) {
            if (!(features & 1u << j) || used >= size) continue;
            used += (size_t)snprintf(text + used, size - used, "%s%s", first ? "" : " ",
                                     j == FEATURE_N && form->loops ? "(N_once + r^φ N_rec)^α" : power[j]);
            first = false;
        }
        if (several && used < size) used += (size_t)snprintf(text + used, size - used, ")");
    }
}

int fit_form_parameters(const struct fit_form *form, enum ltm_fit_parameter list[LTM_FIT_PARAMETERS]) {
    int count = 0;
    unsigned features = 0;
    for (int t = 0; t < form->terms; t++) {
        list[count++] = form->term[t].coefficient;
        features |= form->term[t].features;
    }
    for (int j = 0; j < FIT_FEATURES; j++)
        if (features & 1u << j) list[count++] = fit_exponent((enum fit_feature)j);
    if (form->loops) list[count++] = LTM_FIT_PHI;
    return count;
}

void fit_form_spread(const struct fit_form *form, const double *x, double at[LTM_FIT_PARAMETERS]) {
    enum ltm_fit_parameter list[LTM_FIT_PARAMETERS];
    const int count = fit_form_parameters(form, list);
    for (int p = 0; p < LTM_FIT_PARAMETERS; p++) at[p] = NAN;
    for (int i = 0; i < count; i++) at[list[i]] = x[i];
}

void fit_form_gather(const struct fit_form *form, const double at[LTM_FIT_PARAMETERS], double *x) {
    enum ltm_fit_parameter list[LTM_FIT_PARAMETERS];
    const int count = fit_form_parameters(form, list);
    for (int i = 0; i < count; i++) x[i] = at[list[i]];
}

/* ln(1 + s (r^φ - 1)), and its slope in φ. Constant far outside φ's range, so that no power overflows. */
static double log_growth(const struct fit_row *row, double phi, double *slope) {
    const double power = fmax(-100, fmin(100, phi * row->log_loops));
    const double again = row->recurrent * exp(power);
    const double all = 1 - row->recurrent + again;
    *slope = power == phi * row->log_loops ? again * row->log_loops / all : 0;
    return log(all);
}

double fit_form_log(const struct fit_form *form, const struct fit_row *row, const double at[LTM_FIT_PARAMETERS],
                    double *weight) {
    double log_term[FIT_TERMS];
    double most = -HUGE_VAL;
    double sum = 0;
    double slope;
    for (int t = 0; t < form->terms; t++) {
        const struct fit_term *term = &form->term[t];
        log_term[t] = at[term->coefficient];
        for (int j = 0; j < FIT_FEATURES; j++)
            if (term->features & 1u << j) log_term[t] -= at[fit_exponent((enum fit_feature)j)] * row->x[j];
        if (form->loops && term->features & N)
            log_term[t] -= at[LTM_FIT_ALPHA] * log_growth(row, at[LTM_FIT_PHI], &slope);
        if (term->coefficient == LTM_FIT_F && !row->latents) log_term[t] = -HUGE_VAL;
        if (log_term[t] > most) most = log_term[t];
    }
    for (int t = 0; t < form->terms; t++) sum += log_term[t] = exp(log_term[t] - most);
    if (weight)
        for (int t = 0; t < form->terms; t++) weight[t] = log_term[t] / sum;
    return most + log(sum);
}

double fit_objective_value(const void *context, const double *x, double *gradient, int count) {
    const struct fit_objective *o = context;
    double at[LTM_FIT_PARAMETERS];
    double slope[LTM_FIT_PARAMETERS] = {0};
    double value = 0;
    fit_form_spread(o->form, x, at);
    for (size_t i = 0; i < o->count; i++) {
        const double w = o->weight ? o->weight[i] : 1;
        double share[FIT_TERMS];
        if (w == 0) continue;
        const double r = (o->rows[i].log_loss - fit_form_log(o->form, &o->rows[i], at, share)) / huber_delta;
        const double pull = fmax(-1, fmin(1, r)); /* d Huber / d r */
        value += w * (fabs(r) <= 1 ? 0.5 * r * r : fabs(r) - 0.5);
        for (int t = 0; t < o->form->terms; t++) {
            const struct fit_term *term = &o->form->term[t];
            const double g = -w * pull * share[t] / huber_delta;
            slope[term->coefficient] += g;
            for (int j = 0; j < FIT_FEATURES; j++)
                if (term->features & 1u << j) slope[fit_exponent((enum fit_feature)j)] -= g * o->rows[i].x[j];
            if (!o->form->loops || !(term->features & N)) continue;
            double by_phi;
            slope[LTM_FIT_ALPHA] -= g * log_growth(&o->rows[i], at[LTM_FIT_PHI], &by_phi);
            slope[LTM_FIT_PHI] -= g * at[LTM_FIT_ALPHA] * by_phi;
        }
    }
    (void)count;
    for (int p = LTM_FIT_ALPHA; p <= LTM_FIT_PHI; p++) {
        const double over = fabs(at[p]) - FIT_STEEPEST;
        if (!(over > 0)) continue; /* nor where there is no such exponent */
        value += wall * over * over;
        slope[p] += 2 * wall * copysign(over, at[p]);
    }
    fit_form_gather(o->form, slope, gradient);
    return value;
}
