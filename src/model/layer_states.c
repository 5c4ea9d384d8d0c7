#include "model/layer_states.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/decoder_pass.h"

static bool ends_layer(const struct application *a) { return a->kind == &feed_forward_stage; }

void plan_layer_places(const struct plan *plan, struct layer_place *places) {
    for (int a = plan->count - 1; a > 0; a--) {
        const struct application *own = &plan->applications[a];
        int runs = 0;
        int before = 0;
        if (!ends_layer(own)) continue;
        for (int b = 0; b < plan->count; b++) {
            const bool same = plan->applications[b].block == own->block && ends_layer(&plan->applications[b]);
            runs += same;
            before += same && b < a;
        }
        *places = (struct layer_place){.loop = runs > 1 ? before + 1 : 0};
        sscanf(plan->table.blocks[own->block].name, "layers.%d", &places->layer);
        places++->layer++;
    }
}

const float *decoder_layer_states(const struct decoder_pass *pass, int above) {
    const struct plan *plan = &pass->decoder->plan;
    for (int a = plan->count - 1; a > 0; a--) {
        const bool ran = a < plan->core.begin || a >= pass->from;
        if (ran && ends_layer(&plan->applications[a]) && above-- == 0) return pass->applied[a + 1].in;
    }
    return NULL;
}

/* mean += share of h / rms(h). */
static void add_normed(float *mean, const float *h, int d, float share) {
    double squares = 0;
    for (int i = 0; i < d; i++) squares += (double)h[i] * (double)h[i];
    const float scale = share / (float)sqrt(squares / d + 1e-5);
    for (int i = 0; i < d; i++) mean[i] += scale * h[i];
}

void decoder_layer_means(const struct decoder_pass *pass, int layers, float *means) {
    const int R = shape_rows(&pass->io.shape);
    const int d = pass->decoder->plan.config.dim;
    const float *h;
    memset(means, 0, shape_floats(&pass->io.shape) * sizeof *means);
    for (int l = 0; l < layers && (h = decoder_layer_states(pass, l)); l++)
        for (int i = 0; i < R; i++) {
            const size_t at = (size_t)i * (size_t)d;
            add_normed(means + at, h + at, d, 1 / (float)layers);
        }
    for (size_t i = 0; !pass->well && i < shape_floats(&pass->io.shape); i++) means[i] = NAN;
}
