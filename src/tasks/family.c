#include "tasks/family.h"

#include <string.h>

#include "ltm/names.h"

static const struct synth_family *const families[] = {
    &family_stories,   &family_arithmetic,     &family_iterate,  &family_constraints,  &family_embers,
    &family_compose,   &family_hops,           &family_parity,   &family_modular,      &family_permutations,
    &family_addition,  &family_multiplication, &family_recall,   &family_last_mention, &family_counting,
    &family_copying,   &family_nesting,        &family_conflict, &family_lexicon,      &family_sudoku4,
    &family_sudoku6,   &family_sudoku9,        &family_latin,    &family_maze,         &family_life,
    &family_hierarchy, &family_calls};

enum { FAMILIES = sizeof families / sizeof families[0] };

const struct ltm_synth_family *ltm_synth_family_at(int i) {
    return i >= 0 && i < FAMILIES ? &families[i]->public : NULL;
}

const struct synth_family *family_find(const char *name) {
    for (int i = 0; i < FAMILIES; i++)
        if (strcmp(families[i]->public.name, name) == 0) return families[i];
    return NULL;
}

int family_measure(const char *family, const json_t *item, const char *output, bool right,
                   struct family_metric *metrics, int most) {
    const struct synth_family *f = family_find(family);
    struct metric_list list = {.metrics = metrics, .most = most};
    if (f && f->measure) f->measure(item, output, right, &list);
    return list.count;
}

ltm_status family_check(const char *family, struct ltm_error *error) {
    const char *names[FAMILIES];
    if (family_find(family)) return LTM_OK;
    for (int i = 0; i < FAMILIES; i++) names[i] = families[i]->public.name;
    const char *nearest = ltm_nearest_name(family, names, FAMILIES);
    if (nearest) return fail(error, LTM_INVALID, "there is no family \"%s\"; did you mean %s?", family, nearest);
    return fail(error, LTM_INVALID, "there is no family \"%s\"; ltm corpus synth --list shows them", family);
}
