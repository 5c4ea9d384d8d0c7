/* A corpus folder being built: beside the old one, which it then replaces. */
#pragma once

#include "base/error.h"

enum { CORPUS_PATH_MAX = 1000 };

struct corpus_draft {
    char path[CORPUS_PATH_MAX + 24], draft[CORPUS_PATH_MAX + 24]; /* path, and path.building */
    int lock;                                                     /* on the draft, so that two builds do not meet */
};

/* LTM_INVALID, with the name of a file, if a corpus at the path would replace anything not written by a build: a folder
 * without a corpus, or one with other files. Writes nothing. */
ltm_status corpus_place_check(const char *path, struct ltm_error *error);

/* The same check; then creates the empty folder PATH.building, removing the remains of an interrupted build. Also
 * LTM_INVALID if another process is building there. */
ltm_status corpus_draft_create(struct corpus_draft *draft, const char *path, struct ltm_error *error);

/* The old corpus, if any, stays until the complete new one replaces it. */
ltm_status corpus_draft_commit(struct corpus_draft *draft, struct ltm_error *error);
void corpus_draft_discard(struct corpus_draft *draft);
