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
streaming() { # in a first chunk, and throughout at rate 0, states are those of z that stays; a document is 8 tokens
    local i k run letter=(e h)
    mkdir -p own && printf '[task]\nname = own\nkind = generate\nitems = i.jsonl\nshots = i.jsonl\n' >own/task.ini
    for ((i = 0; i < 60; i++)); do
        for ((k = 0; k < 8; k++)); do printf '%s%s' "${letter[i * 73 >> k & 1]}" "$( ((k == 7)) || echo ' ')"; done
        echo
    done | jq -Rc '{context: "a", answer: "b", document: ., factors: {h: (gsub("[^h]"; "") | length)}}' >own/i.jsonl
    for run in moves:4:1000 whole:8:1000 stays:4:0 short:9:1000; do
        "$LTM" train tiny.ini data.corpus=task/corpus latent.kind=streaming latent.init_scale=1 latent.chunk="$(cut -d: -f2 <<<"$run")" \
            latent.stream_rate="${run##*:}" run.dir="runs/${run%%:*}" >out 2>err &&
            "$LTM" probe "runs/${run%%:*}" own --json run.threads=1 2>"${run%%:*}.err" | jq -c '.probes | map(.value)' >"${run%%:*}" || return 1
    done
    [ "$(cat ./*.err | grep -c 'every document is shorter than')" = 1 ] && grep -q 'than latent.chunk = 9, so u stays 0' short.err || return 1
    run "$LTM" probe runs/moves task
    [ "$code" = 0 ] && grep -qE '^factor +score +chance +u +states +states frozen' out || return 1
    "$LTM" probe runs/moves own --json run.threads=2 | jq -c '.probes | map(.value)' | cmp - moves &&
        jq -e '.[1] != .[2]' moves && jq -e '.[0] > 0 and .[1] == .[2]' whole && jq -e '.[0] <= 0 and .[1] == .[2]' stays
}
holds 'of streaming latents, how far they have moved' streaming
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
reads_nothing() { # of a word that the states show, once its labels are shuffled: chance is some .5
    mkdir -p words && printf '[task]\nname = words\nkind = generate\nitems = test.jsonl\nshots = train.jsonl\n' >words/task.ini
    for i in $(seq 400); do
        [ $((i * i % 7 % 2)) = 0 ] && word=the || word=and
        echo "{\"context\": \"$word $((i % 9)) $word\", \"answer\": \"of\", \"factors\": {\"word\": \"$word\"}}"
    done >words/all.jsonl
    head -n 200 words/all.jsonl >words/train.jsonl && tail -n 200 words/all.jsonl >words/test.jsonl
    "$LTM" probe runs/tiny words --json >shown && "$LTM" probe runs/tiny words --json --shuffled >unread || return 1
    jq -e '.probes[] | select(.place == "states") | .value > 0.95' shown && jq -e '.probes | all(.value < .chance + 4 * .stderr)' unread
}
holds 'and then finds nothing' reads_nothing
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
pairs() { # of items of the family, each three times
    jq -c "select($1) | {prompt: ((\"\", \"a \", \"b \") + .context), answer: (\" \" + .choices[.gold])}" task/train.jsonl
}
prune() {
    pairs '.gold < 4' >a.jsonl && pairs '.gold >= 4' >b.jsonl || return 1
    local prune=("$LTM" probe --prune runs/tiny a.jsonl b.jsonl --steps 5 --batch 8 --random 2)
    "${prune[@]}" --json --mask one.mask run.threads=1 >one 2>err && "${prune[@]}" --json --mask two.mask run.threads=2 >two 2>err &&
        cmp one two && cmp one.mask two.mask && jq -e '.kept / .weights | . > .29 and . < .31' one >/dev/null &&
        jq -e '.a.random.loss_spread > 0 and .b.complement.loss > 0 and (.matrices | map(.kept) | add) > 0' one >/dev/null || return 1
    jq -e '.a.magnitude.loss > 0 and .a.magnitude.loss_spread == 0 and .magnitude_overlap > .magnitude_overlap_chance' one >/dev/null || return 1
    run "${prune[@]}" --against one.mask run.threads=1
    [ "$code" = 0 ] && grep -qE '^random masks +[0-9.]+ ± ' out && grep -qE '^magnitude alone +[0-9.]+ ' out &&
        grep -q '^overlap of the mask with that of magnitude alone 0.[0-9]*; 0.[0-9]* by chance$' out && grep -q '^overlap with the other mask 1.000; 0.[0-9]* by chance$' out
}
holds '--prune: a mask, its complement and random ones; the same on any number of threads; its overlap with itself' prune
packed() { # a corpus whose documents are questions with one answer, which a model of packed sequences learns to give
    local word
    for word in $(seq 1024); do echo "w$word yes" && echo ---; done | head -n -1 >yes.txt
    for word in $(seq 200); do echo "{\"prompt\": \"w$word\", \"answer\": \" yes\"}"; done >yes.jsonl
    "$LTM" tokenizer train -o yes.model --vocab-size 280 --separator --- yes.txt >out 2>err &&
        "$LTM" corpus build -o yes --tokenizer yes.model --separator --- --heldout 0.1 yes.txt >out 2>err &&
        "$LTM" train tiny.ini data.corpus=yes latent.count=0 run.dir=runs/yes run.tokens=20k slow.lr=0.02 slow.predict=2 >out 2>err || { cat err; return 1; }
    { cat yes.jsonl && echo "{\"prompt\": \"$(seq -s ' ' 40)\", \"answer\": \" no\"}"; } >some.jsonl
    run "$LTM" probe --prune runs/yes some.jsonl yes.jsonl --steps 2 --batch 8 --random 2 --json
    [ "$code" = 0 ] && grep -q 'packing = packed' runs/yes/config.ini && jq -e '.a.whole.exact > 0.5 and .a.whole.loss < 1 and (.matrices | all(.name | startswith("layers.")))' out &&
        grep -q 'pair of some.jsonl is longer than model.sequence = 32 and left out, the first at line 201' err || { cat out err; return 1; }
}
holds '--prune: a model of packed sequences knows where an answer ends; its heads ahead are not masked; long pairs are told' packed
prune_bad() {
    refused 2 'two files of pairs, not 2' "$LTM" probe --prune runs/tiny a.jsonl && refused 2 'no option --keep' "$LTM" probe runs/tiny task --keep 1 &&
        refused 1 'keep = 1 is outside 0 … 1' "$LTM" probe --prune runs/tiny a.jsonl b.jsonl --keep 1 &&
        refused 1 'batch = 6 is not a multiple of 4' "$LTM" probe --prune runs/tiny a.jsonl b.jsonl --batch 6 &&
        refused 1 'is not a mask' "$LTM" probe --prune runs/tiny a.jsonl b.jsonl --against runs/tiny/checkpoints/best/model.safetensors &&
        head -3 a.jsonl >few.jsonl && refused 1 'too small for a held-out twentieth' "$LTM" probe --prune runs/tiny a.jsonl few.jsonl || return 1
    local model=runs/tiny/checkpoints/best/model.safetensors
    cp "$model" before && refused 1 '--mask = .*model.safetensors exists and is not a mask; it stays' \
        "$LTM" probe --prune runs/tiny a.jsonl b.jsonl --mask "$model" && cmp before "$model" || return 1
    jq -c '.prompt = ([range(90)] | map("x") | join(" "))' a.jsonl | awk '{ sub(/x x/, "x x " NR); print }' >long.jsonl
    refused 1 'every held-out pair of long.jsonl is longer than model.sequence = 32' "$LTM" probe --prune runs/tiny a.jsonl long.jsonl
}
holds '--prune: what is wrong is said in one sentence' prune_bad

finish
