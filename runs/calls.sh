#!/bin/bash
# Fine-tuning alone against fine-tuning and preferences, on function calls: a plain decoder, one with latents, one whose layers run
# twice. Each learns the documents, then the answers (sft); from there more answers (more), or preferences: the solver's wrong calls
# (dpo), or its own wrong samples of training questions (own). Run again, it resumes.
#
#     runs/calls.sh [FOLDER [section.key=value…]]     FOLDER (runs/calls) gets task, runs and results; settings are those of every run
#     OWN=2000 ITEMS=1000                             training questions for own samples, test questions; wants jq
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${1:-runs/calls}
more=("${@:2}")
mkdir -p "$out"

[ -f "$out/calls/corpus/corpus.json" ] || "$LTM" corpus synth calls -o "$out/calls" --train-items 10000 --items 1000 --vocab-size 512
# Its own samples are of training questions: those of the test would be learnt.
sed 's/^items = .*/items = train.jsonl/' "$out/calls/task.ini" >"$out/calls/own.ini"

train() { # run, settings
    "$LTM" train runs/calls.ini run.dir="$out/$1" "${@:2}" "${more[@]}"
}
answers=(data.kind=pairs data.tokenizer="$out/calls/tokenizer.model") # scored on a twentieth of its questions, none of the test
solver=(data.corpus="$out/calls/train-pairs.jsonl")
slower=(slow.lr=0.0005 slow.warmup=10)
# Preferences at more tokens or a higher rate make it worse (runs/README.md).
gentle=(slow.objective=dpo slow.lr=0.00005 slow.warmup=10 slow.dpo_beta=1 run.tokens=300k)
names=()

study() { # model, its settings
    local model=$1 set=("${@:2}")
    train "$model" "${set[@]}" data.corpus="$out/calls/corpus"
    train "$model-sft" "${set[@]}" "${answers[@]}" "${solver[@]}" --from "$out/$model"
    "$LTM" fewshot "$out/$model-sft" "$out/calls/own.ini" --limit "${OWN:-2000}" --samples 8 --pairs -o "$out/own-$model"
    set+=("${answers[@]}" --from "$out/$model-sft")
    train "$model-more" "${set[@]}" "${solver[@]}" "${slower[@]}"
    train "$model-dpo" "${set[@]}" "${solver[@]}" "${gentle[@]}"
    train "$model-own" "${set[@]}" data.corpus="$out/own-$model/pairs_calls_0shot.jsonl" "${gentle[@]}"
    for stage in sft more dpo own; do
        "$LTM" fewshot "$out/$model-$stage" "$out/calls" --limit "${ITEMS:-1000}" -o "$out/results-$model-$stage"
        names+=("$model-$stage")
    done
}
study plain
study latent latent.count=8
study looped model.loops=2

printf '\n%-14s %9s %10s %15s %15s\n' model right malformed 'wrong function' 'wrong argument'
for name in "${names[@]}"; do
    jq -r --arg name "$name" '.results.calls | [$name, ."exact_match,none", ."malformed,none", ."wrong_function,none",
        ."wrong_argument,none"] | @tsv' "$out/results-$name/results_calls_0shot.json" |
        while read -r name right malformed function argument; do
            printf '%-14s %9.3f %10.3f %15.3f %15.3f\n' "$name" "$right" "$malformed" "$function" "$argument"
        done
done
