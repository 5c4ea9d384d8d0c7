#!/bin/bash
# Accuracy on combinations of functions that no training text has, against the share of combinations held out and against width, depth,
# loops and latents at equal compute (runs/composition.ini); beside it how well a linear probe reads the functions off the states. The
# splits: a share of the combinations at random, those that mix two halves of the functions (disconnected), those with a function that is
# nowhere shown composed or alone (unknown, a control). Run again, it resumes.
#
#     runs/composition.sh [FOLDER [section.key=value…]]     FOLDER (runs/composition) gets tasks, studies, results.csv and results.svg
#                                                           (gnuplot); settings are those of every cell; wants jq
#     SPLITS='0.25 0.5 0.75 0.9 0.99 disconnected unknown' JOBS=auto
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${1:-runs/composition}
more=("${@:2}")
SPLITS=${SPLITS:-0.25 0.5 0.75 0.9 0.99 disconnected unknown}
mkdir -p "$out"

for split in $SPLITS; do
    task=$out/task-$split
    case $split in
    disconnected) knob=(split=1) ;;
    unknown) knob=(split=2) ;;
    *) knob=(heldout="$split") ;;
    esac
    pieces=(--tokenizer "$out/tokenizer.model")
    [ -f "$out/tokenizer.model" ] || pieces=(--vocab-size 300 --bpe)
    [ -f "$task/corpus/corpus.json" ] || "$LTM" corpus synth compose -o "$task" --documents 8000 "${pieces[@]}" problems=14 depth=2 functions=8 \
        letters=4 alphabet=6 even=1 "${knob[@]}"
    [ -f "$out/tokenizer.model" ] || cp "$task/corpus/tokenizer.model" "$out/tokenizer.model"
    "$LTM" sweep runs/composition.ini study.dir="$out/study-$split" data.corpus="$task/corpus" scores.fewshot.tasks="$task" study.jobs="${JOBS:-auto}" \
        "${more[@]}"
done

# Accuracy on held-out and on seen combinations of two functions, by what is known of a held-out one: in how many places the nearest
# seen one differs, and whether a seen one does the same to every list; the chance of one that does something new; and of the two functions, read off the states by a linear
# probe, beside the probe on shuffled labels and on an untrained model.
results=$out/results.csv
echo split,variant,seed,tokens,heldout,heldout_stderr,seen,seen_stderr,one_place_new,two_places_new,mapping_known,mapping_new,mapping_new_stderr,mapping_new_chance,functions_read,shuffled,untrained >"$results"
read_off() { # cell, task, options: the mean over both functions
    "$LTM" probe "$1" "$2" --json "${@:3}" | jq '[.probes[] | select(.place == "states") | .value] | add / length'
}
for split in $SPLITS; do
    study=$out/study-$split task=$out/task-$split
    chance=$(jq -s 'map(select(.mapping == "new") | .chance) | add / length' "$task/test.jsonl")
    if [ ! -s "$study/untrained.txt" ]; then
        "$LTM" train runs/composition-base.ini run.dir="$study/untrained" data.corpus="$task/corpus" run.tokens=1 slow.optimizer=adamw slow.lr=0 >&2
        read_off "$study/untrained" "$task" >"$study/untrained.new"
        mv "$study/untrained.new" "$study/untrained.txt"
    fi
    for cell in "$study"/cells/*/; do
        if [ ! -s "$cell/functions.txt" ]; then
            read_off "$cell" "$task" >"$cell/functions.new"
            read_off "$cell" "$task" --shuffled >>"$cell/functions.new"
            mv "$cell/functions.new" "$cell/functions.txt"
        fi
        awk -F, -v of="$split" -v cell="$(basename "$cell")" -v chance="$chance" -v read_off="$(cat "$cell/functions.txt" "$study/untrained.txt" | paste -sd,)" '
            function figure(metric) { return (name metric) in at ? $at[name metric] : "" }
            NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            $at["cell"] == cell {
                name = "compose:acc@combination="
                printf "%s,%s,%s,%s", of, $at["study.variant"], $at["seed"], $at["tokens"]
                split("heldout heldout_stderr seen;complexity=2 seen;complexity=2_stderr heldout;novelty=1 heldout;novelty=2 heldout;mapping=known " \
                    "heldout;mapping=new heldout;mapping=new_stderr", metrics, " ")
                for (i = 1; i <= 9; i++) printf ",%s", figure(metrics[i])
                printf ",%s,%s\n", chance, read_off
            }' "$study/results.csv" >>"$results"
    done
done
cat "$results"
if command -v gnuplot >/dev/null; then
    variant=$(awk -F, 'NR == 2 { print $2 }' "$results")
    variants=$(awk -F, 'NR > 1 && !seen[$2]++ { printf "%s ", $2 }' "$results")
    gnuplot -d - <<PLOT
        set terminal svg size 760,400 font "sans-serif,12" background "white" enhanced
        set output "$out/results.svg"
        set datafile separator ","
        set grid
        set key outside right
        set xlabel "share of the combinations held out"
        set ylabel "accuracy on those that do something new"
        set yrange [0:*]
        set xrange [0.2:1.02]
        plot for [name in "$variants"] "< grep '^0[^,]*,".name.",' $results" using 1:12:13 with yerrorlines pointtype 7 title name, \\
            "< grep '^0[^,]*,$variant,' $results" using 1:14 with lines dashtype 2 linecolor "gray" title "chance"
PLOT
    echo "$out/results.svg" >&2
fi
