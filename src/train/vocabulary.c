#include "train/vocabulary.h"

#include <stdio.h>

#include "base/files.h"
#include "ltm/corpus.h"
#include "ltm/tokenizer.h"
#include "text/token_stream.h"

void vocabulary_find(struct ltm_config *config) {
    char path[LTM_PATH_MAX];
    struct ltm_tokenizer *tokenizer = NULL;
    struct ltm_corpus_info info;
    if (config->model.vocab != LTM_AUTO) return;
    snprintf(path, sizeof path, "%s", config->data.tokenizer);
    if (!*path && path_join(path, sizeof path, config->data.corpus, "tokenizer.model", NULL) != LTM_OK) return;
    if (file_exists(path) && ltm_tokenizer_open(&tokenizer, path, NULL) == LTM_OK)
        config->model.vocab = ltm_tokenizer_vocab(tokenizer);
    else if (!config->data.tokenizer[0] && corpus_info_read(&info, config->data.corpus, NULL) == LTM_OK)
        config->model.vocab = info.vocab;
    ltm_tokenizer_close(tokenizer);
}
