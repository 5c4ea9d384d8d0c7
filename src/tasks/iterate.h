/* The iterations that the task `iterate` asks about: f(x) = a x² + b x - c, its positive root (a = 1) or, for gradient descent,
 * its minimum. */
#pragma once

enum { ITERATE_BISECTION, ITERATE_NEWTON, ITERATE_DESCENT, ITERATE_METHODS };
enum { ITERATE_STEPS = 12 };
#define ITERATE_RATE 0.1 /* of gradient descent */

struct iteration {
    int method, a, b, c, from, to; /* to: the interval's upper end, of bisection only */
};

/* x (steps + 1) = x0 … xk */
void iterate_run(const struct iteration *iteration, int steps, double *x);

double iterate_solution(const struct iteration *iteration);
