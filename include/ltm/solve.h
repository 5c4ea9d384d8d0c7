/* Scores of a solver (model.kind = solver) on a file of puzzles.
 *
 *     if (ltm_is_solver("runs/sudoku4")) ltm_solve("runs/sudoku4", "test.jsonl", 0, 1, LTM_AUTO, &json, &error);
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ltm/config.h"
#include "ltm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a checkpoint's folder, or a run's (its best), holds a solver; false, too, where it holds nothing that can be read. */
bool ltm_is_solver(const char *checkpoint);

/* Each of the first `most` puzzles (0 = all) for all steps of solver.supervision, `restarts` times (eval.restarts; 1 = once), of which the run
 * that has settled best answers. *json, which the caller frees, has the shares of puzzles
 * that are right in all cells and of cells that are, with standard errors over puzzles: behind all steps, where the halting head says so,
 * behind each step, by difficulty, and one puzzle's answers behind each step; "step" is the checkpoint's. */
ltm_status ltm_solve(const char *checkpoint, const char *puzzles, int64_t most, int restarts, int threads, char **json,
                     struct ltm_error *error);

#ifdef __cplusplus
}
#endif
