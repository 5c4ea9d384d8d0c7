#!/bin/bash
# What the context says against what training said 1, 4, 16 or 64 times in a pass (ltm corpus synth conflict): how often the context wins,
# with full attention, behind a window of two tokens, which does not reach the context, and there with latents that carry the context: z as the prompt leaves it,
# and z frozen at the prior or at its start. Run again, it resumes.
#
#     runs/conflict.sh [FOLDER [section.key=value…]]     FOLDER (runs/conflict) gets the task, runs and results.csv; settings are those of
#                                                        every run; wants jq
#     SEEDS='1 2 3' MODELS='full window fitted streaming'
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${1:-runs/conflict}
more=("${@:2}")
SEEDS=${SEEDS:-1 2 3} MODELS=${MODELS:-full window fitted streaming}
mkdir -p "$out"

# A token a word.
task=$out/task
[ -f "$task/corpus/corpus.json" ] || "$LTM" corpus synth conflict -o "$task" --items 1000 --vocab-size 700 --bpe >&2

settings() { # model
    case $1 in
    full) ;;
    window) echo model.window=2 ;;
    fitted) echo model.window=2 latent.count=2 ;;
    streaming) echo model.window=2 latent.count=8 latent.kind=streaming latent.read=keys latent.chunk=2 latent.stream_rate=100 ;;
    *) echo "MODELS: $1 is not known; use full, window, fitted or streaming" >&2 && return 1 ;;
    esac
}

results=$out/results.csv
echo model,z,seed,metric,value,stderr >"$results"
for seed in $SEEDS; do
    for model in $MODELS; do
        run=$out/$model-$seed
        settings=$(settings "$model")
        read -ra set <<<"$settings"
        "$LTM" train runs/composition-base.ini run.dir="$run" run.seed="$seed" data.corpus="$task/corpus" model.sequence=16 model.window=16 \
            slow.batch=32 "${set[@]}" "${more[@]}"
        controls=("")
        case $model in fitted | streaming) controls+=(--frozen) ;; esac
        for control in "${controls[@]}"; do
            scores=$out/scores-$model-$seed$control
            "$LTM" fewshot "$run" "$task" -o "$scores" ${control:+"$control"}
            z=${control#--}
            jq -r --arg key "$model,${z:-prompt},$seed" '.results | to_entries[0].value as $r | $r | keys[] |
                select(test("^(acc@context|prior_wins|chance|optimum)") and (test("stderr") | not)) | . as $metric | ($metric | split(",")) as $name |
                [$key, $name[0], $r[$metric], $r[$name[0] + "_stderr," + $name[1]]] | map(tostring) | join(",")' "$scores"/results_*.json >>"$results"
        done
    done
done

# Means over seeds (least – most): how often the context wins, and what is known where it is silent, by how often training told the fact.
awk -F, -v picture="$out/picture.tsv" '
    NR == 1 { next }
    {
        key = $1 " " $2
        if (!(key in met)) { met[key]; keys[++count] = key }
        k = key SUBSEP $4; n[k]++; sum[k] += $5
        if (n[k] == 1 || $5 < least[k]) least[k] = $5
        if (n[k] == 1 || $5 > most[k]) most[k] = $5
    }
    function cell(metric,   k) { k = key SUBSEP metric; return n[k] ? sprintf("%.2f (%.2f–%.2f)", sum[k] / n[k], least[k], most[k]) : "–" }
    END {
        printf "%-18s %-18s %-18s %-18s %-18s %-18s %-18s %-18s\n", "model, z", "context wins: 1", "4", "16", "64", "of strangers", "known, silent: 1", "64"
        for (i = 1; i <= count; i++) {
            key = keys[i]
            printf "%-18s", key
            for (t = 1; t <= 64; t *= 4) printf " %-18s", cell("acc@context=contradicts;trained=" t)
            printf " %-18s %-18s %-18s\n", cell("acc@context=new"), cell("acc@context=silent;trained=1"), cell("acc@context=silent;trained=64")
            print "\"" key "\"" >picture
            for (t = 1; t <= 64; t *= 4) { k = key SUBSEP "acc@context=contradicts;trained=" t; print t, sum[k] / n[k], least[k], most[k] >picture }
            print "\n" >picture
        }
        print count - 1 >(picture ".last")
    }' "$results"
if command -v gnuplot >/dev/null; then
    gnuplot -d - <<PLOT
        set terminal svg size 760,400 font "sans-serif,12" background "white" enhanced
        set output "$out/results.svg"
        set grid
        set key outside right
        set logscale x 4
        set xtics (1, 4, 16, 64)
        set xrange [0.8:100]
        set yrange [0:1]
        set xlabel "how often a pass of training states the fact"
        set ylabel "the context wins against it"
        plot for [i = 0 : $(cat "$out/picture.tsv.last")] "$out/picture.tsv" index i using (\$1 * (1 + 0.03 * i)):2:3:4 with yerrorlines pointtype 7 title columnheader(1), \
            0.125 with lines dashtype 2 linecolor "gray" title "chance"
PLOT
    echo "$out/results.svg" >&2
fi
