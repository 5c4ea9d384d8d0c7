#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "config/corpora.h"
#include "ltm/corpus.h"
#include "ltm/tokenizer.h"
#include "solver/puzzles.h"
#include "text/corpus_info.h"

/* Of a solver the vocabulary is the alphabet of the puzzles that it trains on; it stays unknown where there is no such file. */
static ltm_status find_alphabet(struct ltm_config *config, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    struct puzzles puzzles;
    PASS_UP(path_join(path, sizeof path, config->data.corpus, "train.jsonl", error));
    if (!file_exists(path)) return LTM_OK;
    PASS_UP(puzzles_read(&puzzles, path, NULL, error));
    config->model.vocab = (int)strlen(puzzles.alphabet);
    puzzles_free(&puzzles);
    return LTM_OK;
}

ltm_status ltm_vocabulary_find(struct ltm_config *config, struct ltm_error *error) {
    char path[LTM_PATH_MAX];
    struct ltm_tokenizer *tokenizer = NULL;
    struct ltm_corpus_info info;
    struct corpora corpora;
    struct ltm_error inner = {0};
    ltm_status status = LTM_OK;
    if (config->model.vocab != LTM_AUTO) return LTM_OK;
    if (config->model.kind == LTM_MODEL_SOLVER) return find_alphabet(config, error);
    PASS_UP(corpora_read(&corpora, config, error));
    const char *corpus = corpora.count ? corpora.each[0].path : "";
    snprintf(path, sizeof path, "%s", config->data.tokenizer);
    if (!*path && path_join(path, sizeof path, corpus, "tokenizer.model", NULL) != LTM_OK) return LTM_OK;
    if (file_exists(path) && (status = ltm_tokenizer_open(&tokenizer, path, &inner)) == LTM_OK)
        config->model.vocab = ltm_tokenizer_vocab(tokenizer);
    else if (status != LTM_MEMORY && !config->data.tokenizer[0] &&
             (status = corpus_info_read(&info, corpus, &inner)) == LTM_OK)
        config->model.vocab = info.vocab;
    ltm_tokenizer_close(tokenizer);
    return status == LTM_MEMORY ? fail_with(error, &inner) : LTM_OK;
}
