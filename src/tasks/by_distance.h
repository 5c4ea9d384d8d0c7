/* What tasks of carrying share: the oldest thing that an answer needs stands a set number of words before it, in windows of a
 * decoder's own size, and items are read by that distance.
 *
 * A word is one character between blanks: one token of a tokenizer that is trained with --bpe, two of a unigram one.
 * The last words of a text ask, the answer follows them. With one filler only what is to be carried is left to learn. Distances are
 * nearest · 2^j windows, up to `distance` in training and to `farther` in tests; every text of training is as long as its farthest
 * distance needs, so that length does not tell how far back to look.
 *
 * Held out: texts, and every distance beyond that of training. An item has "distance", in words; "range", trained or farther;
 * "chance", what a guess that knows the form of the answers gets right on average; and "optimum", 1: the text says the answer. */
#pragma once

#include "tasks/synth.h"

enum { WORDS_MOST = 1 << 15 };

/* The knobs that follow `problems`. */
#define SYNTH_DISTANCES(one, two, three)                                                                        \
    {"distance", "most windows between what is asked for and the answer, in training", 1, 2048, {4, 8, 16}, 1}, \
        {"nearest", "fewest windows; each further distance is twice the one before", 1, 2048, {1, 1, 1}, 1},    \
        {"farther", "most windows of a test item; 0 = distance", 0, 2048, {0, 0, 0}, 1},                        \
        {"window", "words of a window", 4, 4096, {16, 16, 16}, 1},                                              \
        {"fillers", "different words that fill a text, each as likely", 1, 10, {one, two, three}, 1}, {         \
        "heldout", "share of texts that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0                            \
    }

enum {
    KNOB_DISTANCE = KNOB_PROBLEMS + 1,
    KNOB_NEAREST,
    KNOB_FARTHER,
    KNOB_WINDOW,
    KNOB_FILLERS,
    KNOB_HELDOUT,
    KNOB_OWN
};

/* A text of `length` words, 0 where nothing stands yet; the answer is what follows. */
struct words {
    int windows, distance, length;
    char at[WORDS_MOST];
};

/* LTM_INVALID unless nearest <= distance <= farther, texts are short enough, `needed` words fit into the nearest distance, and enough of the
 * `texts` that differ in more than their fillers, or more, are on either side. */
ltm_status check_distances(const struct synth *synth, int needed, double texts, struct ltm_error *error);

/* A distance of this side, and the length of a text that has room for it. */
void words_begin(const struct synth *synth, struct draw *draw, enum synth_side side, struct words *words);
void words_clear(struct words *words);

/* Puts `word` at a free place from `from` on, before `to`; there must be one. */
int words_drop(struct draw *draw, struct words *words, int from, int to, char word);

/* What is still free becomes one of the `fillers` characters from `first` on. */
void words_fill(const struct synth *synth, struct draw *draw, struct words *words, char first);

/* Whether a text belongs to the other side: farther ones are tests by their distance, others by their hash. */
bool words_other_side(const struct synth *synth, enum synth_side side, const struct words *words);

/* `count` words from `from` on, blanks between. */
void words_add(struct text *text, const char *from, int count);

void add_distance(const struct synth *synth, json_t *facts, const struct words *words, double chance);

/* acc@range, acc@distance, chance, optimum. */
void measure_distance(const json_t *item, bool right, struct metric_list *list);
