#include "lab/study_columns.h"

#include <math.h>
#include <stddef.h>

#include "base/csv.h"

void study_put_json(FILE *f, const json_t *value) {
    if (json_is_integer(value))
        fprintf(f, "%lld", (long long)json_integer_value(value));
    else
        csv_put_real(f, json_is_real(value) ? json_real_value(value) : NAN);
}

static void put_integer(FILE *f, int64_t value) { fprintf(f, "%lld", (long long)value); }

/* The contents of each column, in their order. */
#define PUT(name) static void name(FILE *f, const struct study_row *row)

PUT(put_cell) { csv_put_text(f, row->cell.name); }
PUT(put_status) {
    static const char *const states[] = {"waiting", "done", "failed"};
    fputs(states[row->cell.status], f);
}

PUT(put_seed) { fprintf(f, "%llu", (unsigned long long)row->cell.config.run.seed); }
PUT(put_budget_tokens) { csv_put_real(f, row->from->budget_tokens > 0 ? (double)row->from->budget_tokens : NAN); }
PUT(put_budget_flops) { csv_put_real(f, row->from->budget_flops > 0 ? row->from->budget_flops : NAN); }
PUT(put_tokens) { put_integer(f, row->cell.tokens); }
PUT(put_parameters) { put_integer(f, row->cell.parameters); }
PUT(put_parameters_without_embeddings) { put_integer(f, row->cell.parameters_without_embeddings); }
PUT(put_parameters_recurrent) { put_integer(f, row->cell.parameters_recurrent); }
PUT(put_latent_numbers) { put_integer(f, (int64_t)row->cell.config.model.latents * row->cell.config.model.dim); }
PUT(put_forward_flops) { csv_put_real(f, row->cell.forward_flops); }
PUT(put_token_flops) { csv_put_real(f, row->from->flops_per_token); }
PUT(put_training_flops) { csv_put_real(f, row->cell.training_flops); }
PUT(put_step) { study_put_json(f, json_object_get(row->from->result, "step")); }
PUT(put_scored_tokens) { study_put_json(f, json_object_get(row->from->result, "scored_tokens")); }

const struct study_column study_columns[STUDY_COLUMNS] = {
    [COLUMN_CELL] = {"cell", false, put_cell},
    [COLUMN_STATUS] = {"status", false, put_status},
    [COLUMN_SEED] = {"seed", false, put_seed},
    [COLUMN_BUDGET_TOKENS] = {"budget_tokens", true, put_budget_tokens},
    [COLUMN_BUDGET_FLOPS] = {"budget_flops", true, put_budget_flops},
    [COLUMN_TOKENS] = {"tokens", true, put_tokens},
    [COLUMN_PARAMETERS] = {"parameters", true, put_parameters},
    [COLUMN_PARAMETERS_WITHOUT_EMBEDDINGS] = {"parameters_without_embeddings", false,
                                              put_parameters_without_embeddings},
    [COLUMN_PARAMETERS_RECURRENT] = {"parameters_recurrent", true, put_parameters_recurrent},
    [COLUMN_LATENT_NUMBERS] = {"latent_numbers", true, put_latent_numbers},
    [COLUMN_FORWARD_FLOPS] = {"forward_flops", false, put_forward_flops},
    [COLUMN_TOKEN_FLOPS] = {"training_flops_per_token", false, put_token_flops},
    [COLUMN_TRAINING_FLOPS] = {"training_flops", false, put_training_flops},
    [COLUMN_STEP] = {"step", false, put_step},
    [COLUMN_SCORED_TOKENS] = {"scored_tokens", false, put_scored_tokens},
};

#define SCORE(member) offsetof(struct ltm_eval_result, member)

const struct study_score_column study_score_columns[STUDY_SCORES] = {
    {"recon", SCORE(recon.nats)},
    {"kl", SCORE(kl.nats)},
    {"bound", SCORE(bound.nats)},
    {"bits_per_byte", SCORE(bound.bits)},
    {"iwae", SCORE(iwae.nats)},
    {"prior", SCORE(prior.nats)},
    {"continuation", SCORE(continuation.nats)},
    {"continuation_prior", SCORE(continuation_prior.nats)},
    {"fitted_noise", SCORE(fitted_noise.nats)},
    {"drawn", SCORE(drawn.nats)},
    {"frozen", SCORE(frozen.nats)},
    {"others", SCORE(others.nats)},
    {"zero", SCORE(zero.nats)},
};
