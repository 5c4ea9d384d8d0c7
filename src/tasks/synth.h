/* The internals of a family of synthetic texts, and the parts common to all.
 *
 * A family draws problems. A training document is one or several problems with their answers, blank lines between them,
 * like the shots of a prompt; an item is one problem with the data to score it. Held out by construction: a problem has
 * a key (its numbers, its words, its combination of parts: the family says which), and a hash of the key decides its
 * side; documents and train.jsonl draw from one side, test.jsonl from the other. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "ltm/synth.h"
#include "tasks/random_draws.h"

struct metric_list;
struct puzzle_family;

/* Text that grows as it is written. A failed allocation empties the text permanently and sets `failed`, to be checked
 * once, at the end. */
struct text {
    char *data; /* ends in NUL; NULL before the first addition */
    size_t bytes, room;
    bool failed;
};

void text_add(struct text *text, const char *words);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(struct text *text);               /* keeps the memory */
const char *text_string(const struct text *text); /* "" when empty */
void text_free(struct text *text);

enum synth_side { SYNTH_TRAIN, SYNTH_TEST };

enum { SYNTH_KNOBS = 14 };

struct synth {
    const struct synth_family *family;
    double knobs[SYNTH_KNOBS]; /* in the order of family->public.knobs */
    uint64_t seed;
    uint32_t train_items; /* that are written beside the documents; 0: not known */
    void *world;          /* what `prepare` drew once from the seed; one block, freed with free() */
};

/* Drawn problem: a document has context, one space, answer. */
struct synth_problem {
    struct text context, answer;
    uint64_t index; /* of the document or item it is drawn for */
    bool item;      /* asked for an item: fill `facts` too */
    json_t
        *facts; /* an empty object; gets choices and gold where the family's kind is choices, and what else is known */
};

struct synth_family {
    struct ltm_synth_family public;
    bool choices; /* items are multiple choice; otherwise the answer is to be written */
    bool pairs;   /* items have wrong answers: {"wrong": {KIND: TEXT, …}}, from which pairs are written */
    bool last;    /* the answer is the last match of `extract`, not the first */
    const struct puzzle_family *puzzles; /* tasks/puzzles.h; NULL in other families */
    const char *extract, *stop; /* of a written answer: a regular expression, and where the output ends; or NULL */
    ltm_status (*prepare)(struct synth *synth, struct ltm_error *error); /* check knobs against each other; or NULL */
    void (*problem)(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *problem);
    int (*words)(const struct synth *synth); /* of the longest answer, which are to be written; or NULL: few */
    void (*measure)(const json_t *item, const char *output, bool right,
                    struct metric_list *list); /* tasks/family.h; or NULL */
};

extern const struct synth_family family_stories, family_arithmetic, family_iterate, family_constraints, family_embers,
    family_compose, family_hops, family_hierarchy, family_parity, family_modular, family_permutations, family_addition,
    family_multiplication, family_recall, family_last_mention, family_counting, family_copying, family_nesting,
    family_conflict, family_lexicon, family_sudoku4, family_sudoku6, family_sudoku9, family_latin, family_maze,
    family_life, family_calls;

/* Set up a family at a difficulty with "name=value" over it; call synth_close afterwards in any case. */
ltm_status synth_open(struct synth *synth, const struct synth_family *family, int difficulty, const char *const *knobs,
                      size_t knob_count, uint64_t seed, struct ltm_error *error);
void synth_close(struct synth *synth);

/* The `index`-th document, or the item of a side (a new reference), of this family and seed. */
ltm_status synth_document(const struct synth *synth, uint64_t index, struct text *document, struct ltm_error *error);
ltm_status synth_item(const struct synth *synth, enum synth_side side, uint64_t index, json_t **item,
                      struct ltm_error *error);

static inline int synth_knob(const struct synth *synth, int knob) { return (int)synth->knobs[knob]; }

/* What the `index`-th item of training is drawn with. */
struct draw synth_train_draw(const struct synth *synth, uint64_t index);

/* Whether a problem's key is on the side of tests, `share` of all keys are; `part` sets apart splits of one family. */
bool synth_held_out(const struct synth *synth, int part, const void *key, size_t bytes, double share);

/* For a key of the world's own numbers: what the world is drawn with. */
struct draw synth_world_draw(uint64_t seed);

/* Every family has a first knob `problems`: most problems of a document. */
#define SYNTH_PROBLEMS(one, two, three)                                                                                \
    {                                                                                                                  \
        .name = "problems", .help = "most problems of a document, blank lines between them", .least = 1, .most = 1000, \
        .levels = {one, two, three}, .whole = 1                                                                        \
    }
enum { KNOB_PROBLEMS };

#define SYNTH_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
