#include "base/limits.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

enum { PATH_SIZE = 4096 };

/* The first line of a small file; false if there is none. */
static bool read_line(char *line, size_t size, const char *path) {
    FILE *file = fopen(path, "re");
    const bool read = file && fgets(line, (int)size, file);
    if (file) fclose(file);
    return read;
}

/* The number after `key` in a file of lines "key number …"; -1 where there is none. */
static int64_t read_entry(const char *path, const char *key) {
    char line[512];
    int64_t value = -1;
    const size_t length = strlen(key);
    FILE *file = fopen(path, "re");
    while (file && value < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0 && strchr(" \t:", line[length]))
            value = strtoll(line + length + strspn(line + length, " \t:"), NULL, 10);
    if (file) fclose(file);
    return value;
}

/* A file that holds one number; -1 for none and for "max". */
static int64_t read_number(const char *folder, const char *name) {
    char path[PATH_SIZE + 64];
    char line[64];
    char *end;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!read_line(line, sizeof line, path)) return -1;
    const int64_t value = strtoll(line, &end, 10);
    return end == line || value < 0 ? -1 : value;
}

/* This process's folder of a controller: version 1 has one tree for each, version 2 ("") one for all. False if there is
 * none. `top` becomes the length of the tree's own name, where a walk to the parents ends. */
static bool group_folder(char folder[PATH_SIZE], size_t *top, const char *root, const char *controller) {
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    bool found = false;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) { /* "4:cpu,cpuacct:/path" or "0::/path" */
        char *names = strchr(line, ':');
        char *where = names ? strchr(names + 1, ':') : NULL;
        if (!where) continue;
        *where++ = 0;
        where[strcspn(where, "\n")] = 0;
        for (char *name = ++names, *next; name; name = next) {
            if ((next = strchr(name, ','))) *next++ = 0;
            if (strcmp(name, controller) != 0) continue;
            const int length =
                snprintf(folder, PATH_SIZE, "%s/sys/fs/cgroup%s%s", root, *controller ? "/" : "", controller);
            if (length < 0 || (size_t)length + strlen(where) >= PATH_SIZE) break;
            *top = (size_t)length;
            memcpy(folder + length, where, strlen(where) + 1);
            found = true;
        }
    }
    if (file) fclose(file);
    return found;
}

/* From a group to its parent; false after the tree's own folder. A container sees paths of its host, which do not exist
 * inside it: the walk then ends at the last one that does. */
static bool to_parent(char *folder, size_t top) {
    char *slash = strrchr(folder + top, '/');
    if (!slash) return false;
    *slash = 0;
    return true;
}

struct memory_files {
    const char *controller, *limit, *used, *cache; /* cache: in memory.stat, what can be reclaimed */
};

static void apply_groups(struct memory_limits *limits, const char *root, const struct memory_files *files) {
    char folder[PATH_SIZE];
    char path[PATH_SIZE + 64];
    size_t top;
    if (!group_folder(folder, &top, root, files->controller)) return;
    do {
        const int64_t limit = read_number(folder, files->limit);
        const int64_t used = read_number(folder, files->used);
        if (limit < 0 || (limits->total > 0 && limit >= limits->total)) continue;
        if (limits->limit == 0 || limit < limits->limit) limits->limit = limit;
        snprintf(path, sizeof path, "%s/memory.stat", folder);
        const int64_t cache = read_entry(path, files->cache);
        int64_t left = limit - (used > 0 ? used : 0) + (cache > 0 ? cache : 0);
        if (left < 0) left = 0;
        if (left > limit) left = limit;
        if (limits->available < 0 || left < limits->available) limits->available = left;
    } while (to_parent(folder, top));
}

void memory_limits_read(struct memory_limits *limits, const char *root) {
    static const struct memory_files versions[] = {
        {"", "memory.max", "memory.current", "inactive_file"},
        {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    const int64_t total = read_entry(path, "MemTotal");
    const int64_t available = read_entry(path, "MemAvailable");
    *limits = (struct memory_limits){.total = total > 0 ? 1024 * total : 0,
                                     .available = available >= 0 ? 1024 * available : -1};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) apply_groups(limits, root, &versions[i]);
}

/* "200000 100000": microseconds granted of each period's, or "max …". */
static double quota_of(const char *folder) {
    char path[PATH_SIZE + 64];
    char line[64];
    char *end;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_line(line, sizeof line, path)) {
        const double granted = strtod(line, &end);
        const double period = strtod(end, NULL);
        return end != line && granted > 0 && period > 0 ? granted / period : 0;
    }
    const int64_t granted = read_number(folder, "cpu.cfs_quota_us");
    const int64_t period = read_number(folder, "cpu.cfs_period_us");
    return granted > 0 && period > 0 ? (double)granted / (double)period : 0;
}

double processor_quota(const char *root) {
    static const char *const controllers[] = {"", "cpu"};
    double least = 0;
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
        char folder[PATH_SIZE];
        size_t top;
        if (!group_folder(folder, &top, root, controllers[i])) continue;
        do {
            const double quota = quota_of(folder);
            if (quota > 0 && (least == 0 || quota < least)) least = quota;
        } while (to_parent(folder, top));
    }
    return least;
}

int processors_granted(const char *root) {
    const int cores = omp_get_num_procs();
    const double quota = processor_quota(root);
    return quota > 0 && quota < cores ? (int)ceil(quota) : cores;
}
