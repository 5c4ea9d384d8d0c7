#!/bin/bash
# ltm corpus synth as a user meets it.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/../cli/cli.sh"

lists() {
    run "$LTM" corpus synth --list
    [ "$code" = 0 ] && grep -q '^stories: ' out && grep -q '^  noise  *0, 0.1, 0.3  *0 … 0.9 ' out || return 1
    "$LTM" corpus synth --help >one && grep -q '^usage: ltm corpus synth' one
}
holds '--list shows tasks with their knobs, --help the options' lists

makes_files() {
    local task
    for task in $("$LTM" corpus synth --list | sed -n 's/^\([a-z0-9-]*\): .*/\1/p'); do
        run "$LTM" corpus synth "$task" -o "$task" --documents 30 --items 7 --train-items 9
        [ "$code" = 0 ] && [ "$(wc -l <"$task/text.jsonl")" = 30 ] && [ "$(wc -l <"$task/test.jsonl")" = 7 ] &&
            [ "$(wc -l <"$task/train.jsonl")" = 9 ] && grep -q "^family = $task$" "$task/task.ini" || { cat out err; return 1; }
        jq -e .text "$task/text.jsonl" >/dev/null && jq -e .context "$task/test.jsonl" >/dev/null || return 1
    done
    [ "$task" ]
}
holds 'every task makes documents, items and a task file' makes_files

distinct() {
    local task
    for task in embers compose arithmetic parity multiplication 'hierarchy label=0'; do
        # shellcheck disable=SC2086 # a list of words
        run "$LTM" corpus synth $task -o many --documents 3 --train-items 3
        [ "$code" = 0 ] && [ "$(jq -c '[.context, .choices]' many/test.jsonl | sort -u | wc -l)" = 500 ] || { cat out err; return 1; }
    done
    run "$LTM" corpus synth compose depth=1 functions=3 letters=3 alphabet=3 -o few --documents 3
    [ "$code" = 0 ] && [ "$(sort -u few/test.jsonl | wc -l)" = "$(wc -l <few/test.jsonl)" ] && [ -s few/test.jsonl ] &&
        grep -q "^items     $(wc -l <few/test.jsonl) to test (all different ones there are), 2000" out
}
holds 'no two test items ask the same, or there are fewer' distinct

whole_passes() {
    "$LTM" corpus synth conflict -o parts --documents 300 --items 5 --train-items 5 facts=1 values=24 pass=200 >out 2>err || { cat err; return 1; }
    grep -q 'no whole number of passes of 200, .* use --documents 400, or pass=300$' err || { cat err; return 1; }
    "$LTM" corpus synth conflict -o parts --documents 400 --items 5 --train-items 5 facts=1 values=24 pass=200 >out 2>err && lacks passes err
}
holds 'facts that are stated in a part of a pass are told of' whole_passes

pairs() { # right and wrong calls by turns, for either objective
    jq -e '.answer == .chosen and .chosen != .rejected' calls/train-pairs.jsonl >/dev/null &&
        [ "$(jq -r .wrong calls/train-pairs.jsonl | sort | uniq -c | awk '{print $1}' | xargs)" = '3 3 3' ] &&
        [ "$(wc -l <calls/test-pairs.jsonl)" = 7 ] && [ ! -e arithmetic/train-pairs.jsonl ]
}
holds 'calls come as pairs too' pairs

repeats() {
    "$LTM" corpus synth stories -o again --documents 30 --items 7 --train-items 9 >out 2>err && diff -r stories again &&
        "$LTM" corpus synth stories -o other --documents 30 --items 7 --train-items 9 --seed 2 >out 2>err &&
        differ stories/text.jsonl other/text.jsonl
}
holds 'a seed gives the same files, another one others' repeats

said_again() {
    local command
    command=$(sed -n 's/^# ltm //p' stories/task.ini)
    # shellcheck disable=SC2086 # a list of words
    "$LTM" $command -o once-more >out 2>err && diff -r stories once-more
}
holds 'the command that task.ini holds makes the same files' said_again

with_corpus() {
    run "$LTM" corpus synth arithmetic steps=2 -o sums --documents 300 --items 3 --vocab-size 340 --threads 1 --json
    [ "$code" = 0 ] && jq -e '.vocab == 340 and .tokens > 1000' out >/dev/null || { cat out err; return 1; }
    run "$LTM" corpus synth arithmetic -o sums2 --documents 300 --items 3 --tokenizer sums/tokenizer.model
    [ "$code" = 0 ] && [ -s sums2/corpus/train-00000.bin ] && [ -s sums/corpus/tokenizer.model ]
}
holds 'with a vocabulary or a tokenizer it builds the corpus too' with_corpus

one_token_a_word() {
    run "$LTM" corpus synth copying fillers=10 -o copies --documents 300 --items 3 --vocab-size 307 --bpe --threads 1
    [ "$code" = 0 ] || { cat out err; return 1; }
    jq -sj '.[0].context[6:]' copies/test.jsonl >words
    "$LTM" tokenizer encode copies/tokenizer.model <words >ids && [ "$(wc -w <ids)" = "$(wc -w <words)" ] &&
        grep -q '^length = 10$' copies/task.ini && # not a quarter of model.sequence, which would cut the question
        refused 2 'goes with --vocab-size' "$LTM" corpus synth copying -o x --bpe
}
holds 'with --bpe a word of one letter is one token' one_token_a_word

others() {
    mkdir -p data mine && echo '{"text": "mine"}' >data/train.jsonl && cp data/train.jsonl mine/a.jsonl || return 1
    refused 1 'data/train.jsonl exists and would be lost' "$LTM" corpus synth stories -o data --documents 3 &&
        [ "$(ls data)" = train.jsonl ] && cmp data/train.jsonl mine/a.jsonl || return 1
    run "$LTM" corpus synth stories -o mine --documents 3 # beside what it does not write
    [ "$code" = 0 ] && [ "$(wc -l <mine/a.jsonl)" = 1 ] || return 1
    cp mine/a.jsonl sums2/corpus
    refused 1 'sums2/corpus/a.jsonl is not part of the corpus' \
        "$LTM" corpus synth stories -o sums2 --tokenizer sums/tokenizer.model && head -n 1 sums2/task.ini | grep -q arithmetic
}
holds 'files of others are not replaced' others
unfinished() {
    run "$LTM" corpus synth stories -o half --documents 3
    rm half/test.jsonl half/train.jsonl || return 1
    run "$LTM" corpus synth stories -o half --documents 3 --seed 2
    [ "$code" = 0 ] && [ -s half/test.jsonl ]
}
holds 'what was left unfinished is made again' unfinished

bad() {
    refused 1 'did you mean stories' "$LTM" corpus synth storys -o x &&
        refused 1 'did you mean noise' "$LTM" corpus synth stories nois=1 -o x &&
        refused 1 'steps = "9" is not a whole number from 1 to 4' "$LTM" corpus synth arithmetic steps=9 -o x &&
        refused 1 'change one of them' "$LTM" corpus synth stories values=2 heldout=0.9 -o x &&
        refused 2 'one task at a time' "$LTM" corpus synth stories arithmetic -o x &&
        refused 2 'name the folder' "$LTM" corpus synth stories && refused 2 'name the task' "$LTM" corpus synth -o x &&
        refused 2 'out of range: 1 to 3' "$LTM" corpus synth stories -o x --difficulty 4 &&
        refused 2 'not both' "$LTM" corpus synth stories -o x --vocab-size 300 --tokenizer t && [ ! -e x ]
}
holds 'what is wrong is said in one sentence, and nothing is written' bad

finish
