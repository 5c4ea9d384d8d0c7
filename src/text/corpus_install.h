/* A corpus folder in the making: built beside, then put in the place of the old one. */
#pragma once

#include "base/error.h"

enum { CORPUS_PATH_MAX = 1000 };

struct corpus_draft {
    char path[CORPUS_PATH_MAX + 24], draft[CORPUS_PATH_MAX + 24]; /* path, and path.building */
    int lock;                                                     /* on the draft, so that two builds do not meet */
};

/* LTM_INVALID, with the name of a file, when a corpus cannot be put at the path without taking away what no build made: a folder that
 * holds no corpus, or something beside it. Nothing is written. */
ltm_status corpus_place_check(const char *path, struct ltm_error *error);

/* The same check; then makes the folder PATH.building, empty: what an interrupted build left there is removed. LTM_INVALID, too, when
 * another process is building there. */
ltm_status corpus_draft_create(struct corpus_draft *draft, const char *path, struct ltm_error *error);

/* The old corpus, if any, is there until the moment the new one is, whole. */
ltm_status corpus_draft_commit(struct corpus_draft *draft, struct ltm_error *error);
void corpus_draft_discard(struct corpus_draft *draft);
