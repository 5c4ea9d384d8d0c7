#include "setting_grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

/* Only these keys may have lists: elsewhere a comma is part of the value. */
static bool may_be_list(const char *assignment) {
    if (strncmp(assignment, "eval.dump=", 10) == 0 || !strchr(assignment, ',')) return false;
    return strncmp(assignment, "eval.", 5) == 0 || strncmp(assignment, "fast.", 5) == 0;
}

static bool split(struct grid_axis *axis, const char *list) {
    axis->text = strdup(list);
    axis->count = 1;
    for (const char *c = list; *c; c++) axis->count += *c == ',';
    axis->values = calloc((size_t)axis->count, sizeof *axis->values);
    if (!axis->text || !axis->values) return false;
    char *rest = axis->text;
    for (int i = 0; i < axis->count; i++) axis->values[i] = strsep(&rest, ",");
    return true;
}

int grid_create(struct setting_grid *grid, const char *command, char **assignments, int count) {
    *grid = (struct setting_grid){.assignments = assignments, .settings = count, .rows = 1};
    for (int i = 0; i < count; i++) {
        if (!may_be_list(assignments[i])) continue;
        const char *equals = strchr(assignments[i], '=');
        const int length = (int)(equals - assignments[i]);
        struct grid_axis *axis = &grid->axis[grid->axes];
        char name[GRID_NAME];
        snprintf(name, sizeof name, "%.*s", length, assignments[i]);
        if (grid_has(grid, name)) return cli_usage(command, "%s has two lists", name);
        if (grid->axes == GRID_AXES) return cli_usage(command, "more than %d settings have lists", GRID_AXES);
        grid->axes++;
        axis->setting = i;
        strcpy(axis->name, name);
        if (!split(axis, equals + 1)) return cli_no_memory();
        if (axis->count > GRID_ROWS / grid->rows)
            return cli_usage(command, "the lists make more than %d rows", GRID_ROWS);
        grid->rows *= axis->count;
    }
    return CLI_OK;
}

void grid_free(struct setting_grid *grid) {
    for (int a = 0; a < grid->axes; a++) {
        free(grid->axis[a].text);
        free(grid->axis[a].values);
    }
    grid->axes = 0;
}

const char *grid_value(const struct setting_grid *grid, int i, int axis) {
    for (int a = grid->axes - 1; a > axis; a--) i /= grid->axis[a].count;
    return grid->axis[axis].values[i % grid->axis[axis].count];
}

bool grid_has(const struct setting_grid *grid, const char *name) {
    for (int a = 0; a < grid->axes; a++)
        if (strcmp(grid->axis[a].name, name) == 0) return true;
    return false;
}

ltm_status grid_apply(const struct setting_grid *grid, int i, struct ltm_config *config, struct ltm_error *error) {
    ltm_status status = LTM_OK;
    int axis = 0;
    for (int s = 0; s < grid->settings && status == LTM_OK; s++) {
        if (axis < grid->axes && grid->axis[axis].setting == s) {
            status = ltm_config_set(config, grid->axis[axis].name, grid_value(grid, i, axis), error);
            axis++;
        } else
            status = ltm_config_override(config, grid->assignments[s], error);
    }
    return status;
}
