#include "train/session_puzzles.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/processes.h"

static ltm_status read_part(struct puzzles *puzzles, const struct session *s, const char *name, const char *alphabet,
                            struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    PASS_UP(path_join(path, sizeof path, s->config.data.corpus, name, error));
    if (!file_exists(path))
        return fail(error, LTM_INVALID,
                    "%s is not there: model.kind = solver reads train.jsonl and test.jsonl in the folder data.corpus "
                    "(ltm corpus synth)",
                    path);
    return puzzles_read(puzzles, path, alphabet, error);
}

ltm_status session_open_puzzles(struct session *s, struct ltm_error *error) {
    struct ltm_model_config *m = &s->config.model;
    struct puzzles *train = &s->train_puzzles;
    PASS_UP(read_part(train, s, "train.jsonl", NULL, error));
    PASS_UP(read_part(&s->heldout_puzzles, s, "test.jsonl", train->alphabet, error));
    const struct puzzles *heldout = &s->heldout_puzzles;
    const int vocab = (int)strlen(train->alphabet);
    const int cells = puzzle_cells(train);
    if (train->rows != heldout->rows || train->columns != heldout->columns)
        return fail(error, LTM_INVALID,
                    "the puzzles of %.300s are %d by %d in train.jsonl and %d by %d in test.jsonl; a solver needs one "
                    "size",
                    s->config.data.corpus, train->rows, train->columns, heldout->rows, heldout->columns);
    if (m->sequence != cells)
        return fail(error, LTM_INVALID,
                    "the puzzles of %.300s have %d cells, and model.sequence is %d; set model.sequence = %d",
                    s->config.data.corpus, cells, m->sequence, cells);
    if (vocab < 2 || (m->vocab != LTM_AUTO && m->vocab != vocab))
        return fail(error, LTM_INVALID,
                    "the puzzles of %.300s have %d different characters, and model.vocab is %d; use auto",
                    s->config.data.corpus, vocab, m->vocab);
    m->vocab = vocab;
    return LTM_OK;
}

ltm_status session_name_puzzles(struct session *s, struct ltm_error *error) {
    static const char *const names[] = {"train.jsonl", "test.jsonl"};
    char sums[2][17];
    for (int i = 0; i < 2; i++) {
        char path[LTM_PATH_MAX];
        PASS_UP(path_join(path, sizeof path, s->config.data.corpus, names[i], error));
        PASS_UP(checksum_file(sums[i], path, error));
    }
    snprintf(s->state.corpus, sizeof s->state.corpus, "%s %s", sums[0], sums[1]);
    return LTM_OK;
}

/* Keys of a language model that are set and not refused, for runs begun before they were told of. */
static void tell_idle_keys(const struct session *s) {
    static const char *const keys[] = {"model.window", "model.output",      "model.init_projections",
                                       "model.order",  "latent.init_scale", "eval.samples",
                                       "eval.iwae",    "eval.continuation", "eval.prior",
                                       "eval.loops",   "eval.exit",         "eval.exit_state",
                                       "eval.exit_kl", "eval.split",        "eval.dump",
                                       "eval.states",  "eval.fast.steps",   "eval.fast.lr"};
    struct ltm_config defaults;
    ltm_config_defaults(&defaults);
    defaults.eval.fast_steps = s->config.fast.steps; /* what auto is by now */
    defaults.eval.fast_lr = s->config.fast.lr;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char own[LTM_PATH_MAX] = "";
        char usual[LTM_PATH_MAX] = "";
        ltm_config_get(&s->config, keys[i], own, sizeof own, NULL);
        ltm_config_get(&defaults, keys[i], usual, sizeof usual, NULL);
        if (strcmp(own, usual) != 0)
            watch_message(&s->hooks->watch, "%s = %s does nothing in a solver; leave it out", keys[i], own);
    }
}

void session_describe_puzzles(const struct session *s) {
    const struct puzzles *p = &s->train_puzzles;
    tell_idle_keys(s);
    watch_message(&s->hooks->watch, "%lld puzzles of %d by %d cells (\"%s\") to train on, %lld held out",
                  (long long)p->count, p->rows, p->columns, p->alphabet, (long long)s->heldout_puzzles.count);
}

ltm_status session_score_puzzles(struct solver_scores *scores, const struct session *s, struct ltm_error *error) {
    const struct ltm_config *c = &s->config;
    return solver_scores_take(scores, s->decoder, &s->heldout_puzzles, c, c->run.eval_sequences, c->run.threads, error);
}

bool session_tell_puzzles(struct ltm_train_record *record, const struct solver_scores *own,
                          const struct solver_scores *averaged) {
    const struct solver_mean mean = solver_scores_mean(own, own->steps);
    const struct solver_scores *scores = own;
    struct solver_mean best = mean;
    struct solver_mean halted = solver_scores_mean(own, 0);
    record->heldout = true;
    record->solver.ema_exact = NAN;
    if (averaged) {
        const struct solver_mean other = solver_scores_mean(averaged, averaged->steps);
        record->solver.ema_exact = other.exact;
        if (other.exact >= mean.exact) {
            scores = averaged;
            best = other;
            halted = solver_scores_mean(averaged, 0);
        }
    }
    record->recon = best.nll;
    record->diverged = solver_scores_diverged(scores);
    record->bound = record->bound_error = record->bits_per_byte = NAN;
    record->solver = (struct ltm_solver_record){.on = true,
                                                .exact = best.exact,
                                                .exact_error = best.exact_error,
                                                .cells = best.cells,
                                                .halted = halted.exact,
                                                .halted_steps = halted.steps,
                                                .ema_exact = record->solver.ema_exact};
    return averaged && record->solver.ema_exact >= mean.exact;
}

ltm_status session_keep_puzzles(const struct session *s, const struct solver_scores *scores, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    if (processes_rank() > 0) return LTM_OK;
    PASS_UP(path_join(path, sizeof path, s->config.run.dir, "puzzles.json", error));
    json_t *json = solver_scores_json(scores);
    char *text = json_text(json, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    json_decref(json);
    const ltm_status status =
        text ? file_write_text(path, text, error) : json_fail_memory("the scores of puzzles", error);
    free(text);
    return status;
}
