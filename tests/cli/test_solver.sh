#!/bin/bash
# A solver, as a user sees it: training, scores, report, inspect, what is refused; several processes.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"

mkdir puzzles
awk 'BEGIN {
    for (i = 0; i < 40; i++) {
        puzzle = solution = ""
        for (c = 0; c < 4; c++) {
            s = (i + c * (1 + i % 3)) % 3
            solution = solution s
            puzzle = puzzle ((i + c) % 2 ? s : "#")
        }
        printf "{\"puzzle\": \"%s\", \"solution\": \"%s\", \"difficulty\": %d, \"rows\": 2, \"columns\": 2}\n", puzzle, solution, i % 3 >\
            (i < 30 ? "puzzles/train.jsonl" : "puzzles/test.jsonl")
    }
}'
cat >tiny.ini <<INI
[model]
kind = solver
dim = 16
layers = 1
heads = 2
sequence = 4
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
tokens = 320
threads = 1
eval_every = 5
checkpoint_every = 4
INI

trains() {
    "$LTM" train tiny.ini >out 2>err || { cat err; return 1; }
    grep -q 'a solver: 3 steps on a puzzle at most, of 2 cycles of 1 inner step' err && grep -q 'held-out puzzles whole' err &&
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
holds 'scores by step, by difficulty and where it halts' scores
reports() {
    "$LTM" report runs/tiny >out 2>err || { cat err; return 1; }
    grep -q 'held-out puzzles whole' runs/tiny/report.html && grep -q 'A puzzle, step by step' runs/tiny/report.html
}
holds 'and so does the page' reports
inspects() { # one cycle has two of the one layer; both cycles count
    "$LTM" inspect runs/tiny --json >out 2>err || { cat err; return 1; }
    jq -e '.parameters_recurrent > 0 and .forward_flops_per_token > 0' out
}
holds 'inspect knows it' inspects
holds 'what reads text refuses it' refused 1 'is a solver of puzzles' "$LTM" generate runs/tiny
holds 'keys that mean nothing are refused' refused 1 'model.kind = solver has no model.dropout; use 0' "$LTM" train tiny.ini model.dropout=0.1
holds 'and settings of scores' refused 2 'says nothing to a solver' "$LTM" eval runs/tiny puzzles/test.jsonl fast.steps=3
strange() { sed 's/"puzzle": "./"puzzle": "x/' puzzles/test.jsonl >strange.jsonl && refused 1 "puzzle 1 of strange.jsonl has the character 'x'" "$LTM" eval runs/tiny strange.jsonl; }
holds 'and puzzles of other characters' strange

if command -v mpirun >/dev/null && mpirun --version | grep -q 'Open MPI' && "$LTM" doctor --json 2>/dev/null | grep -q 'Open MPI'; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
    export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OMPI_MCA_hwloc_base_binding_policy=none
    export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_orte_tmpdir_base=/tmp
    several() {
        timeout 100 mpirun -n 3 "$LTM" train tiny.ini run.dir=runs/several >out 2>err || { cat err; return 1; }
        for file in model ema solver; do
            cmp "runs/tiny/checkpoints/last/$file.safetensors" "runs/several/checkpoints/last/$file.safetensors" || return 1
        done
    }
    holds 'three processes make the bits of one' several
fi
finish
