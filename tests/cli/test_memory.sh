#!/bin/bash
# A memory beside the window, as a user sees it: training, scores with their control, generation, inspect, what is refused.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
sed 's/^tokens = .*/tokens = 2k/' tiny.ini >small.ini
remembers=(latent.count=0 model.memory=neural memory.chunk=5)

preset() { # 6 d² and 2 h d a layer more than without, gates and gains
    sed 's/^output = own/&\nvocab = 2048/' "$top/runs/memory-nano.ini" >nano.ini && "$LTM" inspect --json nano.ini >nano &&
        sed 's/^memory = .*//' nano.ini >plain.ini && "$LTM" inspect --json plain.ini >plain || return 1
    jq -se '.[0].parameters == .[1].parameters + 2 * (5 * 64 * 64 + 64 + 6 * 64 + 3 * 2 + 64 * 32)' nano plain
}
holds 'the preset' preset
trains() { # the kind of memory
    "$LTM" train small.ini "${remembers[@]}" model.memory="$1" run.dir="runs/$1" >out 2>err || { cat err; return 1; }
    grep -q "a $1 memory in each layer, written every 5 tokens" err && grep -q 'memory carries .*; as a sequence begins with it' err &&
        jq -se 'map(select(.heldout))[-1] | .bound == .recon and (.carried - (.frozen - .bound) | fabs) < 1e-9 and .others == null and
            .zero == null and .drawn == null and (.parts | length) > 1 and .parts[0] == .frozen_parts[0]' "runs/$1/log.jsonl"
}
holds 'a neural memory trains, its control beside its scores' trains neural
holds 'and so does a recurrent one' trains recurrent
scores() {
    "$LTM" eval runs/neural corpus eval.sequences=4 --json >scores && "$LTM" eval runs/neural corpus eval.sequences=4 >block ||
        { cat err; return 1; }
    grep -q 'control: the memory frozen' block && grep -q '^continuation: last ' block && grep -q '^the memory carries' block &&
        jq -e '.[0] | .frozen.nats_per_token.mean > 0 and .zero == null and .carried.error > 0 and .parts[0].score == .parts[0].frozen' scores
}
holds 'and so do those of eval' scores
holds 'text comes out' "$LTM" generate runs/recurrent --prompt 'the' --length 100
rolls() { # several sequences of 24 tokens; nothing is told to be forgotten, and a stop takes back what it should
    printf 'the\n\n\n' | "$LTM" generate runs/neural --interactive --past-end --length 40 --stop th >said 2>told && ! grep -q forgotten told &&
        "$LTM" inspect runs/neural/checkpoints/last | grep -q text_state_bytes
}
holds 'a session goes on past the sequence' rolls
reads_on() { # a prompt of several sequences, as a session reads it
    local long
    long=$(yes 'of the' | head -n 40 | tr '\n' ' ')the
    printf '%s\n' "$long" | "$LTM" generate "runs/$1" --interactive --past-end --length 20 --temperature 0 >said &&
        "$LTM" generate "runs/$1" --prompt "$long" --past-end --length 20 --temperature 0 --json | jq -j .text >one-prompt &&
        [ -s one-prompt ] && diff <(tr -d '\n' <one-prompt) <(tr -d '\n' <said) || return 1
    refused 1 'tokens of prompt fill model.sequence = 32; the model reads them, but say with --length' \
        "$LTM" generate "runs/$1" --prompt "$long" && "$LTM" generate "runs/$1" --prompt "$long" --crop >out &&
        jq -cn --arg c "$long" '{context: $c, continuation: $c}' | "$LTM" score "runs/$1" | jq -e '.cut == false and .tokens > 32'
}
holds 'a prompt may be longer than the sequence' reads_on neural
holds 'with the other memory too' reads_on recurrent
cut() { # in the reading of a prompt, of which nothing is drawn
    yes 'of the' | head -n 100000 | tr '\n' ' ' >long.txt
    run timeout --preserve-status -s INT 1 "$LTM" generate runs/neural --prompts long.txt --past-end --length 1 --json
    [ "$code" = 130 ] && [ ! -s out ] || { echo "exit $code"; cat out err | cut -c1-200; return 1; }
}
holds 'a prompt that is read in part begins no sample' cut
keeps() { # the kind of memory: two sessions are one
    printf 'the\nof the\n' | "$LTM" generate "runs/$1" --interactive --length 30 --threads 1 >whole &&
        "$LTM" generate "runs/$1" --interactive --state "$1.state" </dev/null && # nothing is said yet
        printf 'the\n' | "$LTM" generate "runs/$1" --interactive --length 30 --threads 1 --state "$1.state" >parts &&
        printf 'of the\n' | "$LTM" generate "runs/$1" --interactive --length 30 --threads 1 --state "$1.state" >>parts &&
        diff whole parts
}
holds 'a session goes on from its file' keeps neural
holds 'with either memory' keeps recurrent
holds 'of other weights' refused 1 'is the state of a session with other weights' "$LTM" generate runs/recurrent --interactive --state neural.state
damaged() {
    head -c -4 neural.state >broken.state && printf 'abcd' >>broken.state
    refused 1 'broken.state is damaged' "$LTM" generate runs/neural --interactive --state broken.state
}
holds 'a damaged one' damaged
holds 'not in turns' refused 2 '--state keeps the session of --interactive' "$LTM" generate runs/neural --state neural.state
holds 'beside latents' "$LTM" train small.ini model.memory=recurrent memory.chunk=4 latent.kind=streaming latent.chunk=8 run.dir=runs/both
holds 'no state without end' refused 1 'the model has no memory whose state could be kept' \
    "$LTM" generate runs/both --interactive --state both.state
holds 'no exported form' refused 1 'model.memory learns as it reads' "$LTM" export runs/neural -o nowhere
holds 'documents apart' refused 1 'model.memory writes whole chunks, which data.packing = masked would cut' \
    "$LTM" train small.ini "${remembers[@]}" data.packing=masked run.dir=runs/none
holds 'positions that leave' refused 1 'none leaves the loops early; use eval.exit = fixed' \
    "$LTM" eval runs/neural corpus eval.exit=state
streams() { # what is said, and chunks
    refused 1 "$1" "$LTM" train small.ini model.memory=neural memory.chunk="$2" latent.kind=streaming latent.chunk="$3" run.dir=runs/none
}
holds 'chunks that do not fit' streams 'latent.chunk = 7 is not a multiple of memory.chunk = 5, .* use latent.chunk = 10' 5 7
holds 'nor beside one' streams 'latent.chunk = 3 is not a multiple of memory.chunk = 5, .* use latent.chunk = 10' 5 3
holds 'one that is never trained to be written' streams 'no gradient would train what the memory writes; use latent.chunk = 10' 5 5
holds 'weights of the other memory' refused 1 'has model.memory = neural, but this run has recurrent, whose weights of the same names' \
    "$LTM" train small.ini "${remembers[@]}" model.memory=recurrent run.from=runs/neural run.dir=runs/none
holds 'latents that are read otherwise' refused 1 'has latent.read = cross, but this run has keys' \
    "$LTM" train small.ini latent.read=keys run.from=runs/both run.dir=runs/none
holds 'a solver' refused 1 'model.kind = solver has no model.memory; use none' \
    "$LTM" train small.ini "${remembers[@]}" model.kind=solver run.dir=runs/none
holds 'a chunk that would grow' refused 1 'memory.chunk = 0 follows a window that slow.window_start = 2 lets grow' \
    "$LTM" train small.ini model.memory=neural slow.window_start=2 run.dir=runs/none
holds 'one chunk' refused 1 'memory.chunk = 32 leaves one chunk in model.sequence = 32, .* use memory.chunk = 16 or less' \
    "$LTM" train small.ini model.memory=neural memory.chunk=32 run.dir=runs/none
holds 'no vectors' refused 1 'memory.slots = 0 is not between 1 and' "$LTM" train small.ini model.memory=recurrent memory.slots=0 run.dir=runs/none
finish
