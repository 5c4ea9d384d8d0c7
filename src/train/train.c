/* ltm_train: a run from its folder's last checkpoint, or from nothing, to its last token. */
#include "ltm/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/processes.h"
#include "config/chunks.h"
#include "latent/score_file.h"
#include "train/heldout_mean.h"
#include "train/nonfinite.h"
#include "train/resume_check.h"
#include "train/session_puzzles.h"
#include "train/train_session.h"

static bool compares(const struct session *s) { return s->config.slow.objective == LTM_OBJECTIVE_DPO; }
static bool solves(const struct session *s) { return s->config.model.kind == LTM_MODEL_SOLVER; }

/* record NULL: no scores. Of several processes the first tells. */
static void tell_event(struct session *s, const char *event, const struct ltm_train_record *record,
                       const char *checkpoint, const char *message) {
    if (processes_rank() > 0) return;
    const struct event_facts facts = {.run = s->config.run.dir,
                                      .checkpoint = checkpoint,
                                      .message = message,
                                      .step = s->trainer.optimiser.count,
                                      .steps = s->trainer.steps,
                                      .tokens = growth_tokens(&s->config, s->trainer.optimiser.count),
                                      .bound = record                     ? record->bound
                                               : compares(s) || solves(s) ? NAN /* the best is a loss, or a share */
                                                                          : s->state.best_bound,
                                      .bits_per_byte = record ? record->bits_per_byte : NAN};
    on_event_tell(&s->hook, event, &facts);
}

static ltm_status report(struct session *s, const struct ltm_train_record *record, struct ltm_error *error) {
    if (processes_rank() > 0) return LTM_OK;
    ltm_status status = run_log_append(&s->log, record, error);
    if (status == LTM_OK && s->hooks->on_step) s->hooks->on_step(s->hooks->user, record);
    if (status == LTM_OK && record->heldout) tell_event(s, "eval", record, NULL, record->nonfinite);
    return status;
}

static struct ltm_train_record new_record(const struct session *s) {
    const int64_t step = s->trainer.optimiser.count;
    return (struct ltm_train_record){.step = step,
                                     .steps = s->trainer.steps,
                                     .tokens = growth_tokens(&s->config, step),
                                     .seconds = s->state.seconds};
}

/* The run's folder as it is held open, so that one that a user moves meanwhile does not appear again where it was. */
static const char *folder_of(const struct session *s, char held[64]) {
    snprintf(held, 64, "/proc/self/fd/%d", s->folder);
    return s->folder >= 0 && folder_exists(held) ? held : s->config.run.dir;
}

/* What failed in there, told with the folder's own name. */
static ltm_status fail_in_folder(const struct session *s, const char *held, ltm_status status,
                                 const struct ltm_error *inner, struct ltm_error *error) {
    if (status == LTM_OK) return LTM_OK;
    const char *named = strstr(inner->message, held);
    if (!named) return fail(error, status, "%s", inner->message);
    return fail(error, status, "%.*s%s%s", (int)(named - inner->message), inner->message, s->config.run.dir,
                named + strlen(held));
}

static ltm_status save(struct session *s, struct ltm_error *error) {
    char held[64];
    struct ltm_error inner = {0};
    s->state.step = s->trainer.optimiser.count;
    ltm_status status = session_follow_folder(s, error);
    if (status == LTM_OK && processes_rank() == 0) status = run_log_sync(&s->log, &s->state.log_bytes, error);
    PASS_UP(processes_agree(status, error));
    status = checkpoint_write(folder_of(s, held), s->decoder, &s->trainer.optimiser, &s->config, &s->state,
                              s->tokenizer[0] ? s->tokenizer : NULL, s->digest, &inner);
    PASS_UP(fail_in_folder(s, held, status, &inner, error));
    char path[LTM_PATH_MAX];
    snprintf(path, sizeof path, "%.980s/checkpoints/step-%08lld", s->config.run.dir, (long long)s->state.step);
    tell_event(s, "checkpoint", NULL, path, NULL);
    if (s->state.best_step == s->state.step && s->gained) tell_event(s, "best", NULL, path, NULL);
    s->gained = false;
    return LTM_OK;
}

/* Told the first time alone: a bad rate may make it happen in every step. */
static void count_diverged(struct session *s, const struct ltm_train_record *record) {
    if (record->diverged && s->state.diverged == 0)
        watch_message(&s->hooks->watch,
                      "at slow step %lld the fast loop diverged on %lld of %d %s; the prior replaces "
                      "such a fit, and the log counts them; try a lower fast.lr",
                      (long long)record->step, (long long)record->diverged, s->trainer.now.batch,
                      solves(s) ? "puzzles" : "sequences");
    s->state.diverged += record->diverged;
}

/* The run ends, but for a weight that is spoilt itself with the state before this step in a checkpoint. */
static ltm_status stop_nonfinite(struct session *s, const struct fault *fault, const struct ltm_train_record *record,
                                 struct ltm_error *error) {
    const bool spoilt = fault->kind == FAULT_WEIGHT;
    const bool kept = !spoilt && s->trainer.optimiser.count > 0;
    const bool in_a_row = s->config.run.on_nonfinite == LTM_NONFINITE_SKIP && !spoilt;
    char where[64] = "";
    ltm_status status = kept ? save(s, error) : LTM_OK;
    if (status == LTM_OK)
        status = report(s, record, error); /* behind what the checkpoint counts: a resume makes it anew */
    if (status != LTM_OK) return status;
    if (kept)
        snprintf(where, sizeof where, " (kept in checkpoints/step-%08lld)", (long long)s->trainer.optimiser.count);
    return fail(error, LTM_NUMERIC, "slow step %lld of %lld: %s; %s%s", (long long)record->step,
                (long long)record->steps, record->nonfinite,
                spoilt     ? "go back to an earlier checkpoint, or start over in another run.dir"
                : in_a_row ? "too many steps in a row were skipped; start over with "
                             "a lower slow.lr in another run.dir, "
                             "or resume from the state before this step"
                           : "this step is not taken; start over with a lower "
                             "slow.lr in another run.dir, or set "
                             "run.on_nonfinite = skip to resume without its update",
                where);
}

/* One that cannot be made is skipped, or ends the run. */
static ltm_status nonfinite_step(struct session *s, const struct fault *fault, struct ltm_train_record record,
                                 struct ltm_error *error) {
    char text[FAULT_TEXT];
    nonfinite_describe(text, &s->trainer, fault);
    record.nonfinite = text;
    record.step++;
    record.tokens += (int64_t)s->trainer.now.batch * s->config.model.sequence;
    if (s->config.run.on_nonfinite == LTM_NONFINITE_STOP || fault->kind == FAULT_WEIGHT ||
        s->state.in_a_row + 1 >= LTM_SKIPPED_MOST)
        return stop_nonfinite(s, fault, &record, error);
    watch_message(&s->hooks->watch, "slow step %lld of %lld is skipped: %s", (long long)record.step,
                  (long long)record.steps, text);
    trainer_skip(&s->trainer);
    count_diverged(s, &record);
    s->state.skipped++;
    s->state.in_a_row++;
    return report(s, &record, error);
}

static double uniform(const struct session *s) { return log(s->config.model.vocab); }

static void watch_loss(struct session *s, struct ltm_train_record *record) {
    const double mean = s->state.loss.mean;
    record->above_uniform = !solves(s) && record->recon > LTM_ABOVE_UNIFORM * uniform(s); /* where a solver begins */
    if (record->above_uniform && s->above_uniform++ == 0)
        watch_message(&s->hooks->watch,
                      "slow step %lld of %lld: the loss %.4g is above ln V = %.4g, the loss of a uniform "
                      "guess: training diverges; try a lower slow.lr",
                      (long long)record->step, (long long)record->steps, record->recon, uniform(s));
    record->spike = loss_spike(&s->state.loss, record->loss);
    if (record->spike == 0) return;
    s->state.spikes++;
    watch_message(&s->hooks->watch,
                  "slow step %lld of %lld: the loss %.4g is a spike, %.1f running standard deviations above its "
                  "running mean %.4g",
                  (long long)record->step, (long long)record->steps, record->loss, record->spike, mean);
}

/* From step to step. */
static bool loops_vary(const struct ltm_config *c) {
    return c->model.loops > 1 && (c->loop.start > 0 || c->loop.full > 0 || c->loop.depth == LTM_LOOP_DEPTH_SAMPLED);
}

/* What the best weights have the least of: the bound, or with dpo its loss. */
static double judge(const struct session *s, struct sequence_score *scores) {
    const struct sequence_source *source = mixture_source(&s->heldout);
    const int64_t count = source->count;
    if (!compares(s)) return heldout_mean(s, scores).bound;
    for (int64_t i = 0; i + 1 < count; i += 2)
        preferences_compare(&scores[i], s->heldout_reference + 2 * (size_t)source->noise(source, i), &s->config.slow);
    return preferences_mean(scores, count).loss;
}

/* In place of figures a token, which would mix chosen and rejected answers. */
static void tell_preferences(struct ltm_train_record *record, const struct preferences *p) {
    record->preferences = true;
    record->loss = p->loss;
    record->chosen = p->chosen;
    record->rejected = p->rejected;
    record->margin = p->margin;
    record->accuracy = p->accuracy;
    record->recon = record->bound = record->bound_error = record->bits_per_byte = NAN;
}

static ltm_status slow_step(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    const double began = seconds_now();
    struct slow_step done;
    PASS_UP(trainer_step(&s->trainer, &done, error));
    const double took = seconds_now() - began;
    const struct growth *now = &s->trainer.now;
    const double rate = (double)now->batch * c->model.sequence / took;
    s->state.seconds += took;
    s->rate = s->rate > 0 ? 0.9 * s->rate + 0.1 * rate : rate;
    struct ltm_train_record record = new_record(s);
    record.recon = done.recon;
    record.kl = done.kl;
    record.loss = done.loss;
    record.lr = done.lr;
    record.grad_norm = done.grad_norm;
    record.tokens_per_second = s->rate;
    record.utilisation = rate * trainer_flops(c, now) / s->peak;
    record.batch = growth_is_on(c) ? now->batch : 0;
    record.window = growth_is_on(c) ? now->window : 0;
    record.loops = loops_vary(c) ? now->loops : 0;
    record.diverged = done.diverged;
    if (compares(s)) tell_preferences(&record, &done.preferences);
    record.solver.on = solves(s);
    record.predicts = s->trainer.teacher != NULL;
    record.predict_loss = done.predicted.loss;
    record.teacher_spread = done.predicted.spread;
    if (done.fault.kind) return nonfinite_step(s, &done.fault, record, error);
    count_diverged(s, &record);
    watch_loss(s, &record);
    s->state.in_a_row = 0;
    return report(s, &record, error);
}

/* There is no bound where a sequence has none. What the training steps have made is whole: it is kept, and a resume takes the score
 * again. */
static ltm_status heldout_nonfinite(struct session *s, struct ltm_error *error) {
    struct ltm_train_record record = new_record(s);
    struct ltm_error second;
    char why[700];
    record.heldout = true;
    record.recon = record.kl = record.bound = record.bound_error = record.bits_per_byte = NAN;
    record.nonfinite = error->message;
    if (s->config.run.on_nonfinite == LTM_NONFINITE_STOP) {
        s->state.heldout_due = true;
        ltm_status status = save(s, &second);
        if (status == LTM_OK) status = report(s, &record, &second); /* behind what the checkpoint counts */
        if (status != LTM_OK) *error = second;
        if (status != LTM_OK) return status;
        snprintf(why, sizeof why, "%.600s", error->message);
        return fail(error, LTM_NUMERIC,
                    "the held-out text has no bound at slow step %lld of %lld (kept in checkpoints/step-%08lld): %s; "
                    "run.on_nonfinite = skip continues without it",
                    (long long)record.step, (long long)record.steps, (long long)record.step, why);
    }
    watch_message(&s->hooks->watch, "no held-out bound at slow step %lld: %s", (long long)record.step, error->message);
    return report(s, &record, error);
}

/* Twice brings them back. */
static ltm_status exchange_average(struct session *s, struct ltm_error *error) {
    float *weights = s->decoder->weights;
    float *average = s->trainer.optimiser.average;
    for (size_t i = 0; i < s->decoder->plan.table.size; i++) {
        const float weight = weights[i];
        weights[i] = average[i];
        average[i] = weight;
    }
    return decoder_pack(s->decoder, s->config.run.threads, error);
}

/* *bound of the averaged weights, INFINITY where they have none. */
static ltm_status score_average(struct session *s, const struct score_options *options, struct sequence_score *scores,
                                double *bound, struct ltm_error *error) {
    const struct sequence_source *source = mixture_source(&s->heldout);
    struct ltm_error second;
    *bound = INFINITY;
    ltm_status status = exchange_average(s, error);
    if (status == LTM_OK) status = score_sequences(scores, &s->trainer.workers, source, options, error);
    if (status == LTM_OK) *bound = judge(s, scores);
    if (status == LTM_NUMERIC) status = LTM_OK;
    const ltm_status back = exchange_average(s, &second);
    if (status == LTM_OK && back != LTM_OK) *error = second;
    return status == LTM_OK ? back : status;
}

/* The scores of each sequence, where they are the best so far: for runs to be compared by (ltm report). None with dpo, where a mean
 * over chosen and rejected answers alike would say nothing. */
static ltm_status keep_scores(const struct session *s, const struct score_options *options,
                              const struct sequence_score *scores, double bound, struct ltm_error *error) {
    char held[64] = "";
    char path[LTM_PATH_MAX];
    struct ltm_error inner = {0};
    ltm_status status = LTM_OK;
    if (!(bound < s->state.best_bound) || compares(s)) return LTM_OK;
    if (processes_rank() == 0) status = path_join(path, sizeof path, folder_of(s, held), "sequences.csv", &inner);
    if (processes_rank() == 0 && status == LTM_OK)
        status = score_write(path, scores, mixture_source(&s->heldout), s->config.model.sequence, options, &inner);
    return processes_agree(fail_in_folder(s, held, status, &inner, error), error);
}

static ltm_status score_average_puzzles(struct solver_scores *scores, struct session *s, struct ltm_error *error) {
    struct ltm_error second;
    PASS_UP(processes_agree(exchange_average(s, error), error));
    const ltm_status status = session_score_puzzles(scores, s, error);
    const ltm_status back = exchange_average(s, &second);
    return status == LTM_OK && back != LTM_OK ? fail_with(error, &second) : status;
}

/* Score held-out puzzles; the best are the weights, or their average, that leave the smallest share of them unsolved. */
static ltm_status score_puzzles(struct session *s, struct ltm_error *error) {
    struct ltm_train_record record = new_record(s);
    struct solver_scores scores = {0};
    struct solver_scores averaged = {0};
    ltm_status status = LTM_OK;
    s->state.heldout_due = false;
    TRY(session_score_puzzles(&scores, s, error));
    if (s->trainer.optimiser.average) TRY(score_average_puzzles(&averaged, s, error));
    s->state.averaged = session_tell_puzzles(&record, &scores, averaged.count ? &averaged : NULL);
    if (1 - record.solver.exact <= s->state.best_bound) {          /* of equals the last, which has trained longest */
        s->gained = 1 - record.solver.exact < s->state.best_bound; /* an equal is no news */
        s->state.best_bound = 1 - record.solver.exact;
        s->state.best_step = record.step;
        TRY(session_keep_puzzles(s, s->state.averaged ? &averaged : &scores, error));
    }
    status = report(s, &record, error);
cleanup:
    solver_scores_free(&scores);
    solver_scores_free(&averaged);
    return status;
}

/* Score held-out sequences with one draw of new noise each; the best so far is what `best` will point at. */
static ltm_status score_heldout(struct session *s, struct ltm_error *error) {
    const struct score_options options = {.fast = s->config.fast,
                                          .samples = 1,
                                          .answers = s->config.data.kind == LTM_DATA_PAIRS && !compares(s),
                                          .seed = s->config.run.seed,
                                          .watch = &s->hooks->watch,
                                          .stop = s->hooks->stop};
    const struct sequence_source *source = mixture_source(&s->heldout);
    const int64_t sequences = source->count;
    struct ltm_corpus_score each[LTM_CORPORA_MOST];
    s->state.heldout_due = false;
    ltm_status status = score_sequences(s->heldout_scores, &s->trainer.workers, source, &options, error);
    if (status == LTM_NUMERIC) return heldout_nonfinite(s, error);
    if (status != LTM_OK) return status;
    const struct score_summary score = heldout_mean(s, s->heldout_scores);
    struct ltm_train_record record = new_record(s);
    int64_t first;
    record.heldout = true;
    record.recon = score.recon;
    record.kl = score.kl;
    record.bound = score.bound;
    record.bound_error = score.bound_error;
    record.bits_per_byte = heldout_bits(s, score.bound);
    record.corpus = each;
    record.corpora = heldout_each(each, s, s->heldout_scores);
    record.diverged = score_diverged(s->heldout_scores, sequences, &first);
    if (model_carries(&s->config.model)) record.stream = heldout_stream(s, s->heldout_scores);
    const struct sequence_score *scores = s->heldout_scores;
    const double own = judge(s, s->heldout_scores);
    double bound = own;
    if (s->trainer.optimiser.average) {
        PASS_UP(score_average(s, &options, s->heldout_scores + sequences, &bound, error));
        if (isfinite(bound)) record.ema_bound = bound;
        watch_message(&s->hooks->watch, "slow step %lld of %lld: held-out %s %.4f with the averaged weights",
                      (long long)record.step, (long long)record.steps, compares(s) ? "loss" : "bound", bound);
        s->state.averaged = bound < own;
        if (s->state.averaged) scores += sequences;
        if (!s->state.averaged) bound = own;
    }
    for (int64_t i = 0; i < sequences && !compares(s); i++) {
        record.answers += scores[i].answers;
        record.matches += scores[i].matches;
    }
    if (compares(s)) {
        const struct preferences preferences = preferences_mean(scores, sequences);
        tell_preferences(&record, &preferences);
    }
    PASS_UP(keep_scores(s, &options, scores, bound, error));
    if (bound < s->state.best_bound) {
        s->gained = true;
        s->state.best_bound = bound;
        s->state.best_step = record.step;
    }
    return report(s, &record, error);
}

/* By a signal's handler, which may run on another thread. */
static bool is_stopped(const struct session *s) {
    return s->hooks->stop && __atomic_load_n(s->hooks->stop, __ATOMIC_RELAXED);
}

static bool due(int64_t step, int every) { return every > 0 && step % every == 0; }

/* A score that is stopped is taken anew by the resume: heldout_due is then true. */
static ltm_status score_until_stopped(struct session *s, struct ltm_error *error) {
    const ltm_status status = processes_agree(solves(s) ? score_puzzles(s, error) : score_heldout(s, error), error);
    if (status != LTM_INTERRUPTED) return status;
    s->state.heldout_due = true;
    return LTM_OK;
}

static ltm_status fail_stopped(const struct session *s, struct ltm_error *error) {
    if (s->trainer.optimiser.count == 0)
        return fail(error, LTM_INTERRUPTED, "stopped within the first of %lld slow steps; the same command starts over",
                    (long long)s->trainer.steps);
    return fail(error, LTM_INTERRUPTED, "stopped after slow step %lld of %lld; the same command resumes from there",
                (long long)s->trainer.optimiser.count, (long long)s->trainer.steps);
}

static ltm_status run(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    const int64_t stable = resume_stable_step(c);
    if (s->state.heldout_due) {
        ltm_status status = score_until_stopped(s, error);
        if (status == LTM_OK) status = save(s, error);
        if (status == LTM_OK && s->state.heldout_due) status = fail_stopped(s, error);
        if (status != LTM_OK) return status;
    }
    while (s->trainer.optimiser.count < s->trainer.steps) {
        ltm_status status = processes_agree(slow_step(s, error), error);
        if (status == LTM_INTERRUPTED) { /* within the step, which a resume takes anew */
            status = s->trainer.optimiser.count > s->state.step ? save(s, error) : LTM_OK;
            if (status == LTM_OK) status = fail_stopped(s, error);
        }
        if (status != LTM_OK) return status;
        const int64_t step = s->trainer.optimiser.count;
        const bool last = step == s->trainer.steps;
        if ((s->heldout.count || s->heldout_puzzles.count) && (last || due(step, c->run.eval_every)))
            status = score_until_stopped(s, error);
        const bool stop = (processes_any(is_stopped(s)) && !last) || s->state.heldout_due;
        if (status == LTM_OK && (last || stop || due(step, c->run.checkpoint_every) || due(step, c->run.keep_every) ||
                                 step == stable || s->state.best_step == step))
            status = save(s, error);
        if (status != LTM_OK) return status;
        if (stop) return fail_stopped(s, error);
    }
    return LTM_OK;
}

ltm_status ltm_train(const struct ltm_config *config, const struct ltm_train_hooks *hooks,
                     struct ltm_train_result *result, struct ltm_error *error) {
    static const struct ltm_train_hooks silent;
    /* One process speaks; all may be asked to stop. */
    const struct ltm_train_hooks quiet = {.stop = hooks ? hooks->stop : NULL};
    const struct ltm_train_hooks *heard = processes_rank() > 0 ? &quiet : hooks ? hooks : &silent;
    struct session s = {.config = *config, .hooks = heard, .lock = -1, .folder = -1};
    struct ltm_error ignored;
    if (!error) error = &ignored;
    s.hook = (struct on_event){.command = s.config.run.on_event, .watch = &heard->watch};
    ltm_status status = session_open(&s, error);
    if (status == LTM_OK) tell_event(&s, "begin", NULL, NULL, NULL);
    if (status == LTM_OK) status = run(&s, error);
    const char *event = status == LTM_OK ? "end" : status == LTM_INTERRUPTED ? "stop" : "failure";
    tell_event(&s, event, NULL, NULL, status == LTM_OK ? NULL : error->message);
    on_event_wait(&s.hook);
    if (result) {
        *result = (struct ltm_train_result){.step = s.trainer.optimiser.count,
                                            .tokens = growth_tokens(config, s.trainer.optimiser.count),
                                            .best_bound = s.state.best_bound,
                                            .best_step = s.state.best_step,
                                            .preferences = config->slow.objective == LTM_OBJECTIVE_DPO,
                                            .solver = config->model.kind == LTM_MODEL_SOLVER,
                                            .skipped = s.state.skipped,
                                            .spikes = s.state.spikes,
                                            .above_uniform = s.above_uniform,
                                            .uniform = uniform(&s),
                                            .diverged = s.state.diverged};
        snprintf(result->dir, sizeof result->dir, "%s", s.config.run.dir);
        snprintf(result->best, sizeof result->best, "%.1000s/checkpoints/best", s.config.run.dir);
    }
    session_close(&s);
    return status;
}
