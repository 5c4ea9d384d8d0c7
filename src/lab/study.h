/* A study in memory. */
#pragma once

#include <time.h>

#include <jansson.h>

#include "lab/value_list.h"
#include "ltm/sweep.h"

enum { STUDY_AXES = 8, STUDY_LINKED = 4, STUDY_CORPORA = 8, STUDY_CELLS = 10000, STUDY_NAME = 64, CELL_NAME = 200 };

/* One list of values, for one key or for several linked keys ("64/2"). */
struct study_axis {
    char name[LTM_PATH_MAX]; /* as the file writes it: "model.dim/model.heads" */
    char keys[STUDY_LINKED][STUDY_NAME];
    int linked;
    struct value_list values;
};

struct study_corpus {
    char name[STUDY_NAME], path[LTM_PATH_MAX];
};

/* The kind of a cell besides its axis values: a plain decoder with their window, or its twin with full attention, at
 * equal tokens (or the budget's compute) or at equal compute if the budget is in tokens (lab/headroom.h). */
enum study_twin { STUDY_NO_TWIN, STUDY_WINDOW, STUDY_ATTENTION, STUDY_ATTENTION_COMPUTE };

struct study_cell {
    char name[CELL_NAME];
    struct ltm_config config; /* run.dir is the cell's folder */
    int value[STUDY_AXES];    /* index into each axis's values */
    bool blank[STUDY_AXES];   /* the axis's first key does not matter to this cell */
    enum study_twin twin;
    int window;            /* as the axes say */
    char decoder[17];      /* identifies a plain decoder except for window and budget; empty with latents */
    int64_t budget_tokens; /* 0 when the budget is compute */
    double budget_flops;   /* 0 when it is tokens */
    int64_t tokens;        /* whole slow steps */
    double forward_flops, flops_per_token, scoring_flops;
    size_t rank; /* 0 for the largest */
    enum ltm_cell_status status;
    json_t *result;            /* result.json if it is done */
    char *failure;             /* NULL unless it failed */
    struct timespec failed_at; /* of error.txt */
};

/* The last corpus and tokenizer read: cells mostly share them. */
struct study_data {
    char corpus[LTM_PATH_MAX], tokenizer[LTM_PATH_MAX];
    bool known;
    int vocab; /* LTM_AUTO if unknown */
    int64_t heldout_tokens;
};

struct ltm_study {
    char path[LTM_PATH_MAX], base_path[LTM_PATH_MAX], dir[LTM_PATH_MAX];
    struct ltm_config base;
    struct study_axis axes[STUDY_AXES];
    int axis_count;
    struct value_list variants; /* the settings of each, by the values of the first axis (lab/study_variants.h) */
    struct value_list tokens, flops, seeds, corner_seeds;
    bool keep_last;
    bool twin_attention;
    int threads, jobs;                /* jobs LTM_AUTO */
    struct value_list score_settings; /* "eval.iwae=16" */
    struct study_corpus corpora[STUDY_CORPORA];
    int corpus_count;
    struct value_list tasks, shots; /* few-shot */
    int64_t limit, draws, samples;  /* LTM_AUTO if not set */
    struct study_data data;
    struct study_cell *cells;
    size_t cell_count;
};

/* Whether a key says how posteriors are fitted or how latents stream; and whether it changes nothing in this cell, which does not. */
bool study_of_latents(const char *key);
bool study_idle(const struct study_cell *cell, const char *key);

/* LTM_INVALID for a key that cannot differ between cells, or that another axis than this one sets. */
ltm_status study_check_axis_key(const struct ltm_study *study, const struct study_axis *axis, const char *key,
                                struct ltm_error *error);

void study_clear(struct ltm_study *study); /* fine for one that is all zero */

/* A path in its stored form; `name` is for messages. */
ltm_status study_take_path(char to[LTM_PATH_MAX], const char *name, const char *value, struct ltm_error *error);

/* The path of a file in the cell's folder. */
ltm_status study_cell_path(char path[LTM_PATH_MAX], const struct study_cell *cell, const char *name,
                           struct ltm_error *error);

/* ---- Cost of a study and division of its work ---- */

int study_jobs(const struct ltm_study *study, const struct ltm_sweep_options *options);
bool study_in_shard(const struct study_cell *cell, const struct ltm_sweep_options *options);

/* Floating-point operations of a cell, scores included. */
double study_cell_work(const struct study_cell *cell);
