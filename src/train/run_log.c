#include "train/run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"

static ltm_status write_failed(const struct run_log *log, struct ltm_error *error) {
    return fail(error, LTM_IO, "cannot write %s: %s", log->path, strerror(errno));
}

ltm_status run_log_open(struct run_log *log, const char *run, int64_t bytes, struct ltm_error *error) {
    *log = (struct run_log){0};
    ltm_status status = path_join(log->path, sizeof log->path, run, "log.jsonl", error);
    if (status != LTM_OK) return status;
    const int descriptor = open(log->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) return write_failed(log, error);
    const off_t length = lseek(descriptor, 0, SEEK_END);
    if (length >= 0 && length < bytes) {
        close(descriptor);
        return fail(
            error, LTM_CORRUPT,
            "%s is shorter than its checkpoint says (%lld of %lld bytes); restore it, or train in another run.dir",
            log->path, (long long)length, (long long)bytes);
    }
    if (length < 0 || ftruncate(descriptor, bytes) != 0 || lseek(descriptor, bytes, SEEK_SET) < 0 ||
        !(log->stream = fdopen(descriptor, "w"))) {
        status = write_failed(log, error);
        close(descriptor);
    }
    return status == LTM_OK ? folder_sync(run, error) : status; /* its name, where it is new */
}

void run_log_close(struct run_log *log) {
    if (log->stream) fclose(log->stream);
    log->stream = NULL;
}

static void put_real(json_t *line, const char *key, double value) {
    if (isfinite(value)) json_object_set_new(line, key, json_real(value));
}

static void put_corpora(json_t *line, const struct ltm_train_record *r) {
    json_t *all = json_array();
    for (int k = 0; k < r->corpora; k++) {
        const struct ltm_corpus_score *c = &r->corpus[k];
        json_t *one = json_pack("{ss}", "corpus", c->name);
        put_real(one, "share", c->share);
        put_real(one, "recon", c->recon);
        put_real(one, "kl", c->kl);
        put_real(one, "bound", c->bound);
        put_real(one, "bound_error", c->bound_error);
        put_real(one, "bits_per_byte", c->bits_per_byte);
        json_array_append_new(all, one);
    }
    json_object_set_new(line, "corpora", all);
}

/* null of a part of sequences that has no tokens: the list keeps its length. */
static json_t *real_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* The controls of streaming latents. */
static void put_stream(json_t *line, const struct ltm_stream_scores *s) {
    json_t *parts = json_array();
    json_t *frozen = json_array();
    put_real(line, "carried", s->carried);
    put_real(line, "carried_error", s->carried_error);
    put_real(line, "drawn", s->drawn);
    put_real(line, "frozen", s->frozen);
    put_real(line, "others", s->others);
    put_real(line, "zero", s->zero);
    for (int p = 0; p < s->parts; p++) {
        json_array_append_new(parts, real_or_null(s->part[p]));
        json_array_append_new(frozen, real_or_null(s->frozen_part[p]));
    }
    json_object_set_new(line, "parts", parts);
    json_object_set_new(line, "frozen_parts", frozen);
}

static void put_step(json_t *line, const struct ltm_train_record *r) {
    put_real(line, "loss", r->loss);
    put_real(line, "lr", r->lr);
    put_real(line, "grad_norm", r->grad_norm);
    put_real(line, "tokens_per_second", r->tokens_per_second);
    put_real(line, "utilisation", r->utilisation);
}

static void put_solver(json_t *line, const struct ltm_train_record *r) {
    const struct ltm_solver_record *s = &r->solver;
    if (r->heldout) json_object_set_new(line, "heldout", json_true());
    put_real(line, "recon", r->recon);
    if (r->heldout) {
        put_real(line, "exact", s->exact);
        put_real(line, "exact_error", s->exact_error);
        put_real(line, "cells", s->cells);
        put_real(line, "halted", s->halted);
        put_real(line, "halted_steps", s->halted_steps);
        put_real(line, "ema_exact", s->ema_exact);
    } else {
        put_real(line, "halting", r->kl);
        put_step(line, r);
    }
}

ltm_status run_log_append(struct run_log *log, const struct ltm_train_record *r, struct ltm_error *error) {
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(r->step));
    json_object_set_new(line, "tokens", json_integer(r->tokens));
    if (r->preferences) {
        put_real(line, "chosen", r->chosen);
        put_real(line, "rejected", r->rejected);
        put_real(line, "margin", r->margin);
        put_real(line, "accuracy", r->accuracy);
    }
    if (r->solver.on) {
        put_solver(line, r);
    } else if (r->heldout) {
        json_object_set_new(line, "heldout", json_true());
        put_real(line, "recon", r->recon);
        put_real(line, "kl", r->kl);
        put_real(line, "bound", r->bound);
        put_real(line, "bound_error", r->bound_error);
        put_real(line, "bits_per_byte", r->bits_per_byte);
        if (r->stream.parts) put_stream(line, &r->stream);
        if (r->preferences) put_real(line, "loss", r->loss);
        if (r->answers > 0) put_real(line, "exact_match", r->matches / r->answers);
        if (r->ema_bound > 0) put_real(line, r->preferences ? "ema_loss" : "ema_bound", r->ema_bound);
        if (r->corpora) put_corpora(line, r);
    } else {
        put_real(line, "recon", r->recon);
        put_real(line, "kl", r->kl);
        put_step(line, r);
        if (r->predicts) put_real(line, "predict_loss", r->predict_loss);
        if (r->predicts) put_real(line, "teacher_spread", r->teacher_spread);
        if (r->batch) json_object_set_new(line, "batch", json_integer(r->batch));
        if (r->window) json_object_set_new(line, "window", json_integer(r->window));
        if (r->loops) json_object_set_new(line, "loops", json_integer(r->loops));
    }
    if (r->spike > 0) put_real(line, "spike", r->spike);
    if (r->above_uniform) json_object_set_new(line, "above_uniform", json_true());
    if (r->diverged) json_object_set_new(line, "diverged", json_integer(r->diverged));
    if (r->nonfinite) json_object_set_new(line, "nonfinite", json_string(r->nonfinite));
    put_real(line, "seconds", r->seconds);
    char *text = json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(line);
    if (!text) return fail(error, LTM_MEMORY, "out of memory for a line of %s", log->path);
    const int written = fprintf(log->stream, "%s\n", text);
    free(text);
    return written < 0 || fflush(log->stream) != 0 ? write_failed(log, error) : LTM_OK;
}

ltm_status run_log_sync(struct run_log *log, int64_t *bytes, struct ltm_error *error) {
    if (fflush(log->stream) != 0 || fsync(fileno(log->stream)) != 0) return write_failed(log, error);
    const long at = ftell(log->stream);
    if (at < 0) return write_failed(log, error);
    *bytes = at;
    return LTM_OK;
}
