/* Statistics of samples, as a table or as JSON. */
#ifndef CLI_GENERATE_STATS_H
#define CLI_GENERATE_STATS_H

#include <jansson.h>

#include "ltm/samples.h"

struct generate_stats {
    struct ltm_text_statistics texts;
    int64_t tokens; /* the model's own, and their log p */
    double log_p;
    const char *judge; /* its path, or NULL */
    struct ltm_judgement judgement;
};

void generate_stats_print(const struct generate_stats *stats);
json_t *generate_stats_json(const struct generate_stats *stats);

#endif
