#include "model/exits.h"

#include <math.h>
#include <string.h>

void exits_lay_out(struct exits *exits, struct arena *arena, const struct plan *plan, int rows) {
    exits->rule = plan->exit;
    exits->left = ARENA_TAKE(arena, uint8_t, (size_t)rows);
    exits->still = ARENA_TAKE(arena, uint8_t, (size_t)rows);
    exits->loops = ARENA_TAKE(arena, int, (size_t)rows);
}

void exits_begin(struct exits *exits, int rows) {
    memset(exits->left, 0, (size_t)rows);
    memset(exits->still, 0, (size_t)rows);
    memset(exits->loops, 0, (size_t)rows * sizeof *exits->loops);
}

bool exits_leave(struct exits *exits, int row, double change) {
    const bool by_state = exits->rule.kind == LTM_EXIT_STATE;
    const bool rests = change < (by_state ? exits->rule.state : exits->rule.kl);
    exits->loops[row]++;
    exits->still[row] = rests ? exits->still[row] + 1 : 0;
    exits->left[row] = exits->still[row] == (by_state ? 2 : 1);
    return exits->left[row];
}

double exits_change(const float *h, const float *before, size_t n) {
    double moved = 0;
    double size = 0;
#pragma omp simd reduction(+ : moved, size)
    for (size_t i = 0; i < n; i++) {
        const double d = (double)h[i] - (double)before[i];
        moved += d * d;
        size += (double)h[i] * (double)h[i];
    }
    return sqrt(moved / size);
}
