#!/bin/bash
# The README's table of tasks: a latent thought model and the plain decoder of equal parameters, trained alike on two synthetic
# tasks, asked with 0 to 8 shots and probed. About ten minutes on two cores; run again, it goes on where it was.
#
#     runs/fewshot.sh [FOLDER]        FOLDER (runs/fewshot) gets corpora, runs and results
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${1:-runs/fewshot}
mkdir -p "$out"

synth() { [ -f "$out/$1/task.ini" ] || "$LTM" corpus synth "$@" -o "$out/$1" --items 300 --train-items 1500; }
synth stories --documents 6000 sentences=4 problems=3
synth hierarchy --documents 12000 problems=8

texts=("$out/stories/text.jsonl" "$out/hierarchy/text.jsonl")
[ -f "$out/tok.model" ] || "$LTM" tokenizer train -o "$out/tok.model" --vocab-size 560 "${texts[@]}"
[ -f "$out/corpus/corpus.json" ] || "$LTM" corpus build -o "$out/corpus" --tokenizer "$out/tok.model" "${texts[@]}"

"$LTM" train runs/fewshot.ini data.corpus="$out/corpus" run.dir="$out/ltm"
"$LTM" train runs/fewshot.ini data.corpus="$out/corpus" run.dir="$out/twin" --twin parameters
for model in ltm twin; do
    "$LTM" fewshot "$out/$model" "$out/stories" --shots 0,1 -o "$out/results-$model"
    "$LTM" fewshot "$out/$model" "$out/hierarchy" --shots 0,1,4,8 -o "$out/results-$model"
    for task in stories hierarchy; do "$LTM" probe "$out/$model" "$out/$task"; done
done
