/* make calibrate: of 100 synthetic studies of known law at each of three noises, how many intervals of 95 % hold each constant.
 * It fails where one holds fewer than 90. Arguments: studies a noise (100), resamples of each (400), seed (1). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "ltm/fit.h"

enum { SIDE = 4, CELLS = SIDE * SIDE, CONSTANTS = 5 };

static const enum ltm_fit_parameter list[CONSTANTS] = {LTM_FIT_E, LTM_FIT_A, LTM_FIT_B, LTM_FIT_ALPHA, LTM_FIT_BETA};
static const double truth[CONSTANTS] = {1.8, 60, 120, 0.3, 0.28};

/* Four sizes by four token counts, as a study of small models has them, with log-normal noise. */
static void make_study(struct ltm_fit_point points[CELLS], double noise, uint64_t seed) {
    float normal[CELLS];
    random_normal(normal, CELLS, (struct random_key){.seed = seed, .purpose = RANDOM_ORDER});
    for (int i = 0; i < CELLS; i++) {
        const int row = i / SIDE;
        const double n = 1e5 * pow(3, row);
        const double d = 4e5 * pow(2, i % SIDE);
        const double loss = truth[0] + truth[1] / pow(n, truth[3]) + truth[2] / pow(d, truth[4]);
        points[i] = (struct ltm_fit_point){
            .loss = loss * exp(noise * (double)normal[i]), .parameters = n, .tokens = d, .token_flops = 6 * n};
    }
}

static int try_noise(double noise, int studies, int resamples, uint64_t seed) {
    int held[CONSTANTS] = {0};
    int narrow = 0;
    double width = 0;
    for (int s = 0; s < studies; s++) {
        struct ltm_fit_point points[CELLS];
        struct ltm_fit_options options;
        struct ltm_error error = {0};
        struct ltm_fit *fit;
        ltm_fit_options_defaults(&options);
        options.resamples = resamples;
        options.plain = true;
        make_study(points, noise, seed * 1000 + (uint64_t)s);
        if (ltm_fit(&fit, points, CELLS, &options, NULL, &error) != LTM_OK) {
            fprintf(stderr, "%s\n", error.message);
            exit(1);
        }
        const struct ltm_fit_interval *p = ltm_fit_info(fit)->parameter;
        for (int i = 0; i < CONSTANTS; i++) held[i] += p[list[i]].low <= truth[i] && truth[i] <= p[list[i]].high;
        narrow += !(p[LTM_FIT_E].high > p[LTM_FIT_E].low * 1.001 + 1e-6);
        width += (p[LTM_FIT_E].high - p[LTM_FIT_E].low) / studies;
        ltm_fit_free(fit);
    }
    printf("noise %.4f: of %d intervals hold E %d, A %d, B %d, α %d, β %d; %d of E have no width, %.2f is the mean\n",
           noise, studies, held[0], held[1], held[2], held[3], held[4], narrow, width);
    fflush(stdout);
    int bad = narrow;
    for (int i = 0; i < CONSTANTS; i++) bad += held[i] * 10 < studies * 9;
    return bad;
}

int main(int argc, char **argv) {
    const int studies = argc > 1 ? atoi(argv[1]) : 100;
    const int resamples = argc > 2 ? atoi(argv[2]) : 400;
    const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    static const double noises[] = {0.001, 0.005, 0.02};
    int bad = 0;
    for (size_t i = 0; i < sizeof noises / sizeof *noises; i++) bad += try_noise(noises[i], studies, resamples, seed);
    return bad > 0;
}
