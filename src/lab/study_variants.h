/* Variants: cells that differ from the base in settings of their own, under a name, where no grid of keys can say how.
 *
 *     [variants]
 *     plain =                      the base itself
 *     loops = model.loops=4
 *     memory = model.memory=neural slow.lr=0.01
 *
 * They are one axis of the study, the first, VARIANT_KEY, whose values are their names. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "lab/study.h"

#define VARIANT_KEY "study.variant"

static inline bool study_is_variant(const struct study_axis *axis) { return strcmp(axis->keys[0], VARIANT_KEY) == 0; }

/* A row of [variants]; one of the same name replaces it. */
ltm_status study_take_variant(struct ltm_study *study, const char *name, const char *settings, struct ltm_error *error);

/* Only those of these names, in the order of [variants]: what axes.study.variant=… asks. */
ltm_status study_choose_variants(struct ltm_study *study, const char *names, struct ltm_error *error);

/* The name of a variant that sets the key, or NULL. */
const char *study_variant_with(const struct ltm_study *study, const char *key);

void study_print_variants(FILE *file, const struct ltm_study *study);

/* LTM_INVALID for a setting of a key that is no axis, or is another axis of the study. */
ltm_status study_check_variants(const struct ltm_study *study, struct ltm_error *error);

/* The settings of the axis's value-th variant. */
ltm_status study_set_variant(struct ltm_config *config, const struct ltm_study *study, int value,
                             struct ltm_error *error);

/* LTM_MISMATCH for a variant whose settings are no longer those that the study began with. */
ltm_status study_same_variants(const struct ltm_study *was, const struct ltm_study *is, struct ltm_error *error);
