#!/bin/bash
# Which weights a task needs (ltm probe --prune), and whether it is the same ones again: a decoder learns eight functions of lists of
# letters; for two of them, sort and next, a mask keeps a share of its weights. Models of several seeds, masks of several seeds (other orders of the
# questions), before training, after a part of it and at its end. Run again, it resumes.
#
#     runs/subroutines.sh [FOLDER [option of ltm probe --prune …]]     FOLDER (runs/subroutines) gets the task, models, masks and results.csv; wants jq
#     SEEDS='1 2 3' MASKS='1 2 3' TOKENS='0 300k 2M' KEEP='0.05 0.1'
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${1:-runs/subroutines}
more=("${@:2}")
SEEDS=${SEEDS:-1 2 3} MASKS=${MASKS:-1 2 3} TOKENS=${TOKENS:-0 300k 2M} KEEP=${KEEP:-0.05 0.1}
mkdir -p "$out"

task=$out/task
[ -f "$task/corpus/corpus.json" ] || "$LTM" corpus synth compose -o "$task" --documents 40000 --items 800 --train-items 8000 --vocab-size 300 --bpe \
    problems=1 depth=1 functions=8 letters=4 alphabet=6 >&2
for function in sort next; do
    jq -c "select(.factors.function1 == \"$function\") | {prompt: .context, answer: (\" \" + .answer)}" "$task/train.jsonl" "$task/test.jsonl" >"$out/$function.jsonl"
done

# A mask for a function and its figures: own task, then the other; what it shares with another mask (nothing: with none).
measure() { # model, tokens, keep, function, mask's seed, another mask's name or nothing
    local name=$1-$2-$3-$4-$5 other=next with=()
    [ "$4" = sort ] || other="sort"
    [ -z "$6" ] || with=(--against "$out/$6.safetensors")
    if [ ! -s "$out/$name.json" ]; then
        "$LTM" probe --prune "$out/model-$1-$2" "$out/$4.jsonl" "$out/$other.jsonl" --keep "$3" --mask "$out/$name.safetensors" --json run.seed="$5" \
            "${with[@]}" "${more[@]}" >"$out/$name.new"
        mv "$out/$name.new" "$out/$name.json"
    fi
    jq -r --arg key "$1,$2,$3,$4,$5,$6" '[$key, .a.whole.exact, .b.whole.exact, .a.mask.exact, .b.mask.exact, .a.complement.exact, .b.complement.exact,
        .a.random.exact, .a.random_complement.exact, .b.random_complement.exact, .a.mask.loss, .a.random.loss, .overlap, .overlap_chance] |
        map(. // "" | tostring) | join(",")' "$out/$name.json" >>"$results"
}

results=$out/results.csv
echo model,tokens,keep,function,mask,against,whole,whole_other,kept,kept_other,without,without_other,random,without_random,without_random_other,kept_nats,random_nats,shared,shared_by_chance >"$results"
for tokens in $TOKENS; do
    for seed in $SEEDS; do
        length=(run.tokens="$tokens")
        [ "$tokens" != 0 ] || length=(run.tokens=1 slow.optimizer=adamw slow.lr=0)
        "$LTM" train runs/composition-base.ini run.dir="$out/model-$seed-$tokens" run.seed="$seed" data.corpus="$task/corpus" model.sequence=24 \
            model.window=24 slow.batch=32 "${length[@]}"
        for keep in $KEEP; do
            for function in sort next; do
                first=$seed-$tokens-$keep-$function-${MASKS%% *}
                for mask in $MASKS; do
                    against=$first # of the same function; the first of another model's, of another function's
                    if [ "$mask" = "${MASKS%% *}" ]; then
                        against=$seed-$tokens-$keep-sort-$mask
                        [ "$function" = next ] || against=${SEEDS%% *}-$tokens-$keep-sort-$mask
                        [ "$against" != "$first" ] || against=
                    fi
                    measure "$seed" "$tokens" "$keep" "$function" "$mask" "$against"
                done
            done
        done
    done
done
cat "$results"
