/* Where samples go: text or JSON lines on stdout, JSON lines in a file; and into memory for what compares them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ltm/generate.h"
#include "ltm/samples.h"

struct generate_output {
    const struct ltm_generate_options *options;
    const char *path; /* of a file for JSON lines, or NULL: samples go to stdout */
    FILE *file;
    bool started;   /* the file was emptied for the first sample: what fails before replaces nothing */
    long bytes;     /* of the file that are whole lines */
    bool json;      /* JSON lines on stdout, not text */
    bool keeps;     /* samples are kept in `texts` */
    bool streams;   /* a single sample is printed as it comes */
    size_t printed; /* bytes of that one's text */
    int64_t begun, written;
    bool at_line_begin;
    struct ltm_text *texts; /* clean UTF-8; their prompts are the options' */
    size_t room;
    int64_t tokens; /* of all samples, and the log p of those, and the loops that they ran */
    double log_p, loops;
    char problem[1024]; /* what went wrong, or empty */
};

/* Whether `path` can be written, with its folders: better found out before the work. False where not, and `problem` says why. */
bool generate_output_try(struct generate_output *output);

bool generate_on_text(void *user, const struct ltm_sample *sample, size_t fresh);
bool generate_on_sample(void *user, const struct ltm_sample *sample);

/* False where something went wrong, then or before. */
bool generate_output_close(struct generate_output *output);
void generate_output_free(struct generate_output *output);
