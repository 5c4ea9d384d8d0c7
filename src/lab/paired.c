#include "lab/paired.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/files.h"
#include "base/memory.h"
#include "score/score_means.h"

static bool begin(struct paired *p, const struct csv *csv, int tokens) {
    if (NEW_ARRAY(p->value, csv->rows, "sequences", p->failed) != LTM_OK ||
        NEW_ARRAY(p->tokens, csv->rows, "sequences", p->failed) != LTM_OK ||
        NEW_ARRAY(p->name, csv->rows, "sequences", p->failed) != LTM_OK)
        return false;
    p->count = csv->rows;
    for (size_t i = 0; i < p->count; i++) {
        p->tokens[i] = csv_number(csv, i, tokens);
        snprintf(p->name[i], sizeof p->name[i], "%s", csv_text(csv, i, 0));
    }
    return true;
}

/* False if a sequence differs or has no score. */
static bool add(struct paired *p, const struct csv *csv, const char *column, double share) {
    const int score = csv_column(csv, column);
    const int tokens = csv_column(csv, strncmp(column, "continuation", 12) == 0 ? "rest_tokens" : "tokens");
    if (csv->rows == 0 || csv_column(csv, "sequence") != 0 || (!p->value && !begin(p, csv, tokens))) return false;
    if (csv->rows != p->count) return false;
    for (size_t i = 0; i < p->count; i++) {
        const double value = csv_number(csv, i, score);
        if (isnan(value) || csv_number(csv, i, tokens) != p->tokens[i] || strcmp(csv_text(csv, i, 0), p->name[i]) != 0)
            return false;
        p->value[i] += share * value;
    }
    return true;
}

void paired_add(struct paired *p, const char *folder, const char *file, const char *score, double share) {
    const char *colon = strrchr(score, ':');
    char path[LTM_PATH_MAX];
    struct csv csv;
    if (p->apart) return;
    const int length = snprintf(path, sizeof path, "%s/%s%s%.*s.csv", folder, file, colon ? "-" : "",
                                colon ? (int)(colon - score) : 0, score);
    p->apart = strchr(score, '/') || length >= (int)sizeof path || !file_exists(path);
    if (p->apart) return;
    struct ltm_error inner = {0};
    const ltm_status status = csv_read(&csv, path, &inner);
    if (status == LTM_IO || status == LTM_MEMORY) fail_with(p->failed, &inner);
    p->apart = status != LTM_OK || !add(p, &csv, colon ? colon + 1 : score, share);
    if (status == LTM_OK) csv_free(&csv);
}

const char *paired_note(bool all) {
    return all ? "Errors of differences are paired: the same sequences were scored, and only the difference "
                 "on each sequence counts."
               : "* This error combines those of both scores: their errors are not stored by sequence, or not for the "
                 "same sequences.";
}

struct ltm_score paired_finish(struct paired *p) {
    const struct ltm_score difference =
        p->apart || p->count == 0 ? no_measure.nats : score_means(p->value, NULL, p->tokens, 0, (int64_t)p->count).nats;
    free(p->value);
    free(p->tokens);
    free(p->name);
    *p = (struct paired){0};
    return difference;
}
