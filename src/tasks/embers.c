/* embers: simple deterministic tasks in pairs of one common and one rare variant, which ask for the same skill:
 *
 *     rot13 / rot12      rot13: x n i b = k a v o      the word that lies 13, or 12, letters further on
 *     letters / vowels   letters: b a k o = 4            how many there are
 *     forwards / backwards   backwards: h to d = h g f e d
 *     copy / reverse     reverse: bako nuri = nuri bako  words in order, or in reverse
 *
 * How often a variant stands in training is a knob (`rare`: the rare one's share of its pair); tests ask for all alike. Words
 * are likely (of a lexicon, drawn by Zipf's law) or unlikely (letters at random); where the answer is made of them an item
 * records log p(answer) under this distribution. So: accuracy by the task's frequency and by the answer's probability.
 *
 * Held out: the words (the pair of letters) of a question, for both variants of a pair alike.
 *
 * Source: McCoy et al., "Embers of autoregression", arXiv 2309.13638 (PNAS 2024). */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { ROT, COUNT, ALPHABET, ORDER, PAIRS };
enum { LEXICON = 256, LETTERS_MOST = 16, WORDS_MOST = 8, KEY = WORDS_MOST * (LETTERS_MOST + 1) + 8 };
enum { KNOB_RARE = KNOB_PROBLEMS + 1, KNOB_STRANGE, KNOB_LETTERS, KNOB_WORDS, KNOB_HELDOUT };

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(6, 6, 6),
    {"rare", "share of the rare variant of a pair in training", 0, 0.5, {0.1, 0.05, 0.01}, 0},
    {"strange", "share of words made of random letters", 0, 1, {0.3, 0.3, 0.3}, 0},
    {"letters", "most letters of a word", 3, LETTERS_MOST, {4, 6, 8}, 1},
    {"words", "most words to copy or reverse", 2, WORDS_MOST, {3, 4, 6}, 1},
    {"heldout", "share of questions that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

static const char *const names[PAIRS][2] = {
    {"rot13", "rot12"}, {"letters", "vowels"}, {"forwards", "backwards"}, {"copy", "reverse"}};

struct lexicon {
    char words[LEXICON][LETTERS_MOST + 1];
    double up_to[LEXICON], p[LEXICON]; /* Zipf's law, and its sums */
};

struct question {
    int pair, rare, words;
    bool likely;
    char text[KEY]; /* words with one blank between; for ALPHABET the two letters */
    double logp;    /* of the words */
};

/* Consonant and vowel in turn, all words different. */
static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    static const char consonants[] = "bdfgklmnprstvz";
    static const char vowels[] = "aeiou";
    struct lexicon *lexicon = NULL;
    struct draw draw = synth_world_draw(synth->seed);
    PASS_UP(NEW_ARRAY(lexicon, 1, "a lexicon", error));
    double sum = 0;
    for (int w = 0; w < LEXICON;) {
        const int letters = draw_between(&draw, 3, synth_knob(synth, KNOB_LETTERS));
        char *word = lexicon->words[w];
        for (int i = 0; i < letters; i++)
            word[i] = i % 2 ? vowels[draw_below(&draw, 5)] : consonants[draw_below(&draw, 14)];
        word[letters] = 0;
        bool is_new = true;
        for (int k = 0; k < w; k++) is_new = is_new && strcmp(lexicon->words[k], word) != 0;
        if (!is_new) continue;
        lexicon->p[w] = 1.0 / (w + 1);
        sum += lexicon->p[w++];
    }
    for (int w = 0; w < LEXICON; w++) {
        lexicon->p[w] /= sum;
        lexicon->up_to[w] = lexicon->p[w] + (w ? lexicon->up_to[w - 1] : 0);
    }
    synth->world = lexicon;
    return LTM_OK;
}

static double add_word(const struct synth *synth, struct draw *draw, struct question *q) {
    const struct lexicon *lexicon = synth->world;
    char strange[LETTERS_MOST + 1];
    if (q->text[0]) strcat(q->text, " ");
    if (q->likely) {
        const double u = random_uniform(draw->key, draw->at++);
        int w = 0;
        while (w < LEXICON - 1 && lexicon->up_to[w] <= u) w++;
        strcat(q->text, lexicon->words[w]);
        return log(lexicon->p[w]);
    }
    const int most = synth_knob(synth, KNOB_LETTERS);
    const int letters = draw_between(draw, 3, most);
    for (int i = 0; i < letters; i++) strange[i] = (char)('a' + draw_below(draw, 26));
    strange[letters] = 0;
    strcat(q->text, strange);
    return -letters * log(26) - log(most - 2);
}

static void draw_question(const struct synth *synth, struct draw *draw, enum synth_side side, struct question *q) {
    const double rare = side == SYNTH_TEST ? 0.5 : synth->knobs[KNOB_RARE];
    const double strange = side == SYNTH_TEST && synth->knobs[KNOB_STRANGE] > 0 ? 0.5 : synth->knobs[KNOB_STRANGE];
    do {
        *q = (struct question){.pair = (int)draw_below(draw, PAIRS), .words = 1};
        q->rare = draw_chance(draw, rare);
        q->likely = !draw_chance(draw, strange);
        if (q->pair == ALPHABET) {
            const int from = draw_between(draw, 0, 20);
            const int to = from + draw_between(draw, 2, 5);
            q->text[0] = (char)('a' + from), q->text[1] = (char)('a' + to);
            continue;
        }
        if (q->pair == ORDER) q->words = draw_between(draw, 2, synth_knob(synth, KNOB_WORDS));
        for (int i = 0; i < q->words; i++) q->logp += add_word(synth, draw, q);
    } while (synth_held_out(synth, q->pair, q->text, strlen(q->text), synth->knobs[KNOB_HELDOUT]) !=
             (side == SYNTH_TEST));
}

static void spell(struct text *text, const char *word, int shift) {
    for (int i = 0; word[i]; i++) text_print(text, "%s%c", i ? " " : "", 'a' + (word[i] - 'a' + shift) % 26);
}

/* The answer of rot is the word, so that its probability is the word's: what is shown is the code. */
static void put_rot(const struct question *q, struct synth_problem *p) {
    spell(&p->context, q->text, 26 - (q->rare ? 12 : 13));
    spell(&p->answer, q->text, 0);
}

static void put_count(const struct question *q, struct synth_problem *p) {
    int count = 0;
    for (const char *c = q->text; *c; c++) count += !q->rare || strchr("aeiou", *c) != NULL;
    spell(&p->context, q->text, 0);
    text_print(&p->answer, "%d", count);
}

static void put_alphabet(const struct question *q, struct synth_problem *p) {
    const unsigned char *ends = (const unsigned char *)q->text;
    const int step = q->rare ? -1 : 1;
    const int from = ends[q->rare];
    const int to = ends[!q->rare];
    text_print(&p->context, "%c to %c", from, to);
    for (int c = from; c != to + step; c += step) text_print(&p->answer, "%s%c", c == from ? "" : " ", c);
}

static void put_order(const struct question *q, struct synth_problem *p) {
    text_add(&p->context, q->text);
    if (!q->rare) {
        text_add(&p->answer, q->text);
        return;
    }
    size_t end = strlen(q->text);
    for (size_t at = end; at-- > 0;) {
        if (at && q->text[at - 1] != ' ') continue;
        text_print(&p->answer, "%s%.*s", end == strlen(q->text) ? "" : " ", (int)(end - at), q->text + at);
        end = at ? at - 1 : 0;
    }
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    static void (*const put[PAIRS])(const struct question *, struct synth_problem *) = {put_rot, put_count,
                                                                                        put_alphabet, put_order};
    const double rare = synth->knobs[KNOB_RARE];
    struct question q;
    draw_question(synth, draw, side, &q);
    text_print(&p->context, "%s: ", names[q.pair][q.rare]);
    put[q.pair](&q, p);
    text_add(&p->context, " =");
    if (!p->item) return;
    json_object_set_new(p->facts, "variant", json_string(names[q.pair][q.rare]));
    json_object_set_new(p->facts, "frequency", json_string(q.rare ? "rare" : "common"));
    json_object_set_new(p->facts, "share", json_real((q.rare ? rare : 1 - rare) / PAIRS));
    if (q.pair == ROT || q.pair == ORDER) {
        json_object_set_new(p->facts, "answer_likely", json_boolean(q.likely));
        json_object_set_new(p->facts, "answer_logp", json_real(q.logp));
    }
    json_object_set_new(p->facts, "factors", json_pack("{s:s}", "variant", names[q.pair][q.rare]));
}

static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)output;
    const json_t *likely = json_object_get(item, "answer_likely");
    metric_add(list, right, "acc@frequency=%s", item_text(item, "frequency"));
    metric_add(list, right, "acc@variant=%s", item_text(item, "variant"));
    if (likely) metric_add(list, right, "acc@answer=%s", json_is_true(likely) ? "likely" : "unlikely");
}

const struct synth_family family_embers = {
    .public = {"embers", "common and rare variants of simple tasks, likely and unlikely answers", knobs,
               SYNTH_COUNT(knobs)},
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
