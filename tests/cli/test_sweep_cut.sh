#!/bin/bash
# Studies that are cut at any point, divided among processes, or have cells that fail: the table is the same to the bit.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
cat >study.ini <<INI
[study]
base = tiny.ini
[budget]
tokens = 6k
[axes]
latent.count = 0 2
fast.steps = 1..3
[scores]
eval.sequences = 4
eval.iwae = 2
INI
sweep=("$LTM" sweep study.ini run.precision=fp32 run.eval_every=8 run.checkpoint_every=8)

column() { # file column: its values
    awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print $at }' "$1"
}

whole() { "${sweep[@]}" study.dir=whole >out 2>err && grep -q '^4 of 4 cells done' out; }
holds 'four cells make a table' whole

# After a random while, at first with a cell in the middle of its training. In even rounds its cells too die at once; in odd ones
# they see their standard input end.
killed() {
    local round sweeping cells
    for round in 1 2 3 4 5; do
        "${sweep[@]}" study.dir=cut >out 2>err &
        sweeping=$!
        [ "$round" != 2 ] || for _ in $(seq 100); do
            grep -qs '"step":9,' cut/cells/*/log.jsonl && break
            sleep 0.01
        done
        [ "$round" = 2 ] || sleep "0.$((RANDOM % 6 + 1))"
        cells=$(cat "/proc/$sweeping/task/$sweeping/children" 2>/dev/null)
        kill -KILL "$sweeping"
        wait "$sweeping" 2>/dev/null
        # shellcheck disable=SC2086 # a list of ids
        [ $((round % 2)) = 1 ] || kill -KILL $cells 2>/dev/null
    done
    run "${sweep[@]}" study.dir=cut
    [ "$code" = 0 ] && cmp whole/results.csv cut/results.csv && grep -q resuming cut/cells/*/output.txt || { cat out err; return 1; }
}
holds 'killed at any point and called again, it makes the same table to the bit' killed

shards_at_once() {
    "${sweep[@]}" study.dir=parts --shard 1/2 >one 2>one.err &
    local first=$!
    run "${sweep[@]}" study.dir=parts --shard 2/2
    wait "$first" && [ "$code" = 0 ] && grep -q '^2 of 2 cells done' one && grep -q '^2 of 2 cells done' out &&
        cmp whole/results.csv parts/results.csv
}
holds 'two shards at once make one table' shards_at_once
both_at_once() {
    "${sweep[@]}" study.dir=both >one 2>one.err &
    local first=$!
    run "${sweep[@]}" study.dir=both
    wait "$first" && [ "$code" = 0 ] && grep -q '^4 of 4 cells done' one && grep -q '^4 of 4 cells done' out &&
        cmp whole/results.csv both/results.csv || { cat out err one one.err; return 1; }
    # Each cell was trained by one process alone: a line of output each.
    [ "$(cat both/cells/*/output.txt | grep -c 'M parameters')" = 4 ] && lacks -q resuming both/cells/*/output.txt
}
holds 'two processes at once never run the same cell, and both end with the whole table' both_at_once
keeps_cells() { # which read their settings in study.ini
    "${sweep[@]}" study.dir=kept budget.tokens=600k --jobs 1 >one 2>one.err &
    local first=$! asked
    for _ in $(seq 1000); do grep -qs . kept/cells/*/log.jsonl && break || sleep 0.01; done
    refused 1 'another sweep is running in kept with cells that this study lacks' "${sweep[@]}" study.dir=kept budget.tokens=600k axes.latent.count=2
    asked=$?
    kill -INT "$first"
    wait "$first"
    [ "$asked" = 0 ] && run "${sweep[@]}" study.dir=kept axes.latent.count=2 && [ "$code" = 0 ]
}
holds 'while a sweep runs, no other takes its cells out of the study' keeps_cells
launched() { # as by mpirun: the first process tells of all cells, the other says nothing
    env PMI_SIZE=2 PMI_RANK=1 "${sweep[@]}" study.dir=launched >one 2>one.err &
    local first=$!
    run env PMI_SIZE=2 PMI_RANK=0 "${sweep[@]}" study.dir=launched
    wait "$first" && [ "$code" = 0 ] && grep -q '^4 of 4 cells done' out && [ ! -s one ] &&
        cmp whole/results.csv launched/results.csv || { cat out err one one.err; return 1; }
}
holds 'processes that a launcher started divide the cells, and the first counts all of them' launched

interrupted() {
    "${sweep[@]}" study.dir=stopped budget.tokens=100M --jobs 2 >out 2>err &
    for _ in $(seq 100); do
        [ "$(grep -l '"step":2,' stopped/cells/*/log.jsonl 2>/dev/null | wc -l)" = 2 ] && break
        sleep 0.05
    done
    kill -INT $!
    wait $!
    code=$?
    [ "$code" = 130 ] && tail -n 1 err | grep -q 'stopped with 0 of 4 cells done' &&
        [ "$(find stopped/cells -name last | wc -l)" = 2 ] && [ -z "$(column stopped/results.csv bound | tr -d '\n')" ]
}
holds 'an interrupt ends every cell with its checkpoint, and 130' interrupted

cp -r corpus broken
printf x >broken/train-00000.bin
failing() {
    run "${sweep[@]}" study.dir=failing axes.data.corpus="corpus broken" axes.latent.count=2 axes.fast.steps=1
    [ "$code" = 1 ] && grep -q '^1 of 2 cells done' out && tail -n 1 err | grep -q '^ltm: 1 of 2 cells failed' &&
        grep -q 'corpusbroken.*: .*broken/train-00000.bin' err || { cat out err; return 1; }
    [ "$(column failing/results.csv status | tr '\n' ,)" = done,failed, ] || return 1
    cp corpus/train-00000.bin broken/
    run "${sweep[@]}" study.dir=failing axes.data.corpus="corpus broken" axes.latent.count=2 axes.fast.steps=1
    [ "$code" = 0 ] && grep -q '^2 of 2 cells done' out && ! ls failing/cells/*/error.txt 2>/dev/null
}
holds 'a failed cell stops no other, is named with its reason, and is tried again' failing
crashing() {
    "${sweep[@]}" study.dir=crashing budget.tokens=100M --jobs 1 axes.latent.count=2 axes.fast.steps=1 >out 2>err &
    local sweeping=$! cell=
    for _ in $(seq 100); do
        cell=$(cat "/proc/$sweeping/task/$sweeping/children" 2>/dev/null)
        [ -z "$cell" ] || break
        sleep 0.05
    done
    kill -KILL "${cell% }"
    wait "$sweeping"
    [ $? = 1 ] && grep -q 'killed by signal 9' err
}
holds 'so is one whose process is killed' crashing

finish
