/* What a run trains on: data.corpus, or the corpora of data.corpora with their shares of the tokens. */
#pragma once

#include "base/error.h"
#include "ltm/config.h"

struct corpora {
    int count; /* 0: neither is set */
    struct corpus_share {
        char path[LTM_PATH_MAX];
        double share; /* their sum is 1 */
    } each[LTM_CORPORA_MOST];
};

/* LTM_INVALID if data.corpora is malformed, or if both are set. */
ltm_status corpora_read(struct corpora *corpora, const struct ltm_config *config, struct ltm_error *error);

/* As written in the configuration, for messages. */
const char *corpora_text(const struct ltm_config *config);
