#include "tasks/family.h"

#include "ltm/names.h"
#include "tasks/metric_list.h"
#include "tasks/synth.h"

enum { FAMILIES_MOST = 64 };

int family_measure(const char *family, const json_t *item, const char *output, struct family_metric *metrics,
                   int most) {
    const struct synth_family *f = synth_family_find(family);
    struct metric_list list = {.metrics = metrics, .most = most};
    if (f && f->measure) f->measure(item, output, &list);
    return list.count;
}

ltm_status family_check(const char *family, struct ltm_error *error) {
    const char *names[FAMILIES_MOST];
    size_t count = 0;
    if (synth_family_find(family)) return LTM_OK;
    while (count < FAMILIES_MOST && ltm_synth_family_at((int)count)) {
        names[count] = ltm_synth_family_at((int)count)->name;
        count++;
    }
    const char *nearest = ltm_nearest_name(family, names, count);
    if (nearest) return fail(error, LTM_INVALID, "there is no family \"%s\"; did you mean %s?", family, nearest);
    return fail(error, LTM_INVALID, "there is no family \"%s\"; ltm corpus synth --list shows them", family);
}
