/* A study's file and the settings over it. */
#pragma once

#include <stdio.h>

#include "lab/study.h"

/* What they say, without cells. *study is all zero before; study_clear afterwards in any case. */
ltm_status study_read(struct ltm_study *study, const char *path, const char *const *settings, size_t count,
                      struct ltm_error *error);

/* The same as a file whose base stands beside it as STUDY_BASE. */
#define STUDY_BASE "base.ini"
void study_print(FILE *file, const struct ltm_study *study);
