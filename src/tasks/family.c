#include "tasks/family.h"

#include <string.h>

#include "ltm/names.h"

struct family {
    const char *name;
    int (*measure)(const json_t *item, const char *output, struct family_metric *metrics, int most);
};

/* One row a family; the last ends the table. */
static const struct family families[] = {{NULL, NULL}};

enum { FAMILIES = sizeof families / sizeof *families - 1 };

static const struct family *find(const char *name) {
    for (const struct family *f = families; f->name; f++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

int family_measure(const char *family, const json_t *item, const char *output, struct family_metric *metrics,
                   int most) {
    const struct family *f = find(family);
    return f && f->measure ? f->measure(item, output, metrics, most) : 0;
}

ltm_status family_check(const char *family, struct ltm_error *error) {
    const char *names[FAMILIES + 1] = {NULL};
    if (find(family)) return LTM_OK;
    for (int i = 0; i < FAMILIES; i++) names[i] = families[i].name;
    const char *nearest = ltm_nearest_name(family, names, FAMILIES);
    if (nearest) return fail(error, LTM_INVALID, "there is no family \"%s\"; did you mean %s?", family, nearest);
    return fail(error, LTM_INVALID, "there is no family \"%s\"", family);
}
