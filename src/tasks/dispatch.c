#include "tasks/dispatch.h"

#include <string.h>

static int line_use(const struct dispatch *d, const int *x, int line) {
    int use = 0;
    for (int i = 0; i < d->units; i++)
        if (d->line[i] == line) use += x[i];
    return use;
}

static int total(const struct dispatch *d, const int *x) {
    int sum = 0;
    for (int i = 0; i < d->units; i++) sum += x[i];
    return sum;
}

static int least_of(int a, int b) { return a < b ? a : b; }

bool dispatch_optimum(const struct dispatch *d, int *x) {
    bool taken[DISPATCH_UNITS] = {false};
    memcpy(x, d->least, sizeof *x * (size_t)d->units);
    for (int n = 0; n < d->units; n++) {
        int next = -1;
        for (int i = 0; i < d->units; i++)
            if (!taken[i] && (next < 0 || d->cost[i] < d->cost[next])) next = i;
        taken[next] = true;
        int more = least_of(d->most[next] - x[next], d->demand - total(d, x));
        if (d->line[next] >= 0) more = least_of(more, d->limit[d->line[next]] - line_use(d, x, d->line[next]));
        if (more > 0) x[next] += more;
    }
    return dispatch_met(d, x) == dispatch_constraints(d);
}

void dispatch_proportional(const struct dispatch *d, int *x) {
    int span = 0;
    int low = 0;
    int remainder[DISPATCH_UNITS];
    for (int i = 0; i < d->units; i++) {
        low += d->least[i];
        span += d->most[i] - d->least[i];
    }
    const int share = d->demand - low;
    for (int i = 0; i < d->units; i++) {
        const int part = span ? (d->most[i] - d->least[i]) * share : 0;
        x[i] = d->least[i] + (span ? part / span : 0);
        remainder[i] = span ? part % span : 0;
    }
    for (int left = d->demand - total(d, x); left > 0; left--) {
        int largest = 0;
        for (int i = 1; i < d->units; i++)
            if (remainder[i] > remainder[largest]) largest = i;
        x[largest]++;
        remainder[largest] = -1;
    }
}

long dispatch_cost(const struct dispatch *d, const int *x) {
    long cost = 0;
    for (int i = 0; i < d->units; i++) cost += (long)d->cost[i] * x[i];
    return cost;
}

int dispatch_constraints(const struct dispatch *d) { return d->units + 1 + d->lines; }

int dispatch_met(const struct dispatch *d, const int *x) {
    int met = total(d, x) == d->demand;
    for (int i = 0; i < d->units; i++) met += x[i] >= d->least[i] && x[i] <= d->most[i];
    for (int l = 0; l < d->lines; l++) met += line_use(d, x, l) <= d->limit[l];
    return met;
}
