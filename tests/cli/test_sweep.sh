#!/bin/bash
# Studies as a user meets them: cells and their table, kills and resumes, shards, cells that fail.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
cat >study.ini <<INI
[study]
base = tiny.ini
[budget]
tokens = 2k
[axes]
latent.count = 0 2
fast.steps = 1..2      # which matters only with latents
model.ffn_multiple = 32
[scores]
eval.sequences = 4
eval.iwae = 2
INI
sweep=("$LTM" sweep study.ini run.precision=fp32)

column() { # file column: its values
    awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print $at }' "$1"
}

dry_run() {
    run "${sweep[@]}" --dry-run
    [ "$code" = 0 ] && [ "$(grep -c ' waiting ' out)" = 3 ] && grep -q '3 cells, 0 done, 3 to do: .* operations' err &&
        grep -qE 'at once with 1 thread each: about ([0-9]+ s|[0-9:]+), should' err && [ ! -e runs ] || { cat out err; return 1; }
    "${sweep[@]}" --dry-run --json 2>err | grep -q '"training_flops":'
}
holds 'a dry run says how many, how much and how long, and writes nothing' dry_run

whole() {
    run "${sweep[@]}" study.dir=whole
    [ "$code" = 0 ] && grep -q '^3 of 3 cells done: whole/results.csv$' out || { cat out err; return 1; }
    [ "$(column whole/results.csv status | sort -u)" = 'done' ] && [ "$(column whole/results.csv fast.steps | tr '\n' ,)" = ,1,2, ] &&
        [ "$(column whole/results.csv latent_numbers | tr '\n' ,)" = 0,32,32, ] &&
        ! column whole/results.csv bound_stderr | grep -qvE '^0\.[0-9]+$' && [ "$(wc -l <whole/timings.csv)" = 4 ]
}
holds 'a study trains and scores its cells; those without latents are one' whole

# What a cell's row says is what ltm eval says of its run.
scored_as_eval() {
    "$LTM" eval whole/cells/latents2-steps2-ffn_multiple32-tokens2k-seed1 corpus eval.sequences=4 eval.iwae=2 run.threads=1 \
        --json >out 2>err
    awk '/"bound"/ { getline; getline; sub(/.*: /, ""); sub(/,/, ""); printf "%.6f\n", $0 }' out >eval.bound
    column whole/results.csv bound | tail -n 1 | xargs printf '%.6f\n' >sweep.bound
    cmp eval.bound sweep.bound
}
holds 'scores are those of ltm eval' scored_as_eval

# In even rounds its cells too die at once; in odd ones they see their standard input end.
killed() {
    local round sweeping cells
    for round in 1 2 3 4 5; do
        "${sweep[@]}" study.dir=cut >out 2>err &
        sweeping=$!
        sleep "0.$((RANDOM % 8 + 1))"
        cells=$(cat "/proc/$sweeping/task/$sweeping/children" 2>/dev/null)
        kill -KILL "$sweeping"
        wait "$sweeping" 2>/dev/null
        # shellcheck disable=SC2086 # a list of ids
        [ $((round % 2)) = 1 ] || kill -KILL $cells 2>/dev/null
    done
    run "${sweep[@]}" study.dir=cut
    [ "$code" = 0 ] && cmp whole/results.csv cut/results.csv || { cat out err; return 1; }
}
holds 'killed at any point and called again, it makes the same table to the bit' killed

finish
