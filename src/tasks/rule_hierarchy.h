/* The grammar of the Random Hierarchy Model, and exact inference in it.
 *
 * v symbols a level; each symbol of a level has m productions of s symbols of the next; all v^s tuples of a level are shuffled
 * and dealt, so that no two productions of it have the same tuple (m v <= v^s). Expanding a class `depth` times gives
 * s^depth leaves. Level 0 is the classes (the first `classes` of v symbols).
 *
 * Source: Cagnetta et al., "How deep neural networks learn compositional data: the random hierarchy model", Phys. Rev. X
 * 14 (2024), arXiv 2307.02129. Belief propagation: Pearl; on this model, Garnier-Brun et al., arXiv 2408.15138. */
#pragma once

#include "base/error.h"
#include "tasks/random_draws.h"

enum { HIERARCHY_SYMBOLS = 26, HIERARCHY_LEAVES = 512, HIERARCHY_NODES = 2 * HIERARCHY_LEAVES };

struct rule_hierarchy {
    int symbols, productions, children, depth, classes;
    unsigned char rules[]; /* [depth][symbols][productions][children] */
};

/* A sampled tree, level by level: the class, its children, … the leaves. */
struct hierarchy_tree {
    unsigned char nodes[HIERARCHY_NODES];
};

/* One block; the caller frees it. LTM_INVALID where m v > v^s, or s^depth is more than HIERARCHY_LEAVES. */
ltm_status hierarchy_create(struct rule_hierarchy **grammar, int symbols, int productions, int children, int depth,
                            int classes, struct draw *draw, struct ltm_error *error);

int hierarchy_leaves(const struct rule_hierarchy *grammar);
int hierarchy_first(const struct rule_hierarchy *grammar, int level); /* where a level's nodes begin */
const unsigned char *hierarchy_rule(const struct rule_hierarchy *grammar, int level, int symbol, int production);

void hierarchy_draw(const struct rule_hierarchy *grammar, struct draw *draw, struct hierarchy_tree *tree);

/* Exchange the tuple of the lowest-level parent that is the `parent`-th of its level for a synonym: another production of the
 * same symbol. m >= 2. */
void hierarchy_swap(const struct rule_hierarchy *grammar, struct draw *draw, struct hierarchy_tree *tree, int parent);

/* posterior (symbols) = P(last leaf | all other leaves, and the class unless it is -1), exact: sums over subtrees go up from
 * the leaves, and down to the last one. */
void hierarchy_posterior(const struct rule_hierarchy *grammar, const unsigned char *leaves, int class,
                         double *posterior);
