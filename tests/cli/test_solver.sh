#!/bin/bash
# A solver, as a user sees it: training, scores, report, inspect, what is refused; several processes.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"

mkdir puzzles
awk 'BEGIN { # Latin squares; of each row a cell is empty
    for (i = 0; i < 40; i++) {
        puzzle = solution = ""
        for (c = 0; c < 9; c++) {
            s = 1 + (i + int(c / 3) * (1 + i % 2) + c % 3 * (1 + int(i / 2) % 2)) % 3
            solution = solution s
            puzzle = puzzle ((i + c) % 3 ? s : 0)
        }
        printf "{\"puzzle\": \"%s\", \"solution\": \"%s\", \"difficulty\": %d, \"kind\": \"latin\", \"rows\": 3, \"columns\": 3}\n", puzzle, solution, i % 3 >\
            (i < 30 ? "puzzles/train.jsonl" : "puzzles/test.jsonl")
    }
}'
cat >tiny.ini <<INI
[model]
kind = solver
dim = 16
layers = 1
heads = 2
sequence = 9
[latent]
count = 0
[solver]
inner = 1
cycles = 2
supervision = 3
[slow]
batch = 8
group = 2
warmup = 2
ema = 0.9
[data]
corpus = puzzles
[run]
tokens = 720
threads = 1
eval_every = 5
checkpoint_every = 4
INI

trains() {
    "$LTM" train tiny.ini >out 2>err || { cat err; return 1; }
    ! grep -q 'latent' err && grep -q 'a solver of 1 layer of width 16, cells mixed by attention, puzzles of 9 cells' err &&
        grep -q 'up to 3 steps on a puzzle, of 2 cycles of 1 inner step$' err && ! grep -qE 'sequences|window|tokens' err out &&
        grep -q '720 cells in 10 slow steps of 8 puzzles' err && grep -q '^trained on 720 cells in 10 slow steps' out && grep -q 'held-out puzzles whole' err &&
        grep -q '^best: .* of held-out puzzles whole' out &&
        jq -se 'map(select(.heldout))[-1] | .exact >= 0 and .cells > 0 and .halted_steps >= 1 and .ema_exact >= 0' \
            runs/tiny/log.jsonl && jq -se '.[0].halting > 0' runs/tiny/log.jsonl
}
holds 'a run says what it solves' trains
scores() {
    "$LTM" eval runs/tiny puzzles/test.jsonl >block && "$LTM" eval runs/tiny puzzles/test.jsonl eval.sequences=7 --json >scores || return 1
    grep -q '^  where it halts' block && grep -q '^  behind step 3' block && grep -q '^  difficulty 2' block &&
        jq -e '.[0] | .puzzles == 7 and (.steps | length) == 3 and .full == .steps[2] and (.example.answers | length) == 3' scores
}
restarts() {
    "$LTM" eval runs/tiny puzzles/test.jsonl eval.restarts=4 >block && "$LTM" eval runs/tiny puzzles/test.jsonl eval.restarts=4 --json >restarts || return 1
    grep -q '^  least residual' block && grep -q '^  the first run' block && grep -q '^  mean of the runs' block &&
        grep -q '^  best of all runs' block && grep -q 'each run has another start, which no training saw' block &&
        jq -e '.[0].restarts | .runs == 4 and .starts == 4 and .best.cells >= .one.cells and .best.cells >= .mean.cells' restarts
}
holds 'scores by step, by difficulty and where it halts' scores
reports() {
    "$LTM" report runs/tiny >out 2>err || { cat err; return 1; }
    grep -q 'held-out puzzles whole' runs/tiny/report.html && grep -q 'A puzzle, step by step' runs/tiny/report.html && grep -q 'training cells' runs/tiny/report.html
}
holds 'of several runs the one that has settled answers' restarts
holds 'and so does the page' reports
sweeps() {
    printf '[study]\nbase = tiny.ini\ndir = runs/study\n[budget]\ntokens = 144\n[axes]\nsolver.inner = 0 1\n[scores]\neval.sequences = 7\n' >study.ini
    "$LTM" sweep study.ini --jobs 1 >out 2>err && "$LTM" report runs/study >>out 2>>err || { cat err; return 1; }
    head -1 runs/study/results.csv | grep -q ',exact,exact_stderr,cells,cells_stderr,halted,halted_stderr,halted_steps,' &&
        [ "$(grep -c ',done,' runs/study/results.csv)" = 2 ] && [ -s runs/study/report.html ] &&
        grep -q 'done: .* % of puzzles whole' err
}
holds 'a study of solvers says what each solves' sweeps
inspects() { # one cycle has two of the one layer; both cycles count
    "$LTM" inspect runs/tiny --json >out 2>err || { cat err; return 1; }
    jq -e '.parameters_recurrent > 0 and .forward_flops_per_token > 0 and .best_unsolved >= 0 and (has("best_bound") | not)' out
}
holds 'inspect knows it' inspects
watches() { # of equal scores the last is the best
    local step
    step=$(jq -s '[.[] | select(.heldout)] | max_by([.exact, .step]) | .step' runs/tiny/log.jsonl)
    "$LTM" watch runs/tiny --once >out && grep -q 'done, step 10 of 10, 720 cells' out && grep -q "puzzles whole .*at step $step\$" out &&
        "$LTM" train tiny.ini run.dir=runs/idle run.tokens=72 model.window=7 eval.iwae=9 2>err >>out && grep -q 'model.window = 7 does nothing in a solver' err &&
        grep -q 'eval.iwae = 9 does nothing in a solver' err && ! grep -q 'eval.fast.* does nothing' err
}
holds 'watch says cells, and keys that do nothing are told' watches
tells() { # the pointer moves among equals; the event is of a gain alone
    printf '#!/bin/sh\n[ $LTM_EVENT = best ] && echo $LTM_STEP >>bests\nexit 0\n' >hook && chmod +x hook
    "$LTM" train tiny.ini run.dir=runs/events slow.lr=1e-9 run.eval_every=1 run.tokens=288 run.on_event=./hook >out 2>err || { cat err; return 1; }
    [ "$(jq -s 'map(select(.heldout)) | [length, ([.[].exact] | unique | length)] == [4, 1]' runs/events/log.jsonl)" = true ] &&
        [ "$(cat bests)" = 1 ] && [ "$(readlink runs/events/checkpoints/best)" = step-00000004 ]
}
holds 'no event tells of an equal' tells
compares() { "$LTM" report runs/tiny runs/idle >out 2>err && grep -q 'Solved by training time' comparison.html; }
holds 'a page of several shows what each solved by time' compares
holds 'what reads text refuses it' refused 1 'is a solver of puzzles' "$LTM" generate runs/tiny
holds 'keys that mean nothing are refused' refused 1 'model.kind = solver has no model.dropout; use 0' "$LTM" train tiny.ini model.dropout=0.1
holds 'a twin too' refused 1 'a solver of puzzles has no twin' "$LTM" train tiny.ini --twin compute
holds 'and settings of scores' refused 2 'says nothing to a solver' "$LTM" eval runs/tiny puzzles/test.jsonl fast.steps=3
strange() { sed 's/"puzzle": "./"puzzle": "x/' puzzles/test.jsonl >strange.jsonl && refused 1 "line 1 of strange.jsonl: \"puzzle\" has 'x' in row 1, column 1" "$LTM" eval runs/tiny strange.jsonl; }
holds 'and puzzles of other characters' strange

if command -v mpirun >/dev/null && mpirun --version | grep -q 'Open MPI' && "$LTM" doctor --json 2>/dev/null | grep -q 'Open MPI'; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
    export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OMPI_MCA_hwloc_base_binding_policy=none
    export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_orte_tmpdir_base=/tmp
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # Open MPI leaks
    several() {
        timeout 100 mpirun -n 3 "$LTM" train tiny.ini run.dir=runs/several >out 2>err || { cat err; return 1; }
        for file in model ema solver; do
            cmp "runs/tiny/checkpoints/last/$file.safetensors" "runs/several/checkpoints/last/$file.safetensors" || return 1
        done
    }
    holds 'three processes make the bits of one' several
    share() {
        timeout 100 mpirun -n 3 "$LTM" eval runs/tiny puzzles/test.jsonl eval.restarts=4 run.threads=1 --json >shared 2>err || { cat err; return 1; }
        cmp restarts shared
    }
    holds 'and share the scoring' share
fi
finish
