/* Families of synthetic tasks: the metrics that a family adds to those of every task.
 *
 * Metrics have standard names; one that applies only to some items names them after an @:
 * "acc@frequency=high" comes with those items only, and its mean is taken over the items that have it. */
#pragma once

#include "base/error.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

/* NULL if there is none of that name. */
const struct synth_family *family_find(const char *name);

/* The figures of one item, at most `most`: `item` is its JSON object as the items' file has it, `output` the choice that was
 * taken or the text that was written, up to where it stopped, `right` whether that is right by the task's own rules: the one
 * definition of it, so that figures behind an @ average to acc or exact_match. Returns how many were written; 0 for a family that measures
 * nothing more. Called from several threads at once. */
int family_measure(const char *family, const json_t *item, const char *output, bool right,
                   struct family_metric *metrics, int most);

/* LTM_INVALID, naming the nearest, for an unknown family. */
ltm_status family_check(const char *family, struct ltm_error *error);
