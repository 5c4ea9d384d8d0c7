#include "lab/cell_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ltm/train.h"

void cell_log_begin(struct cell_log *log, const struct study_cell *cell) {
    const struct ltm_config *c = &cell->config;
    *log = (struct cell_log){.cell = cell};
    if (study_cell_path(log->path, cell, "log.jsonl", NULL) != LTM_OK) log->path[0] = 0;
    log->running = (struct ltm_sweep_running){.name = cell->name, .steps = ltm_training_steps(c), .bound = NAN};
    log->running.solver = c->model.kind == LTM_MODEL_SOLVER;
}

static void take_line(struct ltm_sweep_running *r, const char *line) {
    json_t *json;
    if (json_read(&json, line, strlen(line), 0, NULL) != LTM_OK) return; /* it is only shown */
    const json_t *bound = json_object_get(json, r->solver ? "exact" : "bound");
    r->step = json_integer_value(json_object_get(json, "step"));
    if (bound) {
        r->bound = json_number_value(bound);
    } else {
        r->recon = json_number_value(json_object_get(json, "recon"));
        r->kl = json_number_value(json_object_get(json, r->solver ? "halting" : "kl"));
        r->tokens_per_second = json_number_value(json_object_get(json, "tokens_per_second"));
    }
    r->scoring = bound && r->step == r->steps; /* its last line */
    json_decref(json);
}

void cell_log_follow(struct cell_log *log) {
    enum { EVERY_MS = 300, MOST = 1 << 20 };
    char line[4096];
    const double now = seconds_now();
    if (now - log->read_at < 1e-3 * EVERY_MS) return;
    log->read_at = now;
    FILE *file = fopen(log->path, "r");
    if (!file) return;
    if (fseek(file, 0, SEEK_END) != 0) goto done;
    const long size = ftell(file);
    if (size < log->at) log->at = 0; /* a resume cut it back */
    if (size - log->at > MOST) log->at = size - MOST;
    if (fseek(file, log->at, SEEK_SET) != 0) goto done;
    while (fgets(line, sizeof line, file) && strchr(line, '\n')) {
        log->at = ftell(file);
        take_line(&log->running, line);
    }
done:
    fclose(file);
}
