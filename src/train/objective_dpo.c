/* `dpo`: of two answers to a prompt the chosen one is to gain on the rejected one (train/preferences.h). A pair's gradient is that of
 * β c (-log p(y_w) + log p(y_l)), c = -dloss/dm; c needs both log p, so every draw is scored before any gradient is taken. */
#include "train/growth.h"
#include "train/objective.h"
#include "train/preferences.h"

static void weigh(const struct group *group, double *shares, struct sequence_score *scores) {
    const struct trainer *trainer = group->trainer;
    const struct ltm_slow_config *slow = &trainer->config.slow;
    const struct fast_loop *loop = &group->w->loop;
    const int S = slow->samples;
    for (int s = 0; s < S; s++) {
        group_draw(group, s);
        decoder_score(group->w->pass, loop->z, loop->nll);
        for (int g = 0; g < group->count; g++)
            scores[g].recon += fast_loop_nll(loop, g, 0, trainer->config.model.sequence) / S;
    }
    for (int g = 0; g < group->count; g += 2) {
        preferences_compare(&scores[g], trainer->reference + 2 * (size_t)group->w->numbers[g], slow);
        const double share = slow->dpo_beta * preferences_slope(scores[g].margin, slow) / S;
        for (int s = 0; s < S; s++) {
            shares[g * S + s] = share;
            shares[(g + 1) * S + s] = -share;
        }
        scores[g].recon = scores[g + 1].recon = 0; /* the gradient's passes add it up */
    }
}

static double loss(const struct sequence_score *score) { return score->dpo; }

static ltm_status check(const struct ltm_config *config, struct ltm_error *error) {
    const struct ltm_slow_config *s = &config->slow;
    if (config->data.kind != LTM_DATA_PAIRS || config->model.packing != LTM_PACKING_DOCUMENT)
        return fail(error, LTM_INVALID,
                    "slow.objective = dpo compares two answers to a prompt; set data.kind = pairs and data.packing = "
                    "document, and name a file of {\"prompt\", \"chosen\", \"rejected\"} in data.corpus");
    if (s->batch % 2 || (s->group != LTM_AUTO && s->group % 2))
        return fail(
            error, LTM_INVALID,
            "slow.objective = dpo uses two sequences for each pair of answers, so slow.batch = %d and slow.group "
            "must be even",
            s->batch);
    if (growth_is_on(config) || config->loop.depth == LTM_LOOP_DEPTH_SAMPLED || s->kl_warmup ||
        config->model.dropout > 0)
        return fail(error, LTM_INVALID,
                    "slow.objective = dpo compares log p with that of the initial weights, computed once: leave out "
                    "the settings that change from step to step (slow.batch_start, slow.window_start, slow.kl_warmup, "
                    "loop.start, loop.full, loop.depth = sampled, model.dropout)");
    if (config->model.predict > 1)
        return fail(error, LTM_INVALID, "slow.predict = %d does not apply to slow.objective = dpo; use 1",
                    config->model.predict);
    return LTM_OK;
}

const struct objective objective_dpo = {
    .name = "dpo",
    .help =
        "direct preference optimisation: of two answers to a prompt, raises the chosen one against the rejected one",
    .of_pairs = true,
    .passes = 4,
    .weigh = weigh,
    .loss = loss,
    .check = check,
};
