/* A study in memory: what its file says (study.c), its cells (study_cells.c), and its folder (study_folder.c). */
#ifndef LAB_STUDY_H
#define LAB_STUDY_H

#include <time.h>

#include <jansson.h>

#include "lab/value_list.h"
#include "ltm/sweep.h"

enum { STUDY_AXES = 8, STUDY_LINKED = 4, STUDY_CORPORA = 8, STUDY_CELLS = 10000, STUDY_NAME = 64, CELL_NAME = 200 };

/* One list of values, for one key or for several that go together ("64/2"). */
struct study_axis {
    char name[LTM_PATH_MAX]; /* as the file writes it: "model.dim/model.heads" */
    char keys[STUDY_LINKED][STUDY_NAME];
    int linked;
    struct value_list values;
};

struct study_corpus {
    char name[STUDY_NAME], path[LTM_PATH_MAX];
};

struct study_cell {
    char name[CELL_NAME];
    struct ltm_config config; /* run.dir is the cell's folder */
    int value[STUDY_AXES];    /* index into each axis's values */
    bool blank[STUDY_AXES];   /* the axis's first key does not matter to this cell */
    int64_t budget_tokens;    /* 0 when the budget is compute */
    double budget_flops;      /* 0 when it is tokens */
    int64_t tokens;           /* whole slow steps */
    double forward_flops, flops_per_token, scoring_flops;
    size_t rank; /* 0 for the largest */
    enum ltm_cell_status status;
    json_t *result;            /* result.json where it is done */
    char *failure;             /* NULL unless it failed */
    struct timespec failed_at; /* of error.txt */
};

/* What was last read about a corpus and tokenizer: cells mostly share them. */
struct study_data {
    char corpus[LTM_PATH_MAX], tokenizer[LTM_PATH_MAX];
    bool known;
    int vocab; /* LTM_AUTO where they do not say */
    int64_t heldout_tokens;
};

struct ltm_study {
    char path[LTM_PATH_MAX], base_path[LTM_PATH_MAX], dir[LTM_PATH_MAX];
    struct ltm_config base;
    struct study_axis axes[STUDY_AXES];
    int axis_count;
    struct value_list tokens, flops, seeds, corner_seeds;
    bool keep_last;
    int threads, jobs;                /* jobs LTM_AUTO */
    struct value_list score_settings; /* "eval.iwae=16" */
    struct study_corpus corpora[STUDY_CORPORA];
    int corpus_count;
    struct value_list tasks, shots; /* few-shot */
    int64_t limit, draws, samples;  /* LTM_AUTO where nothing is said */
    struct study_data data;
    struct study_cell *cells;
    size_t cell_count;
};

/* study.c: what a file and settings say, without cells. *study is all zero before; study_clear afterwards in any case. */
ltm_status study_read(struct ltm_study *study, const char *path, const char *const *settings, size_t count,
                      struct ltm_error *error);
void study_clear(struct ltm_study *study);

/* A path, and whole numbers from `least` on, as they are kept; `name` stands in messages. */
ltm_status study_take_path(char to[LTM_PATH_MAX], const char *name, const char *value, struct ltm_error *error);
ltm_status study_take_integers(struct value_list *list, const char *name, const char *value, int64_t least,
                               struct ltm_error *error);

/* study_cells.c: make the cells of what was read. */
ltm_status study_make_cells(struct ltm_study *study, struct ltm_error *error);

/* ---- study_folder.c ---- */

/* Make the folder, or check that what it holds is this study; settle the precision of products, on which bits depend; write
 * study.ini and base.ini. LTM_MISMATCH. */
ltm_status study_folder_begin(struct ltm_study *study, struct ltm_error *error);

/* Learn from its folder how a cell stands. A failure that is older than cell->failed_at counts as waiting. */
ltm_status study_cell_refresh(struct study_cell *cell, const struct ltm_study *study, struct ltm_error *error);

/* Have a cell that failed in an earlier call tried again. */
void study_cell_retry(struct study_cell *cell);

/* The path of a file in the cell's folder. */
ltm_status study_cell_path(char path[LTM_PATH_MAX], const struct study_cell *cell, const char *name,
                           struct ltm_error *error);

/* What a corpus is known by, the checksum of corpus.json, which holds those of its shards; empty for bare shards. */
void study_corpus_sum(char sum[17], const char *corpus);

/* Wait for and hold a lock file; -1 where the file system has no locks, and then there is none. close() it. */
int study_lock(const char *path);

/* ---- study_scores.c ---- */

ltm_status study_take_score(struct ltm_study *study, const char *key, const char *value, struct ltm_error *error);

/* [scores] as lines that end with `end`. */
void study_print_scores(FILE *stream, const struct ltm_study *study, const char *end);

/* What [scores] and keep ask for, in one text: results under another are taken again. The caller frees it; NULL when memory is
 * short. */
char *study_scores_text(const struct ltm_study *study);

/* Whether every few-shot task can be read: better found out before the first run. */
ltm_status study_check_tasks(const struct ltm_study *study, struct ltm_error *error);

/* Score a trained cell: "columns", "step", "scored_tokens" and "scoring_seconds" of `result`. */
ltm_status study_take_scores(json_t *result, const struct ltm_study *study, const struct study_cell *cell,
                             const struct ltm_watch *watch, struct ltm_error *error);

/* ---- study_estimate.c ---- */

int study_jobs(const struct ltm_study *study, const struct ltm_sweep_options *options);
bool study_in_shard(const struct study_cell *cell, const struct ltm_sweep_options *options);

/* Floating-point operations of a cell, scores included. */
double study_cell_work(const struct study_cell *cell);

/* ---- study_results.c ---- */

/* Write results.csv and timings.csv of what is done, by whomever. */
ltm_status study_results_write(struct ltm_study *study, struct ltm_error *error);

#endif
