/* A study's file and the settings that override it. */
#pragma once

#include <stdio.h>

#include "lab/study.h"

/* Read them, without cells. *study must be all zero; call study_clear afterwards in any case. */
ltm_status study_read(struct ltm_study *study, const char *path, const char *const *settings, size_t count,
                      struct ltm_error *error);

/* The same as a file, with its base beside it as STUDY_BASE. */
#define STUDY_BASE "base.ini"
void study_print(FILE *file, const struct ltm_study *study);
