/* ltm_train: a run from its folder's last checkpoint, or from nothing, to its last token. */
#include "ltm/train.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/processes.h"
#include "latent/score.h"
#include "ltm/corpus.h"
#include "ltm/model.h"
#include "ltm/tokenizer.h"
#include "math/bf16.h"
#include "math/matmul.h"
#include "train/checkpoint.h"
#include "train/nonfinite.h"
#include "train/run_log.h"
#include "train/run_machine.h"
#include "train/same_run.h"
#include "train/trainer.h"

struct session {
    struct ltm_config config;
    const struct ltm_train_hooks *hooks;
    struct token_stream *train, *heldout;
    char tokenizer[LTM_PATH_MAX], digest[20]; /* of the tokenizer to keep with checkpoints; empty = none */
    struct decoder *decoder;
    struct trainer trainer;
    struct run_log log;
    struct checkpoint_state state;
    int64_t *heldout_starts, heldout_count;
    struct sequence_score *heldout_scores;
    double began, before, peak; /* seconds: of this process's training; trained in earlier ones; flop/s */
    double rate;                /* tokens a second, of late */
    int lock;                   /* keeps two processes from training in one folder */
};

static void say(const struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct session *s, const char *format, ...) {
    char line[2048];
    va_list arguments;
    if (!s->hooks->watch.message) return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    s->hooks->watch.message(s->hooks->watch.user, line);
}

/* ---- Setting up ---- */

/* Which tokenizer the corpus was made with, and so the vocabulary. */
static ltm_status find_tokenizer(struct session *s, struct ltm_error *error) {
    struct ltm_config *c = &s->config;
    struct ltm_corpus_info info = {0};
    struct ltm_tokenizer *tokenizer = NULL;
    bool known;
    ltm_status status = corpus_info_find(&info, &known, c->data.corpus, error);
    if (status != LTM_OK) return status;
    if (c->data.tokenizer[0])
        snprintf(s->tokenizer, sizeof s->tokenizer, "%s", c->data.tokenizer);
    else if (folder_exists(c->data.corpus)) {
        TRY(path_join(s->tokenizer, sizeof s->tokenizer, c->data.corpus, "tokenizer.model", error));
        if (!file_exists(s->tokenizer)) s->tokenizer[0] = 0;
    }
    if (s->tokenizer[0]) {
        TRY(ltm_tokenizer_open(&tokenizer, s->tokenizer, error));
        snprintf(s->digest, sizeof s->digest, "%s", ltm_tokenizer_digest(tokenizer));
        if (known && strcmp(s->digest, info.tokenizer_digest) != 0) {
            status = fail(error, LTM_MISMATCH,
                          "the corpus %s was made with tokenizer %s, but %s is %s; set data.tokenizer to the right one "
                          "or leave it out",
                          c->data.corpus, info.tokenizer_digest, s->tokenizer, s->digest);
            goto cleanup;
        }
    }
    const int vocab = tokenizer ? ltm_tokenizer_vocab(tokenizer) : known ? info.vocab : LTM_AUTO;
    if (c->model.vocab == LTM_AUTO) c->model.vocab = vocab;
    if (c->model.vocab == LTM_AUTO)
        status = fail(error, LTM_INVALID, "%s does not say its vocabulary; set model.vocab or data.tokenizer",
                      c->data.corpus);
    else if (vocab != LTM_AUTO && c->model.vocab < vocab)
        status = fail(error, LTM_INVALID, "model.vocab = %d is less than the tokenizer's %d; use auto", c->model.vocab,
                      vocab);
cleanup:
    ltm_tokenizer_close(tokenizer);
    return status;
}

static ltm_status open_corpus(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    ltm_status status = LTM_OK;
    int64_t available;
    if (!c->data.corpus[0])
        return fail(error, LTM_INVALID, "data.corpus is not set; build one with ltm corpus build and name its folder");
    if (file_exists(c->data.corpus) && !folder_exists(c->data.corpus)) {
        status = fail(error, LTM_INVALID,
                      "data.corpus = %s is one file, which cannot be both training and held-out text; name a folder "
                      "with both splits",
                      c->data.corpus);
        goto cleanup;
    }
    TRY(token_stream_open(&s->train, c->data.corpus, "train", error));
    TRY(token_stream_open(&s->heldout, c->data.corpus, "heldout", error));
    TRY(heldout_sequences(&available, token_stream_count(s->heldout), c->model.sequence, error));
    s->heldout_count = c->run.eval_sequences < available ? c->run.eval_sequences : available;
    TRY(NEW_ARRAY(s->heldout_starts, (size_t)s->heldout_count, "held-out sequences", error));
    TRY(NEW_ARRAY(s->heldout_scores, (size_t)s->heldout_count, "held-out sequences", error));
    for (int64_t i = 0; i < s->heldout_count; i++)
        s->heldout_starts[i] = heldout_spread(i, s->heldout_count, available) * c->model.sequence;
    TRY(find_tokenizer(s, error));
cleanup:
    return status;
}

static ltm_status lock_folder(struct session *s, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    ltm_status status = folder_create(s->config.run.dir, error);
    if (status == LTM_OK) status = path_join(path, sizeof path, s->config.run.dir, ".lock", error);
    if (status != LTM_OK) return status;
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0)
        return fail(error, LTM_IO, "cannot write in the run's folder %s: %s", s->config.run.dir, strerror(errno));
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        return fail(error, LTM_INVALID, "another process is training in %s; wait for it, or set another run.dir",
                    s->config.run.dir);
    return LTM_OK;
}

/* Auto becomes what the run began with, since a resume must compute the same bits, or at its beginning bf16 where the processor
 * has it (1.3 to 1.9 times as fast without matrix units, several times with them). Before there was bf16 a run's configuration kept the word auto. */
static ltm_status settle_precision(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char checkpoints[LTM_PATH_MAX], path[LTM_PATH_MAX];
    int *precision = &s->config.run.precision;
    struct ltm_config before;
    TRY(path_join(checkpoints, sizeof checkpoints, s->config.run.dir, "checkpoints", error));
    TRY(path_join(path, sizeof path, s->config.run.dir, "config.ini", error));
    const bool resuming = folder_exists(checkpoints) && file_exists(path);
    if (*precision == LTM_PRECISION_AUTO && resuming) {
        ltm_config_defaults(&before);
        TRY(ltm_config_load(&before, path, error));
        *precision = before.run.precision == LTM_PRECISION_BF16 ? LTM_PRECISION_BF16 : LTM_PRECISION_FP32;
    } else if (*precision == LTM_PRECISION_AUTO)
        *precision = bf16_missing() ? LTM_PRECISION_FP32 : LTM_PRECISION_BF16;
    if (*precision == LTM_PRECISION_BF16 && bf16_missing())
        status = fail(error, LTM_UNSUPPORTED, "run.precision = bf16%s is not possible here, because %s; %s",
                      resuming ? ", with which this run began," : "", bf16_missing(),
                      resuming ? "go on where it is, or begin anew with fp32" : "use auto or fp32");
cleanup:
    return status;
}

/* A corpus is known by its counts of tokens, its tokenizer, and the checksum of corpus.json, which holds those of its shards. */
static ltm_status name_corpus(struct session *s, struct ltm_error *error) {
    char path[LTM_PATH_MAX], hex[17] = "", name[160];
    ltm_status status = path_join(path, sizeof path, s->config.data.corpus, "corpus.json", error);
    if (status == LTM_OK && file_exists(path)) status = checksum_file(hex, path, error);
    const int length = snprintf(name, sizeof name, "%lld %lld %s %s", (long long)token_stream_count(s->train),
                                (long long)token_stream_count(s->heldout), s->digest, hex);
    checksum_hex(hex, name, (size_t)length);
    snprintf(s->state.corpus, sizeof s->state.corpus, "%s", hex);
    return status;
}

static ltm_status clear_drafts(const char *run, struct ltm_error *error) {
    char report[LTM_PATH_MAX];
    ltm_status status = folder_clear_drafts(run, error);
    if (status == LTM_OK) status = path_join(report, sizeof report, run, "report", error);
    return status == LTM_OK && folder_exists(report) ? folder_clear_drafts(report, error) : status;
}

/* The run's configuration and log, which are process 0's. */
static ltm_status open_log(struct session *s, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    const struct ltm_config *c = &s->config;
    ltm_status status = clear_drafts(c->run.dir, error);
    if (status == LTM_OK) status = path_join(path, sizeof path, c->run.dir, "config.ini", error);
    if (status == LTM_OK) status = ltm_config_write(c, path, error);
    if (status == LTM_OK) status = run_log_open(&s->log, c->run.dir, s->state.log_bytes, error);
    return status;
}

/* Weights, moments and log as the newest whole checkpoint has them, or new. */
static ltm_status begin_or_resume(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct ltm_config *c = &s->config;
    TRY(checkpoint_read_newest(c->run.dir, s->decoder, &s->trainer.adam, c, &s->state, &s->hooks->watch, error));
    if (s->state.step == 0)
        weights_initialise(s->decoder->weights, &s->decoder->table, c->latent_init_scale, c->run.seed);
    else
        say(s, "resuming %s at slow step %lld of %lld", c->run.dir, (long long)s->state.step,
            (long long)s->trainer.steps);
    if (processes_rank() == 0) status = open_log(s, error);
    s->before = s->state.seconds;
cleanup:
    return status;
}

/* What every process looks at for itself. */
static ltm_status set_up_alone(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    TRY(matmul_start(error));
    TRY(ltm_config_check(&s->config, error));
    ltm_config_resolve(&s->config);
    TRY(open_corpus(s, error));
    if (!s->config.run.dir[0]) return fail(error, LTM_INVALID, "run.dir is not set; name a folder for the run");
    TRY(name_corpus(s, error));
cleanup:
    return status;
}

/* The run's folder is process 0's. */
static ltm_status take_folder(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    if (processes_rank() == 0) status = lock_folder(s, error);
    if (status == LTM_OK && processes_rank() == 0) status = settle_precision(s, error);
    TRY(processes_agree(status, error));
    TRY(processes_broadcast(&s->config.run.precision, sizeof s->config.run.precision, error));
cleanup:
    return status;
}

static ltm_status new_trainer(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    struct memory_limits memory;
    memory_limits_read(&memory, "");
    if (memory.available > 0) memory.available /= processes_here();
    const bool in_bf16 = s->config.run.precision == LTM_PRECISION_BF16;
    TRY(run_machine_check(&s->config, &memory, error));
    TRY(decoder_create(&s->decoder, &s->config.model, error));
    if (in_bf16) TRY(decoder_use_bf16(s->decoder, error));
    TRY(run_machine_fits(&s->config, s->decoder, &memory, error));
    say(s, "%.2f M parameters, %d latents of %d numbers; %.0f MB of memory with %d threads, products in %s",
        (double)ltm_parameter_count(&s->config.model) / 1e6, s->config.model.latents, s->config.model.dim,
        (double)trainer_bytes(&s->config, s->decoder) / 1e6, s->config.run.threads, in_bf16 ? "bf16" : "fp32");
    TRY(trainer_create(&s->trainer, &s->config, s->decoder, s->train, error));
cleanup:
    return status;
}

static ltm_status set_up(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    TRY(processes_agree(set_up_alone(s, error), error));
    TRY(same_everywhere(&s->config, s->state.corpus, false, error));
    TRY(take_folder(s, error));
    if (processes_count() > 1)
        say(s, "%d processes, %d on this machine, %d threads in the first", processes_count(), processes_here(),
            s->config.run.threads);
    TRY(processes_agree(new_trainer(s, error), error));
    TRY(processes_agree(begin_or_resume(s, error), error));
    TRY(processes_agree(decoder_pack(s->decoder, s->config.run.threads, error), error));
    const int threads = s->config.run.threads;
    const double speed =
        s->config.run.precision == LTM_PRECISION_BF16 ? bf16_peak(threads, 0.1) : matmul_peak(threads, 0.1);
    s->peak = processes_sum(speed);
    if (processes_rank() == 0) status = run_machine_keep(&s->config, s->state.step, speed, &s->hooks->watch, error);
    TRY(processes_agree(status, error));
cleanup:
    return status;
}

/* ---- Running ---- */

static double trained_seconds(const struct session *s) { return s->before + seconds_now() - s->began; }

static ltm_status report(struct session *s, const struct ltm_train_record *record, struct ltm_error *error) {
    if (processes_rank() > 0) return LTM_OK;
    ltm_status status = run_log_append(&s->log, record, error);
    if (status == LTM_OK && s->hooks->on_step) s->hooks->on_step(s->hooks->user, record);
    return status;
}

static struct ltm_train_record new_record(const struct session *s) {
    const int64_t step = s->trainer.adam.count;
    return (struct ltm_train_record){.step = step,
                                     .steps = s->trainer.steps,
                                     .tokens = step * s->config.slow.batch * s->config.model.sequence,
                                     .seconds = trained_seconds(s)};
}

static ltm_status save(struct session *s, struct ltm_error *error) {
    s->state.step = s->trainer.adam.count;
    s->state.seconds = trained_seconds(s);
    ltm_status status = processes_rank() == 0 ? run_log_sync(&s->log, &s->state.log_bytes, error) : LTM_OK;
    status = processes_agree(status, error);
    if (status != LTM_OK) return status;
    return checkpoint_write(s->config.run.dir, s->decoder, &s->trainer.adam, &s->config, &s->state,
                            s->tokenizer[0] ? s->tokenizer : NULL, s->digest, error);
}

/* Told the first time alone: a bad rate may make it happen in every step. */
static void count_diverged(struct session *s, const struct ltm_train_record *record) {
    if (record->diverged && s->state.diverged == 0)
        say(s,
            "at slow step %lld the fast loop diverged on %lld of %d sequences; the prior stands in for such a fit, and "
            "the "
            "log counts them; a lower fast.lr may mend it",
            (long long)record->step, (long long)record->diverged, s->config.slow.batch);
    s->state.diverged += record->diverged;
}

/* The run ends, but for a weight that is spoilt itself with the state before this step in a checkpoint. */
static ltm_status stop_nonfinite(struct session *s, const struct fault *fault, struct ltm_train_record *record,
                                 struct ltm_error *error) {
    const bool spoilt = fault->kind == FAULT_WEIGHT, kept = !spoilt && s->trainer.adam.count > 0;
    const bool in_a_row = s->config.run.on_nonfinite == LTM_NONFINITE_SKIP && !spoilt;
    char where[64] = "";
    ltm_status status = kept ? save(s, error) : LTM_OK;
    if (status == LTM_OK)
        status = report(s, record, error); /* behind what the checkpoint counts: a resume makes it anew */
    if (status != LTM_OK) return status;
    if (kept) snprintf(where, sizeof where, " (kept in checkpoints/step-%08lld)", (long long)s->trainer.adam.count);
    return fail(error, LTM_NUMERIC, "slow step %lld of %lld: %s; %s%s", (long long)record->step,
                (long long)record->steps, record->nonfinite,
                spoilt     ? "go back to an earlier checkpoint, or begin anew in another run.dir"
                : in_a_row ? "so many steps in a row were skipped that the run ends; begin anew with a lower slow.lr "
                             "in another run.dir, or go "
                             "on from the state before this step"
                           : "this step is not made; begin anew with a lower slow.lr in another run.dir, or let "
                             "run.on_nonfinite = skip go "
                             "on from the state before it without its update",
                where);
}

/* One that cannot be made is skipped, or ends the run. */
static ltm_status nonfinite_step(struct session *s, const struct fault *fault, struct ltm_train_record *record,
                                 struct ltm_error *error) {
    char text[FAULT_TEXT];
    nonfinite_describe(text, &s->trainer, fault);
    record->nonfinite = text;
    record->step++;
    record->tokens += (int64_t)s->config.slow.batch * s->config.model.sequence;
    if (s->config.run.on_nonfinite == LTM_NONFINITE_STOP || fault->kind == FAULT_WEIGHT ||
        s->state.in_a_row + 1 >= LTM_SKIPPED_MOST)
        return stop_nonfinite(s, fault, record, error);
    say(s, "slow step %lld of %lld is skipped: %s", (long long)record->step, (long long)record->steps, text);
    trainer_skip(&s->trainer);
    count_diverged(s, record);
    s->state.skipped++;
    s->state.in_a_row++;
    return report(s, record, error);
}

static void watch_loss(struct session *s, struct ltm_train_record *record) {
    const double mean = s->state.loss.mean;
    record->spike = loss_spike(&s->state.loss, record->loss);
    if (record->spike == 0) return;
    s->state.spikes++;
    say(s,
        "slow step %lld of %lld: the loss %.4g is a spike, %.1f running standard deviations above its running mean "
        "%.4g",
        (long long)record->step, (long long)record->steps, record->loss, record->spike, mean);
}

static ltm_status slow_step(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    const double tokens = (double)c->slow.batch * c->model.sequence, began = seconds_now();
    struct slow_step done;
    ltm_status status = trainer_step(&s->trainer, &done, error);
    if (status != LTM_OK) return status;
    const double rate = tokens / (seconds_now() - began);
    s->rate = s->rate > 0 ? 0.9 * s->rate + 0.1 * rate : rate;
    struct ltm_train_record record = new_record(s);
    record.recon = done.recon;
    record.kl = done.kl;
    record.loss = done.loss;
    record.lr = done.lr;
    record.grad_norm = done.grad_norm;
    record.tokens_per_second = s->rate;
    record.utilisation = rate * ltm_training_flops(c) / s->peak;
    record.diverged = done.diverged;
    if (done.fault.kind) return nonfinite_step(s, &done.fault, &record, error);
    count_diverged(s, &record);
    watch_loss(s, &record);
    s->state.in_a_row = 0;
    return report(s, &record, error);
}

/* There is no bound where a sequence has none. What the training steps have made is whole: it is kept. */
static ltm_status heldout_nonfinite(struct session *s, struct ltm_error *error) {
    struct ltm_train_record record = new_record(s);
    struct ltm_error second;
    record.heldout = true;
    record.recon = record.kl = record.bound = record.bound_error = NAN;
    record.nonfinite = error->message;
    if (s->config.run.on_nonfinite == LTM_NONFINITE_STOP) {
        const ltm_status status = save(s, &second);
        if (status != LTM_OK) *error = second;
        return status == LTM_OK ? LTM_NUMERIC : status;
    }
    say(s, "no held-out bound at slow step %lld: %s", (long long)record.step, error->message);
    return report(s, &record, error);
}

/* Score held-out sequences with one draw of new noise each; the best so far is what `best` will point at. */
static ltm_status score_heldout(struct session *s, struct ltm_error *error) {
    const struct score_options options = {
        .fast = s->config.fast, .samples = 1, .seed = s->config.run.seed, .watch = &s->hooks->watch};
    ltm_status status = score_sequences(s->heldout_scores, &s->trainer.workers, s->heldout, s->heldout_starts,
                                        s->heldout_count, &options, error);
    if (status == LTM_NUMERIC) return heldout_nonfinite(s, error);
    if (status != LTM_OK) return status;
    const struct score_summary score = score_summarise(s->heldout_scores, s->heldout_count, s->config.model.sequence);
    struct ltm_train_record record = new_record(s);
    int64_t first;
    record.heldout = true;
    record.recon = score.recon;
    record.kl = score.kl;
    record.bound = score.bound;
    record.bound_error = score.bound_error;
    record.diverged = score_diverged(s->heldout_scores, s->heldout_count, &first);
    if (score.bound < s->state.best_bound) {
        s->state.best_bound = score.bound;
        s->state.best_step = record.step;
    }
    return report(s, &record, error);
}

static bool due(int64_t step, int every) { return every > 0 && step % every == 0; }

static ltm_status run(struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    s->began = seconds_now();
    while (s->trainer.adam.count < s->trainer.steps) {
        ltm_status status = processes_agree(slow_step(s, error), error);
        if (status != LTM_OK) return status;
        const int64_t step = s->trainer.adam.count;
        const bool last = step == s->trainer.steps, stop = processes_any(s->hooks->stop && *s->hooks->stop) && !last;
        if (last || due(step, c->run.eval_every)) status = processes_agree(score_heldout(s, error), error);
        if (status == LTM_OK && (last || stop || due(step, c->run.checkpoint_every) || s->state.best_step == step))
            status = save(s, error);
        if (status != LTM_OK) return status;
        if (stop)
            return fail(error, LTM_INTERRUPTED,
                        "stopped after slow step %lld of %lld; the same command goes on from there", (long long)step,
                        (long long)s->trainer.steps);
    }
    return LTM_OK;
}

static void tear_down(struct session *s) {
    run_log_close(&s->log);
    trainer_free(&s->trainer);
    decoder_free(s->decoder);
    token_stream_close(s->train);
    token_stream_close(s->heldout);
    free(s->heldout_starts);
    free(s->heldout_scores);
    if (s->lock >= 0) close(s->lock);
}

ltm_status ltm_train(const struct ltm_config *config, const struct ltm_train_hooks *hooks,
                     struct ltm_train_result *result, struct ltm_error *error) {
    static const struct ltm_train_hooks silent;
    /* One process speaks; all may be asked to stop. */
    const struct ltm_train_hooks quiet = {.stop = hooks ? hooks->stop : NULL};
    const struct ltm_train_hooks *heard = processes_rank() > 0 ? &quiet : hooks ? hooks : &silent;
    struct session s = {.config = *config, .hooks = heard, .lock = -1};
    struct ltm_error ignored;
    if (!error) error = &ignored;
    ltm_status status = set_up(&s, error);
    if (status == LTM_OK) status = run(&s, error);
    if (result) {
        *result =
            (struct ltm_train_result){.step = s.trainer.adam.count,
                                      .tokens = s.trainer.adam.count * config->slow.batch * config->model.sequence,
                                      .best_bound = s.state.best_bound,
                                      .best_step = s.state.best_step,
                                      .skipped = s.state.skipped,
                                      .spikes = s.state.spikes,
                                      .diverged = s.state.diverged};
        snprintf(result->best, sizeof result->best, "%.1000s/checkpoints/best", s.config.run.dir);
    }
    tear_down(&s);
    return status;
}
