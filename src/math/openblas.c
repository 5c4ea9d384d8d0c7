#include "math/openblas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cblas.h>

/* Functions of OpenBLAS that its headers do not declare. Weak: NULL if it was built for one processor. */
void gotoblas_dynamic_init(void) __attribute__((weak));
void gotoblas_dynamic_quit(void) __attribute__((weak));

/* The widest vectors a kernel uses. */
enum level { SSE, AVX, AVX2, AVX512 };

/* For x86, those with vectors wider than SSE's. Choose the first of a level: Zen's products are Haswell's, and 0.3.21
 * does not find Cooperlake and SapphireRapids by name. */
static const struct {
    const char *name;
    enum level level;
} kernels[] = {{"SkylakeX", AVX512}, {"Cooperlake", AVX512}, {"SapphireRapids", AVX512}, {"Haswell", AVX2},
               {"Zen", AVX2},        {"Sandybridge", AVX},   {"Bulldozer", AVX},         {"Piledriver", AVX},
               {"Steamroller", AVX}, {"Excavator", AVX}};

static enum level level_of(const char *kernel) {
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (strcasecmp(kernel, kernels[i].name) == 0) return kernels[i].level;
    return SSE;
}

static const char *best_of(enum level level) {
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i].level == level) return kernels[i].name;
    return "Nehalem";
}

/* The widest that the processor can run; SSE for other architectures, whose kernels do not differ that way. */
static enum level most_of(const struct processor *processor) {
    return processor->avx512 ? AVX512 : processor->avx2 ? AVX2 : processor->avx ? AVX : SSE;
}

size_t openblas_candidates(const char *candidates[OPENBLAS_CANDIDATES], const struct processor *processor,
                           const char *kernel, const char *setting, bool correct) {
    size_t count = 0;
    const enum level own = level_of(kernel);
    const enum level most = most_of(processor);
    if (*setting || most == SSE) return 0;
    for (int level = (int)most; level >= SSE; level--) {
        if (correct ? level <= (int)own : strcasecmp(best_of((enum level)level), kernel) == 0) continue;
        candidates[count++] = best_of((enum level)level);
    }
    return count;
}

/* False when OpenBLAS has no such kernel: it then uses the detected one. NULL: detect again. */
static bool use_kernel(const char *kernel) {
    if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit) return false;
    if (kernel && setenv("OPENBLAS_CORETYPE", kernel, 1) != 0) return false;
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv("OPENBLAS_CORETYPE");
    return kernel && strcasecmp(openblas_get_corename(), kernel) == 0;
}

static void note(char out[32], const char *text) { snprintf(out, 32, "%s", text ? text : ""); }

void openblas_settle(struct openblas_state *state, const struct processor *processor, bool (*check)(void)) {
    const char *candidates[OPENBLAS_CANDIDATES];
    *state = (struct openblas_state){0};
    openblas_set_num_threads(1);
    note(state->detected, openblas_get_corename());
    note(state->setting, getenv("OPENBLAS_CORETYPE"));
    state->correct = check();
    state->wrong_first = !state->correct;
    const size_t count = openblas_candidates(candidates, processor, state->detected, state->setting, state->correct);
    bool settled = false;
    for (size_t i = 0; i < count && !settled; i++) settled = use_kernel(candidates[i]) && check();
    if (settled)
        state->correct = true;
    else if (count)
        use_kernel(NULL);
    note(state->kernel, openblas_get_corename());
    if (level_of(state->kernel) < most_of(processor)) note(state->better, best_of(most_of(processor)));
}

const char *openblas_config(void) { return openblas_get_config(); }
