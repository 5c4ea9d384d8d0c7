/* A study opened: what its file says, its cells, and how they stand. */
#include <stdlib.h>

#include "base/memory.h"
#include "lab/study_cells.h"
#include "lab/study_file.h"
#include "lab/study_folder.h"

static ltm_status load(struct ltm_study *s, const char *path, const char *const *settings, size_t count,
                       struct ltm_error *error) {
    ltm_status status = study_read(s, path, settings, count, error);
    if (status == LTM_OK) status = study_make_cells(s, error);
    for (size_t i = 0; i < s->cell_count && status == LTM_OK; i++) status = study_cell_refresh(&s->cells[i], s, error);
    return status;
}

ltm_status ltm_study_open(struct ltm_study **study, const char *path, const char *const *settings, size_t count,
                          struct ltm_error *error) {
    struct ltm_study *made = NULL;
    *study = NULL;
    ltm_status status = NEW_ARRAY(made, 1, "a study", error);
    if (status == LTM_OK) status = load(made, path, settings, count, error);
    if (status == LTM_OK)
        *study = made;
    else
        ltm_study_close(made);
    return status;
}

void ltm_study_close(struct ltm_study *study) {
    if (!study) return;
    study_clear(study);
    free(study);
}
