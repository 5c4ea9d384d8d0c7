/* ltm doctor --scaling: what the model of ltm/scaling.h says of a configuration. */
#ifndef CLI_DOCTOR_SCALING_H
#define CLI_DOCTOR_SCALING_H

#include <stdbool.h>

struct scaling_request {
    const char *config; /* a configuration's path, NULL = not asked for */
    char **settings;
    int count;
    bool json;
    const char *machines, *bandwidth, *latency, *speed; /* as written, NULL = default */
};

int doctor_scaling(const struct scaling_request *request);

#endif
