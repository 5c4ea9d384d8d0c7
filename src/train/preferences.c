#include "train/preferences.h"

#include <math.h>

/* log σ(x) */
static double log_sigmoid(double x) { return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x)); }

void preferences_compare(struct sequence_score *two, const double *reference, const struct ltm_slow_config *slow) {
    const double m = slow->dpo_beta * ((-two[0].recon - reference[0]) - (-two[1].recon - reference[1]));
    two[0].margin = m;
    two[0].dpo = -(1 - slow->dpo_smoothing) * log_sigmoid(m) - slow->dpo_smoothing * log_sigmoid(-m);
}

double preferences_slope(double margin, const struct ltm_slow_config *slow) {
    return (1 - slow->dpo_smoothing) * exp(log_sigmoid(-margin)) - slow->dpo_smoothing * exp(log_sigmoid(margin));
}

struct preferences preferences_mean(const struct sequence_score *scores, int64_t count) {
    struct preferences mean = {0};
    const double pairs = (double)count / 2;
    for (int64_t i = 0; i + 1 < count; i += 2) {
        mean.loss += scores[i].dpo / pairs;
        mean.chosen -= scores[i].recon / pairs;
        mean.rejected -= scores[i + 1].recon / pairs;
        mean.margin += scores[i].margin / pairs;
        mean.accuracy += (scores[i].margin > 0) / pairs;
    }
    return mean;
}
