#!/bin/bash
# What carries the past of the window, at equal training operations: nothing, full attention, streaming latents, a neural and a recurrent
# memory. On the texts of a corpus, or on a task. Run again, it resumes.
#
#     runs/memory.sh recall|last-mention|CORPUS [section.key=value…]     settings are those of every run
#     OUT=runs/memory                                                    folder of task, runs and results; wants jq
#
# Runs and results are named by the corpus or task and the settings, with a checksum of both: others do not meet them. Relative paths
# (CORPUS, and OUT and LTM where they are set) are from where you stand.
#
# A row: tokens, parameters, held-out score (nats a token), what of it is carried, tokens a second of processor time (scores
# included), bytes of a text's state (without z where it streams), and of a task the accuracy by distance in tokens.
set -euo pipefail
what=${1:?recall, last-mention or the folder of a corpus}
more=("${@:2}")
case $what in
recall | last-mention) ;;
*) what=$(realpath -m -- "$what") ;;
esac
[ -z "${OUT:-}" ] || OUT=$(realpath -m -- "$OUT")
[[ ${LTM:-} != */* ]] || LTM=$(realpath -m -- "$LTM")
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${OUT:-runs/memory}
mkdir -p "$out"
TIMEFORMAT=%U

# Distances of 2 to 16 windows of 8 words; texts that ask often, by the key alone, are learned fast.
task=("$what" --documents 20000 --items 400 --train-items 1 --bpe problems=1 distance=16 nearest=2 window=8 fillers=1 values=8 keys=8
    lessons=12 sign=0)
case $what in
recall) task+=(--vocab-size 308 pairs=4) ;;
last-mention) task+=(--vocab-size 308 pairs=12) ;;
*) task=() ;;
esac
if [ ${#task[@]} -gt 0 ]; then
    ini=runs/memory-recall.ini chunk=8 corpus=$out/$what/corpus
    [ -f "$corpus/corpus.json" ] || "$LTM" corpus synth -o "$out/$what" "${task[@]}"
else
    ini=runs/memory-nano.ini chunk=16 corpus=$what
fi
name=${what%/corpus}
name=$(basename "${name%/data}")${more[*]:+-${more[*]}}
if [ ${#task[@]} = 0 ] || [ ${#more[@]} -gt 0 ]; then
    name=${name//[^a-zA-Z0-9._=-]/_}
    name=${name:0:80}-$(printf '%s\n' "$what" "${more[@]}" | cksum | awk '{ printf "%08x", $1 }')
fi

set=(data.corpus="$corpus" "${more[@]}")
of() { # what, settings: what inspect says of the model
    "$LTM" inspect $ini "${set[@]}" "${@:2}" --json | jq "$1"
}
equal=$(of '.training_flops * .configuration."run.tokens"') # times its tokens: what follows divides by the operations of as many

row() { # model, its settings
    local run=$out/$name-$1 tokens
    tokens=$(jq -n "$equal / $(of .training_flops "${@:2}") | floor")
    if [ ! -f "$run.seconds" ]; then
        { time "$LTM" train $ini "${set[@]}" "${@:2}" run.dir="$run" run.tokens="$tokens" 2>&3; } 3>&2 2>"$run.time"
        mv "$run.time" "$run.seconds"
    fi
    {
        jq -s 'map(select(.heldout))[-1] | .tokens, .bound, .carried' "$run/log.jsonl"
        cat "$run.seconds"
        of '.parameters, .text_state_bytes' "${@:2}"
        if [ ${#task[@]} -gt 0 ]; then
            "$LTM" fewshot "$run" "$out/$what" --length 2 -o "$run/results" >/dev/null
            jq '.results[] | to_entries[] | select(.key | test("^acc@distance=.*[0-9],none")) | .value' "$run/results/"results*
        fi
    } | tr '\n' ' ' | awk -v name="$1" '{
        printf "%-10s %8d %7d %.3f %6.3f %7d %7d ", name, $1, $5, $2, $3, $1 / $4, $6
        for (i = 7; i <= NF; i++) printf " %.3f", $i
        print "" }' | tee -a "$out/$name.txt"
}
row window model.memory=none
row attention model.memory=none model.window="$(of '.configuration."model.sequence"')"
row streaming model.memory=none latent.kind=streaming latent.read=keys latent.count=32 latent.chunk="$chunk" latent.stream_rate=100
row neural model.memory=neural
row recurrent model.memory=recurrent memory.backprop=0
