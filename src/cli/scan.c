#include "scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

/* Only these keys: elsewhere a comma belongs to the value. */
static bool may_be_list(const char *assignment) {
    if (strncmp(assignment, "eval.dump=", 10) == 0 || !strchr(assignment, ',')) return false;
    return strncmp(assignment, "eval.", 5) == 0 || strncmp(assignment, "fast.", 5) == 0;
}

static bool split(struct scan_axis *axis, const char *list) {
    axis->text = strdup(list);
    axis->count = 1;
    for (const char *c = list; *c; c++) axis->count += *c == ',';
    axis->values = calloc((size_t)axis->count, sizeof *axis->values);
    if (!axis->text || !axis->values) return false;
    char *rest = axis->text;
    for (int i = 0; i < axis->count; i++) axis->values[i] = strsep(&rest, ",");
    return true;
}

int scan_create(struct scan *scan, const char *command, char **assignments, int count) {
    *scan = (struct scan){.assignments = assignments, .settings = count, .rows = 1};
    for (int i = 0; i < count; i++) {
        if (!may_be_list(assignments[i])) continue;
        const char *equals = strchr(assignments[i], '=');
        const int length = (int)(equals - assignments[i]);
        struct scan_axis *axis = &scan->axis[scan->axes];
        char name[SCAN_NAME];
        snprintf(name, sizeof name, "%.*s", length, assignments[i]);
        if (scan_has(scan, name)) return cli_usage(command, "%s has two lists", name);
        if (scan->axes == SCAN_AXES) return cli_usage(command, "more than %d settings hold lists", SCAN_AXES);
        scan->axes++;
        axis->setting = i;
        strcpy(axis->name, name);
        if (!split(axis, equals + 1)) return cli_no_memory();
        if (axis->count > SCAN_ROWS / scan->rows)
            return cli_usage(command, "the lists make more than %d rows", SCAN_ROWS);
        scan->rows *= axis->count;
    }
    return CLI_OK;
}

void scan_free(struct scan *scan) {
    for (int a = 0; a < scan->axes; a++) {
        free(scan->axis[a].text);
        free(scan->axis[a].values);
    }
    scan->axes = 0;
}

const char *scan_value(const struct scan *scan, int i, int axis) {
    for (int a = scan->axes - 1; a > axis; a--) i /= scan->axis[a].count;
    return scan->axis[axis].values[i % scan->axis[axis].count];
}

bool scan_has(const struct scan *scan, const char *name) {
    for (int a = 0; a < scan->axes; a++)
        if (strcmp(scan->axis[a].name, name) == 0) return true;
    return false;
}

ltm_status scan_apply(const struct scan *scan, int i, struct ltm_config *config, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    int axis = 0;
    for (int s = 0; s < scan->settings && status == LTM_OK; s++) {
        if (axis < scan->axes && scan->axis[axis].setting == s) {
            status = ltm_config_set(config, scan->axis[axis].name, scan_value(scan, i, axis), error);
            axis++;
        } else
            status = ltm_config_override(config, scan->assignments[s], error);
    }
    return status;
}
