/* Output of samples: text or JSON lines on stdout, or JSON lines in a file; and in memory for statistics and a judge. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ltm/generate.h"
#include "ltm/samples.h"

struct generate_output {
    const struct ltm_generate_options *options;
    const char *path; /* a file for JSON lines, or NULL: samples go to stdout */
    FILE *file;
    bool started;   /* the file was truncated for the first sample: an earlier failure replaces nothing */
    long bytes;     /* of complete lines in the file */
    bool json;      /* JSON lines on stdout, not text */
    bool keeps;     /* samples are kept in `texts` */
    bool streams;   /* a single sample is printed as it is written */
    size_t printed; /* bytes of its text printed so far */
    int64_t begun, written;
    bool at_line_begin;
    struct ltm_text *texts; /* valid UTF-8; their prompts belong to the options */
    size_t room;
    int64_t tokens; /* of all samples, with their log p and the loops that they ran */
    double log_p, loops;
    char problem[1024]; /* what went wrong, or empty */
};

/* Check before the work that `path` can be written, including its folders. False if not, and `problem` says why. */
bool generate_output_try(struct generate_output *output);

bool generate_on_text(void *user, const struct ltm_sample *sample, size_t fresh);
bool generate_on_sample(void *user, const struct ltm_sample *sample);

/* False if something went wrong, now or before. */
bool generate_output_close(struct generate_output *output);
void generate_output_free(struct generate_output *output);
