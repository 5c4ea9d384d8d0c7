#include "tasks/rule_hierarchy.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int power(int base, int exponent) {
    int64_t result = 1;
    for (int i = 0; i < exponent && result < (1 << 24); i++) result *= base;
    return (int)result;
}

int hierarchy_leaves(const struct rule_hierarchy *g) { return power(g->children, g->depth); }

int hierarchy_first(const struct rule_hierarchy *g, int level) {
    int first = 0;
    for (int l = 0, nodes = 1; l < level; l++, nodes *= g->children) first += nodes;
    return first;
}

static unsigned char *rule_at(struct rule_hierarchy *g, int level, int symbol, int production) {
    return g->rules +
           (((size_t)level * (size_t)g->symbols + (size_t)symbol) * (size_t)g->productions + (size_t)production) *
               (size_t)g->children;
}

const unsigned char *hierarchy_rule(const struct rule_hierarchy *g, int level, int symbol, int production) {
    return rule_at((struct rule_hierarchy *)g, level, symbol, production);
}

/* Deal the first m v of the shuffled tuples: a tuple's number, in base v, is its symbols. */
static void deal(struct rule_hierarchy *g, int level, const int *tuples) {
    for (int i = 0; i < g->symbols * g->productions; i++) {
        unsigned char *rule = rule_at(g, level, i / g->productions, i % g->productions);
        for (int c = 0, rest = tuples[i]; c < g->children; c++, rest /= g->symbols)
            rule[c] = (unsigned char)(rest % g->symbols);
    }
}

ltm_status hierarchy_create(struct rule_hierarchy **grammar, int symbols, int productions, int children, int depth,
                            int classes, struct draw *draw, struct ltm_error *error) {
    const int tuples = power(symbols, children);
    struct rule_hierarchy *g = NULL;
    int *order = NULL;
    if (productions * symbols > tuples || tuples > 1 << 20)
        return fail(
            error, LTM_INVALID,
            "hierarchy: productions × symbols = %d must be at most symbols^children = %d tuples, and at most %d",
            productions * symbols, tuples, 1 << 20);
    if (power(children, depth) > HIERARCHY_LEAVES)
        return fail(error, LTM_INVALID, "hierarchy: children^levels is more than %d leaves", HIERARCHY_LEAVES);
    if (classes > symbols) return fail(error, LTM_INVALID, "hierarchy: more classes than symbols");
    const size_t rules = (size_t)depth * (size_t)symbols * (size_t)productions * (size_t)children;
    void *block = NULL;
    ltm_status status = memory_zeroed(&block, sizeof *g + rules, 1, "a grammar", error);
    if (status == LTM_OK) status = NEW_ARRAY(order, (size_t)tuples, "a grammar", error);
    if (status != LTM_OK) {
        free(block);
        return status;
    }
    g = block;
    g->symbols = symbols, g->productions = productions, g->children = children;
    g->depth = depth, g->classes = classes;
    for (int level = 0; level < depth; level++) {
        for (int i = 0; i < tuples; i++) order[i] = i;
        draw_shuffle(draw, order, tuples);
        deal(g, level, order);
    }
    free(order);
    *grammar = g;
    return LTM_OK;
}

void hierarchy_draw(const struct rule_hierarchy *g, struct draw *draw, struct hierarchy_tree *tree) {
    unsigned char *next = tree->nodes + 1;
    const unsigned char *parent = tree->nodes;
    tree->nodes[0] = (unsigned char)draw_below(draw, (uint32_t)g->classes);
    for (int level = 0, nodes = 1; level < g->depth; level++, nodes *= g->children)
        for (int i = 0; i < nodes; i++, next += g->children)
            memcpy(next, hierarchy_rule(g, level, *parent++, (int)draw_below(draw, (uint32_t)g->productions)),
                   (size_t)g->children);
}

void hierarchy_swap(const struct rule_hierarchy *g, struct draw *draw, struct hierarchy_tree *tree, int parent) {
    const int level = g->depth - 1;
    const int symbol = tree->nodes[hierarchy_first(g, level) + parent];
    unsigned char *leaves = tree->nodes + hierarchy_first(g, g->depth) + parent * g->children;
    int others[HIERARCHY_LEAVES];
    int count = 0;
    for (int k = 0; k < g->productions && count < HIERARCHY_LEAVES; k++)
        if (memcmp(hierarchy_rule(g, level, symbol, k), leaves, (size_t)g->children) != 0) others[count++] = k;
    memcpy(leaves, hierarchy_rule(g, level, symbol, others[draw_below(draw, (uint32_t)count)]), (size_t)g->children);
}

typedef double belief[HIERARCHY_SYMBOLS];

static void normalise(double *p, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += p[i];
    for (int i = 0; i < n && sum > 0; i++) p[i] /= sum;
}

/* up[node](a) ~ P(leaves below | symbol a) = 1/m Σ_rules Π_children up[child](rule's symbol) */
static void sum_up(const struct rule_hierarchy *g, int level, const belief *below, double *up) {
    for (int a = 0; a < g->symbols; a++) {
        up[a] = 0;
        for (int k = 0; k < g->productions; k++) {
            const unsigned char *rule = hierarchy_rule(g, level, a, k);
            double product = 1;
            for (int c = 0; c < g->children; c++) product *= below[c][rule[c]];
            up[a] += product;
        }
    }
    normalise(up, g->symbols);
}

/* To the last child: down(x) ~ Σ_a down(a) 1/m Σ_rules that end in x Π_other children up[child](rule's symbol) */
static void sum_down(const struct rule_hierarchy *g, int level, const belief *siblings, const double *down,
                     double *child) {
    const int last = g->children - 1;
    memset(child, 0, sizeof(belief));
    for (int a = 0; a < g->symbols; a++)
        for (int k = 0; k < g->productions; k++) {
            const unsigned char *rule = hierarchy_rule(g, level, a, k);
            double product = down[a];
            for (int c = 0; c < last; c++) product *= siblings[c][rule[c]];
            child[rule[last]] += product;
        }
    normalise(child, g->symbols);
}

void hierarchy_posterior(const struct rule_hierarchy *g, const unsigned char *leaves, int class, double *posterior) {
    belief up[HIERARCHY_NODES];
    belief down = {0};
    belief child;
    const int first_leaf = hierarchy_first(g, g->depth);
    const int count = hierarchy_leaves(g);
    for (int i = 0; i < count - 1; i++) {
        memset(up[first_leaf + i], 0, sizeof(belief));
        up[first_leaf + i][leaves[i]] = 1;
    }
    for (int a = 0; a < g->symbols; a++) up[first_leaf + count - 1][a] = 1; /* not known */
    for (int node = first_leaf - 1, level = g->depth - 1; node >= 0; node--) {
        if (node < hierarchy_first(g, level)) level--;
        const int children = hierarchy_first(g, level + 1) + (node - hierarchy_first(g, level)) * g->children;
        sum_up(g, level, up + children, up[node]);
    }
    for (int a = 0; a < g->classes; a++) down[a] = class < 0 || a == class ? 1 : 0;
    for (int level = 0; level < g->depth; level++) {
        /* The last node of each level lies on the way to the last leaf. */
        sum_down(g, level, up + hierarchy_first(g, level + 2) - g->children, down, child);
        memcpy(down, child, sizeof down);
    }
    memcpy(posterior, down, sizeof *posterior * (size_t)g->symbols);
}
