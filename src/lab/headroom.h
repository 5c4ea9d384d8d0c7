/* Headroom: the loss of a plain decoder with a window less that of the same decoder with full attention, what the past is
 * worth to attention. Below HEADROOM_LEAST a fitted z hardly pays. It bounds no state that learns while it reads. */
#pragma once

#include "lab/report_page.h"
#include "lab/study.h"
#include "lab/study_table.h"

#define HEADROOM_LEAST 0.05 /* nats a token */

/* Give each finished cell without latents whose twin with full attention is finished too the columns headroom_tokens and
 * headroom_compute, of equal tokens and of equal compute, each with its _stderr, paired by sequence if both scored the
 * same ones. */
void headroom_columns(struct ltm_study *study);

/* "0.031 (0.022 to 0.040)", the normal 95 % interval; only the figure if the error is not finite. Returns text. */
enum { HEADROOM_INTERVAL = 128 };
const char *headroom_interval(char text[HEADROOM_INTERVAL], double headroom, double error);

/* In words, whether latents can pay there according to its interval. */
const char *headroom_meaning(double headroom, double error);

/* The page's section: a row for each group that has the columns, and in words whether latents can pay there. */
ltm_status headroom_section(struct report *report, const struct study_table *table, struct ltm_error *error);
