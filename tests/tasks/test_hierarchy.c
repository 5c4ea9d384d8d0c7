/* Hierarchy: productions are disjoint; belief propagation against a count over all trees; synonyms leave the class as it is. */
#include <math.h>

#include "tasks/rule_hierarchy.h"
#include "tasks/synth_unit.h"

static struct rule_hierarchy *grammar_of(int v, int m, int s, int depth, int classes, uint32_t seed) {
    struct rule_hierarchy *g = NULL;
    struct draw draw = {.key = {.seed = seed, .purpose = 99}};
    assert_ok(hierarchy_create(&g, v, m, s, depth, classes, &draw, &error));
    return g;
}

static void no_tuple_has_two_parents(void **state) {
    (void)state;
    struct rule_hierarchy *g = grammar_of(6, 6, 2, 3, 6, 1); /* m v = v^s: every tuple is dealt */
    for (int level = 0; level < 3; level++) {
        int parents[36] = {0};
        for (int a = 0; a < 6; a++)
            for (int k = 0; k < 6; k++) {
                const unsigned char *rule = hierarchy_rule(g, level, a, k);
                parents[rule[0] * 6 + rule[1]]++;
            }
        for (int i = 0; i < 36; i++) assert_int_equal(parents[i], 1);
    }
    free(g);
}

/* Every tree with equal weight: which productions, node by node; `counts` of the last leaf among those with these leaves. */
static void count_trees(const struct rule_hierarchy *g, struct hierarchy_tree *tree, int node,
                        const unsigned char *leaves, double *counts) {
    const int first_leaf = hierarchy_first(g, g->depth);
    const int n = hierarchy_leaves(g);
    if (node == first_leaf) {
        if (memcmp(tree->nodes + first_leaf, leaves, (size_t)n - 1) == 0) counts[tree->nodes[first_leaf + n - 1]]++;
        return;
    }
    int level = 0;
    while (node >= hierarchy_first(g, level + 1)) level++;
    const int children = hierarchy_first(g, level + 1) + (node - hierarchy_first(g, level)) * g->children;
    for (int k = 0; k < g->productions; k++) {
        memcpy(tree->nodes + children, hierarchy_rule(g, level, tree->nodes[node], k), (size_t)g->children);
        count_trees(g, tree, node + 1, leaves, counts);
    }
}

static void belief_propagation_counts_all_trees(void **state) {
    (void)state;
    const int shapes[][4] = {{4, 3, 2, 2}, {3, 2, 2, 3}, {3, 4, 3, 1}, {4, 2, 3, 2}}; /* v m s L */
    int uncertain = 0;
    for (int i = 0; i < 4; i++) {
        struct rule_hierarchy *g = grammar_of(shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], 3, (uint32_t)i);
        struct draw draw = {.key = {.seed = 8, .purpose = 99}};
        for (int t = 0; t < 20; t++) {
            struct hierarchy_tree tree;
            struct hierarchy_tree all;
            double counts[HIERARCHY_SYMBOLS] = {0};
            double posterior[HIERARCHY_SYMBOLS];
            double sum = 0;
            hierarchy_draw(g, &draw, &tree);
            const unsigned char *leaves = tree.nodes + hierarchy_first(g, g->depth);
            const bool known = t % 2;
            for (int a = known ? tree.nodes[0] : 0; a < (known ? tree.nodes[0] + 1 : 3); a++) {
                all.nodes[0] = (unsigned char)a;
                count_trees(g, &all, 0, leaves, counts);
            }
            hierarchy_posterior(g, leaves, known ? tree.nodes[0] : -1, posterior);
            for (int a = 0; a < g->symbols; a++) sum += counts[a];
            assert_true(sum > 0);
            for (int a = 0; a < g->symbols; a++) {
                assert_true(fabs(posterior[a] - counts[a] / sum) < 1e-12);
                uncertain += posterior[a] > 0.01 && posterior[a] < 0.99;
            }
        }
        free(g);
    }
    assert_true(uncertain > 20); /* else it would have been no test */
}

static void a_synonym_changes_the_leaves_and_nothing_above(void **state) {
    (void)state;
    struct synth synth = open_family("hierarchy", 2, 3, NULL);
    double optimum = 0;
    double hits = 0;
    for (int i = 0; i < 400; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const char *document = string_of(item, "document");
        const char *swapped = string_of(item, "swapped");
        int changed = 0;
        assert_int_equal(strlen(document), strlen(swapped));
        for (size_t c = 0; document[c]; c++) changed += document[c] != swapped[c];
        assert_true(changed >= 1 && changed <= 2);
        assert_string_equal(document + strlen(document) - 3, swapped + strlen(swapped) - 3); /* the last tuple */
        assert_int_equal(strncmp(document, string_of(item, "context"), strlen(string_of(item, "context"))), 0);
        optimum += measured("hierarchy", item, "a", "optimum") / 400;
        hits += (string_of(item, "best")[0] - 'a' == integer_of(item, "gold")) / 400.0;
        assert_true(measured("hierarchy", item, string_of(item, "best"), "agrees_with_optimum") == 1);
        json_decref(item);
    }
    assert_true(fabs(optimum - hits) < 0.1); /* its accuracy is what it says: four standard errors of 400 */
    synth_close(&synth);
}

/* With the class hidden, too, nobody passes the optimum: the best answer's accuracy is what the items say it is. */
static void the_optimum_holds_for_held_out_strings(void **state) {
    (void)state;
    enum { ITEMS = 20000 };
    struct synth synth = open_family("hierarchy", 1, 3, (const char *const[]){"label=0", NULL});
    double optimum = 0;
    double hits = 0;
    double variance = 0;
    for (int i = 0; i < ITEMS; i++) {
        json_t *item = item_of(&synth, SYNTH_TEST, (uint64_t)i);
        const double p = json_real_value(json_object_get(item, "optimum"));
        optimum += p / ITEMS;
        variance += p * (1 - p);
        hits += (string_of(item, "best")[0] - 'a' == integer_of(item, "gold")) / (double)ITEMS;
        json_decref(item);
    }
    const double deviation = sqrt(variance) / ITEMS;
    if (!(fabs(optimum - hits) < 4 * deviation))
        fail_msg("optimum %.4f, reached %.4f ± %.4f", optimum, hits, deviation);
    synth_close(&synth);
}

static void impossible_grammars_are_refused(void **state) {
    (void)state;
    struct synth synth;
    assert_int_equal(synth_open(&synth, &family_hierarchy, 1, (const char *const[]){"productions=9"}, 1, 1, &error),
                     LTM_INVALID);
    assert_says("must be at most");
    synth_close(&synth);
    assert_int_equal(synth_open(&synth, &family_hierarchy, 1, (const char *const[]){"children=8"}, 1, 1, &error),
                     LTM_INVALID);
    synth_close(&synth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_tuple_has_two_parents),
        cmocka_unit_test(belief_propagation_counts_all_trees),
        cmocka_unit_test(a_synonym_changes_the_leaves_and_nothing_above),
        cmocka_unit_test(the_optimum_holds_for_held_out_strings),
        cmocka_unit_test(impossible_grammars_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
