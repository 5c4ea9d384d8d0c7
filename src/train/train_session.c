#include "train/train_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/processes.h"
#include "ltm/model.h"
#include "ltm/names.h"
#include "math/bf16.h"
#include "math/matmul.h"
#include "train/depth.h"
#include "train/origin.h"
#include "train/resume_check.h"
#include "train/run_machine.h"
#include "train/session_corpora.h"
#include "train/session_reference.h"
#include "train/stored_posteriors.h"

static ltm_status lock_folder(struct session *s, struct ltm_error *error) {
    static const char *const marks[] = {".lock",      "checkpoints", "log.jsonl", /* of a study's cell: */ ".claim",
                                        "output.txt", NULL};
    char path[LTM_PATH_MAX];
    PASS_UP(folder_check_own(s->config.run.dir, marks, "the folder of a run", error));
    PASS_UP(folder_create(s->config.run.dir, error));
    PASS_UP(path_join(path, sizeof path, s->config.run.dir, ".lock", error));
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock < 0)
        return fail(error, LTM_IO, "cannot write in the run's folder %s: %s", s->config.run.dir, strerror(errno));
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        return fail(error, LTM_INVALID, "another process is training in %s; wait for it, or set another run.dir",
                    s->config.run.dir);
    s->folder = open(s->config.run.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->folder >= 0
               ? LTM_OK
               : fail(error, LTM_IO, "cannot open the run's folder %s: %s", s->config.run.dir, strerror(errno));
}

ltm_status session_follow_folder(struct session *s, struct ltm_error *error) {
    char link[64];
    char path[LTM_PATH_MAX];
    struct stat held;
    struct stat named;
    if (s->folder < 0 || fstat(s->folder, &held) != 0) return LTM_OK;
    if (stat(s->config.run.dir, &named) == 0 && named.st_ino == held.st_ino && named.st_dev == held.st_dev)
        return LTM_OK;
    snprintf(link, sizeof link, "/proc/self/fd/%d", s->folder);
    const ssize_t length = readlink(link, path, sizeof path);
    if (length > 0 && length < (ssize_t)sizeof path) {
        path[length] = 0;
        if (stat(path, &named) == 0 && named.st_ino == held.st_ino && named.st_dev == held.st_dev) {
            watch_message(&s->hooks->watch, "the run's folder %s was moved: the run continues in %s", s->config.run.dir,
                          path);
            snprintf(s->config.run.dir, sizeof s->config.run.dir, "%s", path);
            return LTM_OK;
        }
    }
    return fail(error, LTM_IO, "the run's folder %s was removed while it trained", s->config.run.dir);
}

/* Auto becomes what the run began with, since a resume must compute the same bits, or at its beginning bf16 where the processor
 * has it (1.3 to 1.9 times as fast without matrix units, several times with them). Before there was bf16 a run's configuration kept the word auto. */
static ltm_status settle_precision(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    char checkpoints[LTM_PATH_MAX];
    char path[LTM_PATH_MAX];
    int *precision = &s->config.run.precision;
    struct ltm_config before;
    enum { UNSAID = -100 }; /* ltm writes all keys: a file without this one was emptied or cut */
    TRY(path_join(checkpoints, sizeof checkpoints, s->config.run.dir, "checkpoints", error));
    TRY(path_join(path, sizeof path, s->config.run.dir, "config.ini", error));
    const bool resuming = folder_exists(checkpoints) && file_exists(path);
    if (*precision == LTM_PRECISION_AUTO && resuming) {
        ltm_config_defaults(&before);
        before.run.precision = UNSAID;
        TRY(ltm_config_load(&before, path, error));
        if (before.run.precision == UNSAID)
            TRY(fail(error, LTM_CORRUPT,
                     "%s is damaged: it lacks run.precision; set it to the value that ltm "
                     "inspect %s/last shows, and the run resumes and rewrites its config.ini",
                     path, checkpoints));
        *precision = before.run.precision == LTM_PRECISION_BF16 ? LTM_PRECISION_BF16 : LTM_PRECISION_FP32;
    } else if (*precision == LTM_PRECISION_AUTO)
        *precision = bf16_missing() ? LTM_PRECISION_FP32 : LTM_PRECISION_BF16;
    if (*precision == LTM_PRECISION_BF16 && bf16_missing())
        status = fail(error, LTM_UNSUPPORTED, "run.precision = bf16%s is not possible here: %s; %s",
                      resuming ? ", which this run uses," : "", bf16_missing(),
                      resuming ? "resume on a machine that has it, or start over with fp32" : "use auto or fp32");
cleanup:
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
    PASS_UP(clear_drafts(c->run.dir, error));
    PASS_UP(path_join(path, sizeof path, c->run.dir, "config.ini", error));
    PASS_UP(ltm_config_write(c, path, error));
    return run_log_open(&s->log, c->run.dir, s->state.log_bytes, error);
}

/* Process 0 reads, and the others get, what another run's weights are. */
static ltm_status read_origin(struct session *s, const struct weight_table *table, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    if (processes_rank() == 0)
        status = origin_read(s->decoder->weights, table, &s->config, s->digest, &s->hooks->watch, error);
    PASS_UP(processes_agree(status, error));
    return processes_broadcast(s->decoder->weights, table->size * sizeof(float), error);
}

/* Weights start by the depth of model.loops, of which the decoder may have more. */
static ltm_status begin(struct session *s, struct ltm_error *error) {
    struct plan plan;
    ltm_status status = LTM_OK;
    PASS_UP(plan_create(&plan, &s->config.model, error));
    weights_initialise(s->decoder->weights, &plan.table, s->config.latent_init_scale, s->config.run.seed);
    if (s->config.run.from[0]) status = read_origin(s, &plan.table, error);
    if (s->trainer.optimiser.average)
        memcpy(s->trainer.optimiser.average, s->decoder->weights, plan.table.size * sizeof(float));
    plan_free(&plan);
    return status;
}

/* Weights, moments and log as the newest whole checkpoint has them, or new. */
static ltm_status begin_or_resume(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    const struct ltm_config *c = &s->config;
    TRY(checkpoint_read_newest(c->run.dir, s->decoder, &s->trainer.optimiser, c, &s->state, &s->hooks->watch, error));
    if (s->state.step == 0)
        TRY(begin(s, error));
    else
        watch_message(&s->hooks->watch, "resuming %s at slow step %lld of %lld", c->run.dir, (long long)s->state.step,
                      (long long)s->trainer.steps);
    if (processes_rank() == 0) status = open_log(s, error);
cleanup:
    return status;
}

/* What every process looks at for itself. */
static ltm_status set_up_alone(struct session *s, struct ltm_error *error) {
    PASS_UP(matmul_start(error));
    PASS_UP(ltm_config_check(&s->config, error));
    ltm_config_resolve(&s->config);
    PASS_UP(session_open_corpora(s, error));
    if (!s->config.run.dir[0]) return fail(error, LTM_INVALID, "run.dir is not set; name a folder for the run");
    return session_name_corpora(s, error);
}

/* The run's folder is process 0's. */
static ltm_status take_folder(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    if (processes_rank() == 0) status = lock_folder(s, error);
    if (status == LTM_OK && processes_rank() == 0) status = settle_precision(s, error);
    if (status == LTM_OK && processes_rank() == 0) status = origin_settle(&s->config, error);
    TRY(processes_agree(status, error));
    TRY(processes_broadcast(&s->config.run.precision, sizeof s->config.run.precision, error));
    /* Which weights to begin with a run's own config.ini may have said, and all must read them or none. */
    TRY(processes_broadcast(s->config.run.from, sizeof s->config.run.from, error));
    TRY(processes_broadcast(s->config.run.from_digest, sizeof s->config.run.from_digest, error));
cleanup:
    return status;
}

/* What would be refused when it is opened is not trained. */
static ltm_status check_sequence(const struct ltm_model_config *model, struct ltm_error *error) {
    const int most = model_longest_sequence(model);
    if (model->sequence <= most) return LTM_OK;
    return fail(error, LTM_INVALID,
                "model.sequence = %d is too large for a model of width %d and %lld weights; use at most %d",
                model->sequence, model->dim, (long long)ltm_parameter_count(model), most);
}

static ltm_status new_trainer(struct session *s, struct ltm_error *error) {
    struct memory_limits memory;
    size_t bytes;
    memory_limits_read(&memory, "");
    if (memory.available > 0) memory.available /= processes_here();
    const bool in_bf16 = s->config.run.precision == LTM_PRECISION_BF16;
    PASS_UP(run_machine_check(&s->config, &memory, error));
    PASS_UP(check_sequence(&s->config.model, error));
    const struct ltm_model_config model = depth_model(&s->config);
    PASS_UP(decoder_create(&s->decoder, &model, error));
    if (in_bf16) PASS_UP(decoder_use_bf16(s->decoder, error));
    PASS_UP(trainer_bytes(&bytes, &s->config, &s->decoder->plan, error));
    char latents[64] = "";
    if (s->config.model.kind != LTM_MODEL_SOLVER)
        snprintf(latents, sizeof latents, ", %d latent%s of %d numbers", s->config.model.latents,
                 ltm_plural(s->config.model.latents), s->config.model.dim);
    watch_message(&s->hooks->watch, "%.2f M parameters%s; %.0f MB of memory with %d thread%s, products in %s",
                  (double)ltm_parameter_count(&s->config.model) / 1e6, latents, (double)bytes / 1e6,
                  s->config.run.threads, ltm_plural(s->config.run.threads), in_bf16 ? "bf16" : "fp32");
    PASS_UP(session_mix_corpora(s, error));
    PASS_UP(s->train_puzzles.count
                ? trainer_create_solver(&s->trainer, &s->config, s->decoder, &s->train_puzzles, error)
                : trainer_create(&s->trainer, &s->config, s->decoder, mixture_source(&s->train), error));
    if (s->trainer.posteriors)
        watch_message(&s->hooks->watch,
                      "posteriors of %lld sequences are kept between passes: %.3g MB of memory in "
                      "each process, and as much in each checkpoint",
                      (long long)s->trainer.posteriors->sequences,
                      (double)stored_posteriors_bytes(s->trainer.posteriors) / 1e6);
    s->trainer.watch = &s->hooks->watch;
    s->trainer.stop = s->hooks->stop;
    return LTM_OK;
}

ltm_status session_open(struct session *s, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    TRY(processes_agree(set_up_alone(s, error), error));
    TRY(processes_check_config(&s->config, s->state.corpus, false, error));
    TRY(take_folder(s, error));
    if (processes_count() > 1)
        watch_message(&s->hooks->watch, "%d processes, %d on this machine, %d thread%s in the first", processes_count(),
                      processes_here(), s->config.run.threads, ltm_plural(s->config.run.threads));
    TRY(processes_agree(new_trainer(s, error), error));
    TRY(processes_agree(begin_or_resume(s, error), error));
    TRY(processes_agree(trainer_pack(&s->trainer, error), error));
    TRY(session_reference(s, error));
    const int threads = s->config.run.threads;
    const double speed =
        s->config.run.precision == LTM_PRECISION_BF16 ? bf16_peak(threads, 0.1) : matmul_peak(threads, 0.1);
    s->peak = processes_sum(speed);
    if (processes_rank() == 0) status = run_machine_keep(&s->config, s->state.step, speed, &s->hooks->watch, error);
    TRY(processes_agree(status, error));
cleanup:
    return status;
}

void session_close(struct session *s) {
    run_log_close(&s->log);
    trainer_free(&s->trainer);
    decoder_free(s->decoder);
    for (int k = 0; k < s->corpora.count; k++) {
        token_stream_close(s->corpus[k].train);
        token_stream_close(s->corpus[k].heldout);
        stream_windows_free(&s->corpus[k].train_windows);
        stream_windows_free(&s->corpus[k].heldout_windows);
    }
    mixture_free(&s->train);
    pair_source_free(&s->train_pairs);
    puzzles_free(&s->train_puzzles);
    puzzles_free(&s->heldout_puzzles);
    pair_source_free(&s->heldout_pairs);
    free(s->heldout_scores);
    free(s->reference);
    free(s->heldout_reference);
    if (s->folder >= 0) close(s->folder);
    if (s->lock >= 0) close(s->lock);
}
