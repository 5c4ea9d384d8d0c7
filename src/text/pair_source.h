/* Prompts with answers from JSON lines, for fine-tuning and preference training. A line is one of
 *
 *     {"prompt": TEXT, "answer": TEXT}
 *     {"prompt": TEXT, "chosen": TEXT, "rejected": TEXT}           fine-tuning uses the chosen one
 *     {"messages": [{"role": TEXT, "content": TEXT}, …]}           the last one's role is "assistant": its content is the answer
 *
 * The answer directly follows the prompt, as tokens of its own (text/encode_behind.h), and ends with the id that ends a
 * document, which is part of it; that id also precedes the prompt. With messages, the prompt is "ROLE: CONTENT\n" for
 * each but the last, then "assistant:", and the answer " CONTENT".
 *
 * Targets of answers have weight 1, those of prompts 0. With latents the fit of z is the reverse: it sees only the
 * prompt. */
#pragma once

#include "text/sequence_source.h"

enum pair_part {
    PAIRS_ALL,
    PAIRS_TRAINING, /* except those of PAIRS_HELDOUT */
    PAIRS_HELDOUT   /* a twentieth of all prompts, drawn by their text, so that a repeated prompt is in one part */
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
    bool *answers;   /* of each token: whether it has weight */
    int64_t *begins; /* [sequences + 1] in that run */
    int64_t sequences;
    int64_t pairs;                /* in it … */
    int64_t too_long, first_long; /* … and those left out, longer than model.sequence; the line of the first */
    size_t token_room, answer_room, begin_room;
};

/* LTM_INVALID names file and line of an invalid pair, and a file without training pairs; PAIRS_HELDOUT may be
 * empty. Sequences are in file order. */
ltm_status pair_source_open(struct pair_source *pairs, const struct pair_options *options, struct ltm_error *error);

/* For training: endless, in a new order in each epoch. */
void pair_source_train(struct pair_source *pairs, uint64_t seed);

/* At most `most` sequences, spread evenly. */
void pair_source_limit(struct pair_source *pairs, int64_t most);

void pair_source_free(struct pair_source *pairs);
