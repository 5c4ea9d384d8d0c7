/* What a training has of puzzles in place of a corpus (model.kind = solver): data.corpus is a folder with train.jsonl and
 * test.jsonl. */
#pragma once

#include "solver/solver_score.h"
#include "train/session_state.h"

ltm_status session_open_puzzles(struct session *s, struct ltm_error *error);
ltm_status session_name_puzzles(struct session *s, struct ltm_error *error);
void session_describe_puzzles(const struct session *s);

/* Of the first run.eval_sequences held-out puzzles. */
ltm_status session_score_puzzles(struct solver_scores *scores, const struct session *s, struct ltm_error *error);

/* Whether the average of the weights, where it has scores, solves as many as they do: then the record is of it. */
bool session_tell_puzzles(struct ltm_train_record *record, const struct solver_scores *own,
                          const struct solver_scores *averaged);

/* puzzles.json in the run's folder, for ltm report. */
ltm_status session_keep_puzzles(const struct session *s, const struct solver_scores *scores, struct ltm_error *error);
