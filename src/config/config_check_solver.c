/* Rules of models of kind solver. */
#include "config/config_check_solver.h"

#include "base/error.h"

/* What a solver is not: a key that would do nothing is refused, with what it is to be. */
ltm_status config_check_solver(const struct ltm_config *c, struct ltm_error *error) {
    const struct ltm_model_config *m = &c->model;
    const struct {
        const char *key;
        bool set;
        const char *use;
    } others[] = {{"latent.kind", m->latents && m->latent_kind != LTM_LATENT_FITTED, "fitted"},
                  {"latent.read", m->latents && m->latent_read != LTM_READ_CROSS, "cross"},
                  {"latent.from", m->latent_from > 0, "0"},
                  {"latent.encoder", m->latents && m->encoder != LTM_ENCODER_NONE, "none"},
                  {"latent.start", m->latents && c->latent_start > 0, "0"},
                  {"fast.stored", m->latents && c->fast.stored > 0, "0"},
                  {"fast.loops", m->latents && c->fast.loops > 0, "0"},
                  {"model.memory", m->memory != LTM_MEMORY_NONE, "none"},
                  {"slow.predict_latents", m->predict_latents > 0, "0"},
                  {"model.loops", m->loops > 1, "1, and solver.cycles"},
                  {"model.prelude and model.coda", m->prelude + m->coda > 0, "0"},
                  {"model.dropout", m->dropout > 0, "0"},
                  {"model.mix_input", m->mix_input, "no"},
                  {"model.value_residual", m->value_residual, "no"},
                  {"model.qk_norm", m->qk_norm != LTM_QK_NORM_NONE, "none"},
                  {"model.softcap", m->softcap > 0, "0"},
                  {"model.ffn", m->ffn != LTM_FFN_SWIGLU, "swiglu"},
                  {"data.packing", m->packing != LTM_PACKING_PACKED, "packed"},
                  {"data.kind", c->data.kind != LTM_DATA_TEXT, "text"},
                  {"data.corpora", c->data.corpora[0], "data.corpus"},
                  {"data.tokenizer", c->data.tokenizer[0], "none"},
                  {"run.from", c->run.from[0], "none"},
                  {"slow.predict", m->predict > 1, "1"},
                  {"slow.samples", c->slow.samples > 1, "1"},
                  {"slow.objective", c->slow.objective != LTM_OBJECTIVE_ELBO, "elbo"},
                  {"slow.batch_start", c->slow.batch_start > 0, "0"},
                  {"slow.window_start", c->slow.window_start > 0, "0"}};
    for (size_t i = 0; m->kind == LTM_MODEL_SOLVER && i < sizeof others / sizeof *others; i++)
        if (others[i].set)
            return fail(error, LTM_INVALID, "model.kind = solver has no %s; use %s", others[i].key, others[i].use);
    if (m->kind != LTM_MODEL_SOLVER && c->data.augment)
        return fail(error, LTM_INVALID,
                    "solver.augment = yes applies only to puzzles; use it with model.kind = solver");
    if (m->kind != LTM_MODEL_SOLVER && (m->stable || c->eval.restarts > 1))
        return fail(error, LTM_INVALID, "%s applies only to a solver of puzzles; use it with model.kind = solver",
                    m->stable ? "solver.stable = yes" : "eval.restarts");
    if (m->kind == LTM_MODEL_SOLVER && (m->cycles < 1 || m->supervision < 1))
        return fail(error, LTM_INVALID, "a solver with solver.%s = 0 does nothing; use at least 1",
                    m->cycles < 1 ? "cycles" : "supervision");
    const int64_t applied = (int64_t)m->layers * (m->inner + 1);
    if (m->kind == LTM_MODEL_SOLVER && applied > CONFIG_DEPTH_MOST)
        return fail(error, LTM_INVALID,
                    "solver.inner = %d makes %lld layers of a cycle, more than the %d that can be; use fewer", m->inner,
                    (long long)applied, CONFIG_DEPTH_MOST);
    return LTM_OK;
}
