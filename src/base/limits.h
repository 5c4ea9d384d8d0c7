/* What this process may use of the machine's memory and time: the machine's own, and the limits of control groups
 * (containers, batch systems). */
#pragma once

#include <stdint.h>

/* Bytes. */
struct memory_limits {
    int64_t total;     /* the machine's */
    int64_t limit;     /* the tightest control group's; 0 = none below `total` */
    int64_t available; /* free for use now, within the limit; -1 = unknown */
};

/* `root` stands before /proc and /sys: "" but in tests. */
void memory_limits_read(struct memory_limits *limits, const char *root);

/* Cores' worth of time that control groups grant; 0 = no limit. */
double processor_quota(const char *root);

/* Threads that can run at once: the cores that affinity allows, at most the quota rounded up. At least 1. */
int processors_granted(const char *root);
