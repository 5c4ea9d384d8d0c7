#include "fewshot/fewshot_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "config/chunks.h"
#include "train/trained_model.h"

enum { DRAWS_MOST = 4096, SAMPLES_MOST = 100000, SHOTS_MOST = 100000, LENGTH_MOST = 256 };
/* What results of one journal share: 2 since contexts are cut, and delimiters put, as in the harness; 3 where a state reads all of them. */
enum { CONVENTIONS = 2, CONVENTIONS_READ_ON = 3 };

/* Settings of generation have no effect if answers are scored. */
static ltm_status check_kind(const struct ltm_fewshot_options *o, const struct task *task, struct ltm_error *error) {
    if (o->pairs && (task->kind != TASK_GENERATE || task->rules.squad || !o->output))
        return fail(
            error, LTM_INVALID,
            "pairs of right and wrong samples are written for tasks of kind generate with exact answers, into the "
            "folder of -o%s%s",
            o->output ? ", and not for task " : "; name one", o->output ? task->name : "");
    if (task->kind == TASK_GENERATE || (o->samples == 1 && o->passes == 0)) return LTM_OK;
    return fail(error, LTM_INVALID, "samples and pass@k need kind = generate, but task %s has kind = %s", task->name,
                task_kind_names[task->kind]);
}

static ltm_status check_pass(const struct ltm_fewshot_options *o, struct ltm_error *error) {
    for (int i = 0; i < o->passes; i++)
        if (o->pass[i] < 1 || o->pass[i] > o->samples)
            return fail(error, LTM_INVALID, "pass@%d needs %d samples or more, not %d", o->pass[i], o->pass[i],
                        o->samples);
    return LTM_OK;
}

static ltm_status check_options(const struct ltm_fewshot_options *o, struct ltm_error *error) {
    if (o->shots < 0 || o->shots > SHOTS_MOST)
        return fail(error, LTM_INVALID, "shots = %d is outside 0 … %d", o->shots, SHOTS_MOST);
    if (o->limit < 0)
        return fail(error, LTM_INVALID, "limit = %lld is negative; 0 means all items", (long long)o->limit);
    if (o->draws < 0 || o->draws > DRAWS_MOST)
        return fail(error, LTM_INVALID, "draws = %d is outside 0 … %d", o->draws, DRAWS_MOST);
    if (o->samples < 1 || o->samples > SAMPLES_MOST)
        return fail(error, LTM_INVALID, "samples = %d is outside 1 … %d", o->samples, SAMPLES_MOST);
    if (o->passes < 0 || o->passes > LTM_FEWSHOT_PASS_MOST)
        return fail(error, LTM_INVALID, "pass@k is requested for %d values of k; the maximum is %d", o->passes,
                    LTM_FEWSHOT_PASS_MOST);
    if (o->temperature != LTM_AUTO && !(o->temperature >= 0 && o->temperature <= 100))
        return fail(error, LTM_INVALID, "temperature = %g is outside 0 … 100", o->temperature);
    if (o->top_k < 0) return fail(error, LTM_INVALID, "top-k = %d is negative; 0 means all tokens", o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1)) return fail(error, LTM_INVALID, "top-p = %g is outside (0, 1]", o->top_p);
    if (o->length < 0) return fail(error, LTM_INVALID, "length = %d is negative; 0 means the task's", o->length);
    if (o->loops < 0) return fail(error, LTM_INVALID, "loops = %d is negative; 0 means model.loops", o->loops);
    if (o->threads < 0) return fail(error, LTM_INVALID, "threads = %d is negative; 0 means one per core", o->threads);
    return check_pass(o, error);
}

/* Tokens kept free after a fitted prompt, independent of the item's own answer. As in the harness, each scored answer
 * cuts its context, and generation cuts it to model.sequence - length tokens. */
static ltm_status settle_room(struct fewshot_run *run, struct ltm_error *error) {
    const int T = run->sequence;
    const int quarter = T / 4 < LENGTH_MOST ? T / 4 : LENGTH_MOST;
    struct ltm_fewshot_options *o = &run->options;
    if (run->task->kind != TASK_GENERATE) {
        run->room = 1;
        return T > 1 ? LTM_OK : fail(error, LTM_INVALID, "model.sequence = %d leaves no room for a prompt", T);
    }
    if (o->length == 0) o->length = run->task->length;
    if (o->length == 0) o->length = quarter > 0 ? quarter : 1;
    run->room = o->length + 1;
    if (o->length < run->longest) return LTM_OK;
    return fail(error, LTM_INVALID, "length = %d leaves no room for a prompt in model.sequence = %d; lower it",
                o->length, T);
}

ltm_status fewshot_settle(struct fewshot_run *run, const struct ltm_model *model, const struct task *task,
                          const struct ltm_fewshot_options *options, struct ltm_error *error) {
    struct ltm_config config = model->config;
    ltm_status status = check_options(options, error);
    if (status == LTM_OK) status = check_kind(options, task, error);
    if (status != LTM_OK) return status;
    if (!model->tokenizer)
        return fail(error, LTM_UNSUPPORTED,
                    "the checkpoint has no tokenizer, so it cannot read text; train on a corpus that has one");
    if (options->frozen && !model->config.model.latents)
        return fail(error, LTM_INVALID, "frozen is a control of latents, and the checkpoint has none");
    if (options->shots > task->shots.count)
        return fail(error, LTM_INVALID, "%d shot%s requested, but task %s has %lld%s", options->shots,
                    options->shots == 1 ? " is" : "s are", task->name, (long long)task->shots.count,
                    *task->shots_path ? "" : ": its file has no shots = FILE.jsonl");
    *run = (struct fewshot_run){.tokenizer = model->tokenizer,
                                .task = task,
                                .options = *options,
                                .sequence = model->config.model.sequence,
                                .longest = prompted_longest(&model->config.model)};
    struct ltm_fewshot_options *o = &run->options;
    config.run.threads = o->threads > 0 ? o->threads : LTM_AUTO;
    if (options->fast) config.fast = *options->fast;
    ltm_config_resolve(&config); /* an older file may lack a rate */
    o->threads = config.run.threads;
    o->fast = NULL;
    if (o->temperature == LTM_AUTO) o->temperature = o->samples > 1 ? 0.8 : 0;
    if (o->passes == 0 && o->samples > 1) {
        o->pass[o->passes++] = 1;
        o->pass[o->passes++] = o->samples;
    }
    run->prompted = (struct prompted_options){.fast = config.fast,
                                              .draws = o->draws,
                                              .frozen = o->frozen,
                                              .seed = o->seed,
                                              .begin = ltm_tokenizer_end(model->tokenizer)};
    return settle_room(run, error);
}

static json_t *checkpoint_settings(const struct ltm_model *model, const struct decoder *decoder) {
    char weights[17];
    checksum_hex(weights, decoder->weights, decoder->plan.table.size * sizeof(float));
    return json_pack("{s:s, s:I, s:s, s:s}", "checkpoint.weights", weights, "checkpoint.step", (json_int_t)model->step,
                     "checkpoint.tokenizer", ltm_tokenizer_digest(model->tokenizer), "run.precision",
                     decoder->in_bf16 ? "bf16" : "fp32");
}

static json_t *task_settings(const struct task *task, bool reads_on) {
    json_t *forms = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "task.conventions",
                              reads_on ? CONVENTIONS_READ_ON : CONVENTIONS, "task.description", task->description,
                              "task.context", task->context, "task.contexts", task->contexts, "task.choices",
                              task->choices, "task.labels", task->labels, "task.gold", task->gold, "task.answer",
                              task->answer, "task.first_n", task->first_n, "task.wikihow", task->wikihow);
    json_t *settings = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s}", "task.name", task->name, "task.kind",
        task_kind_names[task->kind], "task.format", task_format_names[task->format], "task.family", task->family,
        "task.delimiter", task->delimiter, "task.separator", task->separator, "task.extract", task->extract,
        "task.stop", task->stop, "task.ignore", task->ignore, "task.match_last", task->match_last, "task.ignore_case",
        task->ignore_case, "task.items", task->digest[0], "task.shots", task->digest[1]);
    if (json_object_update(settings, forms) != 0) {
        json_decref(settings);
        settings = NULL;
    }
    json_decref(forms);
    return settings;
}

static json_t *option_settings(const struct fewshot_run *run) {
    const struct ltm_fewshot_options *o = &run->options;
    json_t *settings = json_pack("{s:i, s:i, s:I}", "shots", o->shots, "draws", o->draws, "seed", (json_int_t)o->seed);
    char passes[LTM_FEWSHOT_PASS_MOST * 12] = "";
    if (run->task->kind != TASK_GENERATE) return settings;
    for (int i = 0; i < o->passes; i++)
        snprintf(passes + strlen(passes), sizeof passes - strlen(passes), "%s%d", i ? "," : "", o->pass[i]);
    json_t *writing = json_pack("{s:i, s:s, s:i, s:f, s:i, s:f}", "samples", o->samples, "pass", passes, "length",
                                o->length, "temperature", o->temperature, "top_k", o->top_k, "top_p", o->top_p);
    if (json_object_update(settings, writing) != 0) {
        json_decref(settings);
        settings = NULL;
    }
    json_decref(writing);
    return settings;
}

/* Those that are not the model's own: an older folder, which has none, can be resumed. */
static json_t *control_settings(const struct fewshot_run *run, const struct ltm_model *model) {
    const struct ltm_fewshot_options *o = &run->options;
    const int own = model->config.model.loops > 1 ? model->config.model.loops : 1;
    json_t *settings = json_object();
    if (o->loops && o->loops != own) json_object_set_new(settings, "eval.loops", json_integer(o->loops));
    if (o->frozen) json_object_set_new(settings, "frozen", json_true());
    if (o->exit.kind == LTM_EXIT_STATE) json_object_set_new(settings, "eval.exit_state", json_real(o->exit.state));
    if (o->exit.kind == LTM_EXIT_KL) json_object_set_new(settings, "eval.exit_kl", json_real(o->exit.kl));
    return settings;
}

bool fewshot_is_control_setting(const char *key) { return strncmp(key, "eval.", 5) == 0 || strcmp(key, "frozen") == 0; }

/* These change no answer, and an older folder has not all of them. */
static bool is_only_trained_with(const char *key) {
    return strcmp(key, "fast.text_parts") == 0 || strcmp(key, "fast.stored") == 0;
}

static json_t *fast_settings(const struct fewshot_run *run) {
    struct ltm_config config;
    size_t count;
    const struct ltm_config_key *keys = ltm_config_keys(&count);
    json_t *settings = json_object();
    ltm_config_defaults(&config);
    config.fast = run->prompted.fast;
    for (size_t i = 0; i < count; i++) {
        char value[LTM_PATH_MAX];
        if (strncmp(keys[i].name, "fast.", 5) != 0 || is_only_trained_with(keys[i].name)) continue;
        if (ltm_config_get(&config, keys[i].name, value, sizeof value, NULL) == LTM_OK)
            json_object_set_new(settings, keys[i].name, json_string(value));
    }
    return settings;
}

ltm_status fewshot_settings(json_t **settings, const struct fewshot_run *run, const struct ltm_model *model,
                            const struct decoder *decoder, struct ltm_error *error) {
    enum { PARTS = 5 };
    json_t *parts[PARTS] = {checkpoint_settings(model, decoder),
                            task_settings(run->task, model_reads_on(&model->config.model)), option_settings(run),
                            control_settings(run, model),
                            model->config.model.latents ? fast_settings(run) : json_object()};
    json_t *all = json_object();
    bool bad = !all;
    for (size_t i = 0; i < PARTS; i++) {
        bad = bad || !parts[i] || json_object_update(all, parts[i]) != 0;
        json_decref(parts[i]);
    }
    *settings = all;
    return bad ? json_fail_memory("settings", error) : LTM_OK;
}
