#!/bin/bash
# ltm probe as a user meets it.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
write_ini
"$LTM" corpus synth hierarchy -o task label=0 --documents 200 --items 40 --train-items 80 --vocab-size 274 --threads 1 >out 2>err &&
    "$LTM" train tiny.ini data.corpus=task/corpus >out 2>err && "$LTM" train tiny.ini data.corpus=task/corpus latent.count=0 \
    run.dir=runs/plain >out 2>err || { cat err; exit 1; }

table() {
    run "$LTM" probe runs/tiny task
    [ "$code" = 0 ] && grep -q '^hierarchy: fitted on 80 documents, scored on 40$' out &&
        grep -qE '^factor +score +chance +mu +states +states z=0' out && grep -qE '^class +accuracy +0\.[0-9]+ ( +[01]\.[0-9]+ ± 0\.[0-9]+){3}$' out &&
        grep -qE '^synonym swap +distance' out
}
holds 'a table: a row a factor, a column a place, and synonym swaps' table
plain() {
    run "$LTM" probe runs/plain task --items 20
    [ "$code" = 0 ] && grep -q 'scored on 20$' out && ! grep -q mu out
}
holds 'a plain decoder has its states alone' plain
same_bits() {
    "$LTM" probe runs/tiny task/task.ini --sparsity --json run.threads=1 >one 2>err && "$LTM" probe runs/tiny task --sparsity --json run.threads=2 >two 2>err &&
        cmp one two && jq -e '.probes | length == 9' one >/dev/null && jq -e '.probes[0].stderr > 0 and .probes[0].classes == 8' one >/dev/null
}
holds '--json; the same on any number of threads' same_bits
sparsity() { # whose numbers are in `one`: a layer, 2 measures; surprise and unfamiliarity and the optimum that items tell
    jq -e '.sparsity | length == 6 and (map(.measure) | unique) == ["hoyer", "top tenth"] and all(.mean > 0 and .mean < 1)' one >/dev/null &&
        jq -e '.sparsity | (map(.against) | unique) == ["optimum", "surprise", "unfamiliar"] and all(.stderr > 0)' one >/dev/null || return 1
    run "$LTM" probe runs/tiny task --sparsity --items 20
    [ "$code" = 0 ] && grep -qE '^layer +measure +mean +surprise +unfamiliar +optimum' out && [ "$(grep -cE '^1 +(hoyer|top tenth)' out)" = 2 ]
}
holds '--sparsity: a line a layer and measure' sparsity
shuffled() {
    run "$LTM" probe runs/tiny task --shuffled --json
    [ "$code" = 0 ] && jq -e '.probes | map(.place) | length == 9' out >/dev/null && differ out one
}
holds '--shuffled fits on another order' shuffled
settings() {
    "$LTM" probe runs/tiny task --json fast.method=natural fast.steps=3 >three 2>err && differ one three
}
holds 'how posteriors are fitted can be set' settings
bad() {
    refused 2 'name a checkpoint and a task' "$LTM" probe runs/tiny && refused 2 'has no effect here' "$LTM" probe runs/tiny task slow.lr=1 &&
        refused 1 'too few' "$LTM" probe runs/tiny task --train-items 5 && refused 1 'fast.steps = "x" is not' "$LTM" probe runs/tiny task fast.steps=x || return 1
    mkdir -p bare && printf '[task]\nname = bare\nkind = generate\nitems = i.jsonl\nshots = i.jsonl\n' >bare/task.ini
    for _ in $(seq 30); do echo '{"context": "a", "answer": "b"}'; done >bare/i.jsonl
    refused 1 'name no factors' "$LTM" probe runs/tiny bare || return 1
    sed -i 's/}$/, "factors": {"k": 1}}/; 7s/"k": 1/"k": "x"/' bare/i.jsonl
    refused 1 'factor k of item 7 of the shots is not a number' "$LTM" probe runs/tiny bare
}
holds 'what is wrong is said in one sentence' bad

finish
