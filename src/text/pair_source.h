/* Prompts with answers, from JSON lines: what fine-tuning and preferences go through. A line is one of
 *
 *     {"prompt": TEXT, "answer": TEXT}
 *     {"prompt": TEXT, "chosen": TEXT, "rejected": TEXT}           fine-tuning takes the chosen one
 *     {"messages": [{"role": TEXT, "content": TEXT}, …]}           the last one's role is "assistant": its content is the answer
 *
 * The answer stands directly behind the prompt, as tokens of its own (text/encode_behind.h), and ends with the id that ends a
 * document, which counts to it; before the prompt stands that id too. Of messages the prompt is "ROLE: CONTENT\n" for each but the last, then
 * "assistant:", and the answer " CONTENT".
 *
 * Targets of answers count 1, those of prompts 0. With latents the fit of z is the other way round: it sees the prompt alone. */
#pragma once

#include "text/sequence_source.h"

enum pair_part {
    PAIRS_ALL,
    PAIRS_TRAINING, /* but for those of PAIRS_HELDOUT */
    PAIRS_HELDOUT   /* a twentieth of all prompts, drawn by their text: a prompt that stands twice is in one part */
};

struct pair_options {
    const char *path; /* .jsonl or .jsonl.gz */
    enum pair_part part;
    bool
        preferences; /* two answers to a prompt: sequence 2p is pair p's with the chosen one, 2p + 1 with the rejected one */
    const struct ltm_tokenizer *tokenizer;
    const struct ltm_model_config
        *model; /* sequence, latents, document_end; packing: masked puts pairs in file order into
                                             a sequence while they fit, document takes a sequence for each */
};

struct pair_source {
    struct sequence_source source; /* first: a pointer to it is one to the pairs */
    struct sequence_order order;   /* of training, a permutation in each epoch; per_epoch = 0: the file's order */
    bool preferences;
    int32_t end;     /* document_end */
    int32_t *tokens; /* of all sequences, one run: what follows the end of a document */
    bool *answers;   /* of each token: it counts */
    int64_t *begins; /* [sequences + 1] in that run */
    int64_t sequences;
    int64_t pairs;                /* that it holds … */
    int64_t too_long, first_long; /* … and those left out, longer than model.sequence; the line of the first */
    size_t token_room, answer_room, begin_room;
};

/* LTM_INVALID names file and line of what is no such pair, and a file without any to train on; PAIRS_HELDOUT may be none.
 * Sequences stand as the file has them. */
ltm_status pair_source_open(struct pair_source *pairs, const struct pair_options *options, struct ltm_error *error);

/* For training: without end, in another order in each epoch. */
void pair_source_train(struct pair_source *pairs, uint64_t seed);

/* At most `most` sequences, spread evenly. */
void pair_source_limit(struct pair_source *pairs, int64_t most);

void pair_source_free(struct pair_source *pairs);
