/* hierarchy: strings of the Random Hierarchy Model (rule_hierarchy.h), class first:
 *
 *     C: f a b b d c a e        the last symbol is asked for
 *
 * An item records P(last | the rest) exactly, by belief propagation: "posterior", its largest "optimum" (the accuracy that
 * nobody can pass) and "best". Its factors are the class and the hidden symbols below it; "swapped" is the same document with one
 * of its lowest tuples, not the last, exchanged for a synonym: ltm probe takes from it how sensitive z is to such a swap.
 *
 * Held out: all of a string but its last symbol (with the class where it is shown), so that what is known of the last one stays exact.
 * Difficulty: symbols, productions, levels, and whether the class is shown (label).
 *
 * Source: see rule_hierarchy.h; learning from tokens needs about v·m^(L+1) strings (arXiv 2605.27734). */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/rule_hierarchy.h"
#include "tasks/synth.h"

enum {
    KNOB_SYMBOLS = KNOB_PROBLEMS + 1,
    KNOB_PRODUCTIONS,
    KNOB_CHILDREN,
    KNOB_LEVELS,
    KNOB_CLASSES,
    KNOB_LABEL,
    KNOB_HELDOUT
};

static const struct ltm_synth_knob knobs[] = {
    SYNTH_PROBLEMS(4, 4, 2),
    {"symbols", "symbols of a level (v)", 2, HIERARCHY_SYMBOLS, {8, 8, 16}, 1},
    {"productions", "productions of a symbol (m)", 1, 64, {3, 4, 8}, 1},
    {"children", "symbols of a production (s)", 2, 8, {2, 2, 2}, 1},
    {"levels", "levels (L); a string has s^L symbols", 1, 9, {3, 4, 5}, 1},
    {"classes", "classes, at most v", 1, HIERARCHY_SYMBOLS, {8, 8, 16}, 1},
    {"label", "1: the class is shown first, 0: it is hidden", 0, 1, {1, 1, 1}, 1},
    {"heldout", "share of strings that are held out", 0.01, 0.9, {0.2, 0.2, 0.2}, 0},
};

/* By what an item shows and nothing else: the exact posterior is then also that of held-out items. */
static bool is_held_out(const struct synth *synth, const struct hierarchy_tree *tree) {
    const struct rule_hierarchy *g = synth->world;
    unsigned char key[HIERARCHY_LEAVES];
    const bool label = synth_knob(synth, KNOB_LABEL);
    const int leaves = hierarchy_leaves(g);
    memcpy(key, tree->nodes + hierarchy_first(g, g->depth), (size_t)leaves);
    key[leaves - 1] = tree->nodes[0];
    return synth_held_out(synth, 0, key, (size_t)(label ? leaves : leaves - 1), synth->knobs[KNOB_HELDOUT]);
}

static ltm_status prepare(struct synth *synth, struct ltm_error *error) {
    struct rule_hierarchy *grammar = NULL;
    struct draw draw = synth_world_draw(synth->seed);
    PASS_UP(hierarchy_create(&grammar, synth_knob(synth, KNOB_SYMBOLS), synth_knob(synth, KNOB_PRODUCTIONS),
                             synth_knob(synth, KNOB_CHILDREN), synth_knob(synth, KNOB_LEVELS),
                             synth_knob(synth, KNOB_CLASSES), &draw, error));
    synth->world = grammar;
    int out = 0;
    const int tries = 2000;
    for (int i = 0; i < tries; i++) {
        struct hierarchy_tree tree;
        hierarchy_draw(grammar, &draw, &tree);
        out += is_held_out(synth, &tree);
    }
    if (out > 0 && out < tries) return LTM_OK;
    return fail(error, LTM_INVALID,
                "hierarchy: with so few strings, heldout = %g and this seed %s would be held out; change one of them",
                synth->knobs[KNOB_HELDOUT], out ? "all" : "nothing");
}

static void add_leaves(struct text *text, const unsigned char *leaves, int n) {
    for (int i = 0; i < n; i++) text_add(text, (char[]){(char)('a' + leaves[i]), i + 1 < n ? ' ' : 0, 0});
}

static void put_label(const struct synth *synth, struct text *text, const struct hierarchy_tree *tree) {
    if (synth_knob(synth, KNOB_LABEL)) text_add(text, (char[]){(char)('A' + tree->nodes[0]), ':', ' ', 0});
}

static json_t *symbol(int value, char first) { return json_string((char[]){(char)(first + value), 0}); }

/* The whole string, and the same with a synonym; the last tuple, which is asked for, stays. */
static void note_documents(const struct synth *synth, struct draw *draw, const struct hierarchy_tree *tree,
                           struct synth_problem *p) {
    const struct rule_hierarchy *g = synth->world;
    const int leaves = hierarchy_leaves(g);
    const int first = hierarchy_first(g, g->depth);
    const int parents = leaves / g->children;
    struct hierarchy_tree swapped = *tree;
    struct text text = {0};
    put_label(synth, &text, tree);
    add_leaves(&text, tree->nodes + first, leaves);
    json_object_set_new(p->facts, "document", json_string(text_string(&text)));
    if (g->productions > 1 && parents > 1) {
        hierarchy_swap(g, draw, &swapped, (int)draw_below(draw, (uint32_t)parents - 1));
        text_clear(&text);
        put_label(synth, &text, tree);
        add_leaves(&text, swapped.nodes + first, leaves);
        json_object_set_new(p->facts, "swapped", json_string(text_string(&text)));
    }
    text_free(&text);
}

static void note(const struct synth *synth, struct draw *draw, const struct hierarchy_tree *tree,
                 struct synth_problem *p) {
    const struct rule_hierarchy *g = synth->world;
    const int leaves = hierarchy_leaves(g);
    const unsigned char *last = tree->nodes + hierarchy_first(g, g->depth);
    double posterior[HIERARCHY_SYMBOLS];
    int best = 0;
    hierarchy_posterior(g, last, synth_knob(synth, KNOB_LABEL) ? tree->nodes[0] : -1, posterior);
    json_t *choices = json_array();
    json_t *p_all = json_array();
    json_t *factors = json_object();
    for (int a = 0; a < g->symbols; a++) {
        json_array_append_new(choices, symbol(a, 'a'));
        json_array_append_new(p_all, json_real(posterior[a]));
        if (posterior[a] > posterior[best]) best = a;
    }
    json_object_set_new(factors, "class", symbol(tree->nodes[0], 'A'));
    for (int i = 0; i < g->children && g->depth > 1; i++) {
        char name[24];
        snprintf(name, sizeof name, "node%d", i + 1);
        json_object_set_new(factors, name, symbol(tree->nodes[1 + i], 'a'));
    }
    json_object_set_new(p->facts, "choices", choices);
    json_object_set_new(p->facts, "gold", json_integer(last[leaves - 1]));
    json_object_set_new(p->facts, "posterior", p_all);
    json_object_set_new(p->facts, "best", symbol(best, 'a'));
    json_object_set_new(p->facts, "optimum", json_real(posterior[best]));
    json_object_set_new(p->facts, "factors", factors);
    note_documents(synth, draw, tree, p);
}

static void problem(const struct synth *synth, struct draw *draw, enum synth_side side, struct synth_problem *p) {
    const struct rule_hierarchy *g = synth->world;
    const int leaves = hierarchy_leaves(g);
    const int first = hierarchy_first(g, g->depth);
    struct hierarchy_tree tree;
    do hierarchy_draw(g, draw, &tree);
    while (is_held_out(synth, &tree) != (side == SYNTH_TEST));
    put_label(synth, &p->context, &tree);
    add_leaves(&p->context, tree.nodes + first, leaves - 1);
    add_leaves(&p->answer, tree.nodes + first + leaves - 1, 1);
    if (p->item) note(synth, draw, &tree, p);
}

/* acc stands beside `optimum` in the same mean: what belief propagation, which nothing can beat, would get. */
static void measure(const json_t *item, const char *output, bool right, struct metric_list *list) {
    (void)right;
    metric_add(list, json_real_value(json_object_get(item, "optimum")), "optimum");
    metric_add(list, strcmp(output + strspn(output, " "), item_text(item, "best")) == 0, "agrees_with_optimum");
}

const struct synth_family family_hierarchy = {
    .public = {"hierarchy", "the Random Hierarchy Model: the last symbol, beside the exact optimum", knobs,
               SYNTH_COUNT(knobs)},
    .choices = true,
    .prepare = prepare,
    .problem = problem,
    .measure = measure,
};
