/* Samples in bulk: prompts from a file, statistics of the samples, and their perplexity under another model. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ltm/eval.h"
#include "ltm/model.h"
#include "ltm/status.h"
#include "ltm/watch.h"

LTM_C_BEGIN

/* Prompts: each line of a text file or, for a name that ends in .jsonl (.jsonl.gz), the string under `field` of each line's
 * object. Blank lines are skipped. */
struct ltm_prompts {
    char **texts;
    int64_t count;
    size_t room; /* of the array */
};

/* field NULL = "prompt". LTM_INVALID names file and line; LTM_IO, LTM_CORRUPT (a damaged .gz). Free the prompts in any case. */
ltm_status ltm_prompts_read(struct ltm_prompts *prompts, const char *path, const char *field, struct ltm_error *error);
void ltm_prompts_free(struct ltm_prompts *prompts);

/* Check that a file for samples can be written; its folders are made, an existing file is kept. */
ltm_status ltm_output_try(const char *path, struct ltm_error *error);

/* One sample's text. */
struct ltm_text {
    const char *prompt; /* the text that it continues, or NULL */
    const char *text;
    size_t bytes;
    bool ended; /* with the end of a document */
};

/* Of the texts without their prompts. Words are separated by white space, so that models with different tokenizers are comparable.
 * NaN if there is nothing to count. */
struct ltm_text_statistics {
    int64_t texts, words, bytes;
    double distinct[4];     /* distinct-n, n = 1 … 4: different n-grams over all n-grams, of all texts together
                             * (Li et al., "A diversity-promoting objective function", NAACL 2016) */
    double entropy;         /* of the words' frequencies, bits per word */
    double repeated;        /* share of 4-grams that occurred earlier in the same text */
    int64_t longest_repeat; /* words of the longest passage that occurs twice in one text (the two may overlap) */
};

ltm_status ltm_text_statistics(const struct ltm_text *texts, size_t count, struct ltm_text_statistics *statistics,
                               struct ltm_error *error);

/* How a model, with its own tokenizer, scores texts with their prompts, as ltm_eval scores a corpus: each text is a sequence (cut
 * to model.sequence), z is fitted on it, and the score uses noise that the fit never saw. */
struct ltm_judgement {
    struct ltm_measure recon, kl, bound; /* bound = recon + KL >= -log p(text) in expectation */
    int64_t texts, tokens, bytes;
};

/* config: the judge's (start from ltm_model_config), with any changes to [fast], [eval] samples and [run] seed, threads.
 * LTM_UNSUPPORTED if the judge has no tokenizer, LTM_INVALID if no text has a token. */
ltm_status ltm_judge(const struct ltm_model *judge, const struct ltm_text *texts, size_t count,
                     const struct ltm_config *config, const struct ltm_watch *watch, struct ltm_judgement *judgement,
                     struct ltm_error *error);

LTM_C_END
