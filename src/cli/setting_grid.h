/* Settings with lists: `eval.fast.steps=4,16,64` stands for three configurations, two lists for all their pairs.
 *
 *     struct setting_grid grid;
 *     int code = grid_create(&grid, "eval", assignments, count);
 *     for (int i = 0; i < grid.rows; i++) { struct ltm_config one = config; status = grid_apply(&grid, i, &one, &error); … }
 *     grid_free(&grid);
 */
#pragma once

#include "ltm/config.h"

enum { GRID_AXES = 4, GRID_NAME = 64, GRID_ROWS = 1000 };

struct grid_axis {
    int setting; /* which of the assignments it is */
    char name[GRID_NAME];
    char **values; /* [count], into `text` */
    int count;
    char *text;
};

struct setting_grid {
    char **assignments; /* the caller's */
    int settings, axes, rows;
    struct grid_axis axis[GRID_AXES];
};

/* Lists are allowed for keys of [fast] and [eval], except file names. Returns CLI_OK, or prints an error and returns the exit code. */
int grid_create(struct setting_grid *grid, const char *command, char **assignments, int count);
void grid_free(struct setting_grid *grid);

/* Apply the assignments of row i; the last list changes fastest. */
ltm_status grid_apply(const struct setting_grid *grid, int i, struct ltm_config *config, struct ltm_error *error);

/* The value of an axis in row i. */
const char *grid_value(const struct setting_grid *grid, int i, int axis);

/* Whether a key has a list. */
bool grid_has(const struct setting_grid *grid, const char *name);
