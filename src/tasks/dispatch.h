/* Dispatch: serve a demand from units with limits and costs, some of which share a line.
 *
 *     minimise Σ cost_i x_i   subject to   min_i <= x_i <= max_i,   Σ x_i = demand,   Σ_{i on line l} x_i <= limit_l
 *
 * A unit is on one line at most. Then merit order is exact: from the minima up, the cheapest unit first, each as far as its own
 * limit, its line and the demand allow (the feasible set is the base of a polymatroid, on which the greedy rule is optimal:
 * Edmonds 1970). */
#pragma once

#include <stdbool.h>

enum { DISPATCH_UNITS = 12, DISPATCH_LINES = 3 };

struct dispatch {
    int units, lines, demand;
    int least[DISPATCH_UNITS], most[DISPATCH_UNITS], cost[DISPATCH_UNITS];
    int line[DISPATCH_UNITS]; /* which line a unit is on, -1 = none */
    int limit[DISPATCH_LINES];
};

/* The cheapest x (units), whole numbers; false when nothing feasible exists. */
bool dispatch_optimum(const struct dispatch *dispatch, int *x);

/* Every unit the same way from its minimum to its maximum, so that the demand is met (whole numbers, largest remainders up);
 * lines are not looked at. */
void dispatch_proportional(const struct dispatch *dispatch, int *x);

long dispatch_cost(const struct dispatch *dispatch, const int *x);

/* How many constraints hold: one for each unit's limits, one for the demand, one for each line. */
int dispatch_met(const struct dispatch *dispatch, const int *x);
int dispatch_constraints(const struct dispatch *dispatch);
