#include "config/corpora.h"

#include <stdio.h>
#include <string.h>

#include "base/numbers.h"

static const double least = 0.0001; /* a share; a mixture is cut into 10,000 (text/mixture.h) */

static ltm_status read_one(struct corpora *corpora, const char *text, size_t length, struct ltm_error *error) {
    struct corpus_share *to = &corpora->each[corpora->count];
    char one[LTM_PATH_MAX];
    snprintf(one, sizeof one, "%.*s", (int)length, text);
    char *colon = strrchr(one, ':');
    if (!colon || colon == one || !number_parse_real(colon + 1, &to->share) || !(to->share > 0 && to->share < 1e9))
        return fail(error, LTM_INVALID,
                    "data.corpora has \"%.200s\", which is not FOLDER:SHARE with a share above 0, such as "
                    "corpora/kjv/data/corpus:0.7",
                    one);
    *colon = 0;
    for (; colon > one + 1 && colon[-1] == '/'; colon--) colon[-1] = 0; /* one folder, one name */
    snprintf(to->path, sizeof to->path, "%s", one);
    for (int i = 0; i < corpora->count; i++)
        if (strcmp(corpora->each[i].path, to->path) == 0)
            return fail(error, LTM_INVALID, "data.corpora names %.300s twice; add its shares together", to->path);
    corpora->count++;
    return LTM_OK;
}

static ltm_status read_all(struct corpora *corpora, const char *text, struct ltm_error *error) {
    double sum = 0;
    for (const char *at = text; *at;) {
        const size_t length = strcspn(at, " ");
        if (length && corpora->count == LTM_CORPORA_MOST)
            return fail(error, LTM_INVALID, "data.corpora has more than %d corpora; build some of them into one",
                        LTM_CORPORA_MOST);
        if (length) PASS_UP(read_one(corpora, at, length, error));
        at += length + strspn(at + length, " ");
    }
    for (int i = 0; i < corpora->count; i++) sum += corpora->each[i].share;
    for (int i = 0; i < corpora->count; i++) {
        corpora->each[i].share /= sum;
        if (corpora->each[i].share < least)
            return fail(error, LTM_INVALID,
                        "data.corpora gives %.300s a share of %.2g of the tokens; give it at least %g, or leave it out",
                        corpora->each[i].path, corpora->each[i].share, least);
    }
    return LTM_OK;
}

ltm_status corpora_read(struct corpora *corpora, const struct ltm_config *config, struct ltm_error *error) {
    corpora->count = 0;
    if (config->data.corpora[0] && config->data.corpus[0])
        return fail(error, LTM_INVALID,
                    "data.corpus and data.corpora are both set; leave one of them empty (data.corpus= on the command "
                    "line)");
    if (config->data.corpora[0]) return read_all(corpora, config->data.corpora, error);
    if (!config->data.corpus[0]) return LTM_OK;
    corpora->count = 1;
    corpora->each[0].share = 1;
    snprintf(corpora->each[0].path, sizeof corpora->each[0].path, "%s", config->data.corpus);
    return LTM_OK;
}

const char *corpora_text(const struct ltm_config *config) {
    return config->data.corpora[0] ? config->data.corpora : config->data.corpus;
}
