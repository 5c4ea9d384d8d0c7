/* A study's file and the settings over it. */
#ifndef LAB_STUDY_FILE_H
#define LAB_STUDY_FILE_H

#include "lab/study.h"

/* What they say, without cells. *study is all zero before; study_clear afterwards in any case. */
ltm_status study_read(struct ltm_study *study, const char *path, const char *const *settings, size_t count,
                      struct ltm_error *error);

#endif
