/* What this process may use of the machine's memory and time: the machine's own, and what control groups (containers,
 * batch systems) leave of it. */
#pragma once

#include <stdint.h>

/* Bytes. */
struct memory_limits {
    int64_t total;     /* the machine's */
    int64_t limit;     /* the tightest control group's; 0 = none below `total` */
    int64_t available; /* what can be had now without taking from others, within the limit; -1 = not known */
};

/* `root` stands before /proc and /sys: "" but in tests. */
void memory_limits_read(struct memory_limits *limits, const char *root);

/* Cores' worth of time that control groups grant; 0 = no limit. */
double processor_quota(const char *root);

/* Threads that can run at once: the cores that affinity leaves, and no more than the quota rounded up. At least 1. */
int processors_granted(const char *root);
