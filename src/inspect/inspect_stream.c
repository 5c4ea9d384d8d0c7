/* For a model with streaming latents: their start and the learned scale of their step rate. */
#include <math.h>
#include <string.h>

#include "base/safetensors.h"
#include "inspect/inspect_data.h"

struct spread {
    double least, mean, most, rms;
};

static struct spread spread_of(const struct safetensors_tensor *tensor) {
    const float *x = tensor->data;
    const size_t n = tensor->bytes / sizeof *x;
    struct spread s = {INFINITY, 0, -INFINITY, 0};
    for (size_t i = 0; i < n; i++) {
        s.least = fmin(s.least, (double)x[i]);
        s.most = fmax(s.most, (double)x[i]);
        s.mean += (double)x[i] / (double)n;
        s.rms += (double)x[i] * (double)x[i] / (double)n;
    }
    s.rms = sqrt(s.rms);
    return s;
}

ltm_status inspect_stream(json_t *out, const char *path, struct ltm_error *error) {
    static const char gain[] = ".cross_attention.gain.weight";
    struct safetensors *file;
    json_t *rows = json_array();
    ltm_status status = safetensors_open(&file, path, error);
    for (size_t i = 0; status == LTM_OK && i < safetensors_count(file); i++) {
        const struct safetensors_tensor *g = safetensors_at(file, i);
        const char *end = strstr(g->name, gain);
        char name[80];
        if (!end || strcmp(safetensors_dtype(file, i), "F32") != 0) continue;
        snprintf(name, sizeof name, "%.*s.cross_attention.start.weight", (int)(end - g->name), g->name);
        const struct safetensors_tensor *start = safetensors_find(file, name);
        const struct spread s = spread_of(g);
        json_array_append_new(rows, json_pack("{s:s%, s:f, s:f, s:f, s:f}", "layer", g->name, (size_t)(end - g->name),
                                              "gain_least", s.least, "gain_mean", s.mean, "gain_most", s.most,
                                              "start_rms", start ? spread_of(start).rms : NAN));
    }
    safetensors_close(file);
    if (json_array_size(rows) > 0) json_object_set(out, "streaming_latents", rows);
    json_decref(rows);
    return status;
}
