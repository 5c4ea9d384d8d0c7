/* Settings that hold lists: `eval.fast.steps=4,16,64` stands for three configurations, two lists for all their pairs.
 *
 *     struct scan scan;
 *     int code = scan_create(&scan, "eval", assignments, count);
 *     for (int i = 0; i < scan.rows; i++) { struct ltm_config one = config; status = scan_apply(&scan, i, &one, &error); … }
 *     scan_free(&scan);
 */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include "ltm/config.h"

enum { SCAN_AXES = 4, SCAN_NAME = 64, SCAN_ROWS = 1000 };

struct scan_axis {
    int setting; /* which of the assignments it is */
    char name[SCAN_NAME];
    char **values; /* [count], into `text` */
    int count;
    char *text;
};

struct scan {
    char **assignments; /* the caller's */
    int settings, axes, rows;
    struct scan_axis axis[SCAN_AXES];
};

/* Lists may be given for keys of [fast] and [eval], but for file names. Returns CLI_OK, or what to exit with after saying why. */
int scan_create(struct scan *scan, const char *command, char **assignments, int count);
void scan_free(struct scan *scan);

/* Set every assignment as row i has it; the last list changes fastest. */
ltm_status scan_apply(const struct scan *scan, int i, struct ltm_config *config, struct ltm_error *error);

/* The value that row i has of an axis. */
const char *scan_value(const struct scan *scan, int i, int axis);

/* Whether a key is one of the lists. */
bool scan_has(const struct scan *scan, const char *name);

#endif
