#!/bin/bash
# Documents that it takes until a hidden class of a random hierarchy can be read off (node1, which rules a string's first half: LEVELS - 1
# levels lie below it), against the levels: by clustering (runs/hierarchy-oracle.awk), by a decoder that learns the next token, by one that
# predicts the states of a teacher too (slow.predict_latents), and by latents, the decoder then seeing four symbols. A linear probe reads it;
# beside its accuracy stand what it scores on shuffled labels and what an untrained decoder has. Sizes double until the accuracy is 90 %. Run
# again, it resumes.
#
#     runs/sample-complexity.sh [FOLDER [section.key=value…]]     FOLDER (runs/sample-complexity) gets tasks, runs and results.csv;
#                                                                 settings are those of every run; wants jq
#     LEVELS='4 5' SEEDS='1 2 3 4 5' SIZES='60 125 …' METHODS='oracle untrained next predict latents' V=8 M=2
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${1:-runs/sample-complexity}
more=("${@:2}")
LEVELS=${LEVELS:-4 5} SEEDS=${SEEDS:-1 2 3 4 5} V=${V:-8} M=${M:-2}
METHODS=${METHODS:-oracle untrained next predict latents}
SIZES=${SIZES:-60 125 250 500 1000 2000 4000 8000}
mkdir -p "$out"
results=$out/results.csv
echo method,place,levels,seed,documents,accuracy,stderr,shuffled,chance >"$results"

# A token a letter.
letters=abcdefghijklmnopqrstuvwxyz
for ((i = 0; i < V * V; i++)); do echo "${letters:i / V:1} ${letters:i % V:1}"; done >"$out/letters-$V.txt"
tokenizer=$out/letters-$V-bpe.model
[ -f "$tokenizer" ] || "$LTM" tokenizer train --type bpe -o "$tokenizer" --vocab-size $((260 + 2 * V)) "$out/letters-$V.txt"

settings() { # method
    case $1 in
    untrained) echo slow.optimizer=adamw slow.lr=0 run.tokens=1 ;;
    next) ;;
    predict) echo slow.predict_latents=1 slow.predict_distance=2 ;;
    latents) echo latent.count=3 model.window=4 ;;
    *) echo "METHODS: $1 is not known; use oracle, untrained, next, predict or latents" >&2 && return 1 ;;
    esac
}

probe() { # run, task, options: place, accuracy, its error and chance, a line a place
    "$LTM" probe "$1" "$2" --json "${@:3}" | jq -r '.probes[] | select(.factor == "node1" and (.place | test("^(mu|states)$"))) |
        [.place, .value, .stderr, .chance] | @tsv'
}

accuracy=0
# A line of results.csv for each place; `accuracy` is then the last one's: of latents themselves, where there are any.
measure() { # method, levels, seed, documents, task
    local run=$out/$1-v$V-m$M-$2-$3-$4 place error chance shuffled
    local set=()
    if [ "$1" = oracle ]; then
        accuracy=$(awk -v v="$V" -v s=2 -f runs/hierarchy-oracle.awk "$5"/text.jsonl "$5"/train.jsonl "$5"/test.jsonl)
        echo "oracle,clusters,$2,$3,$4,$accuracy,,," >>"$results"
        return
    fi
    read -ra set <<<"$(settings "$1")"
    "$LTM" train runs/sample-complexity.ini model.sequence=$((2 ** $2 + 1)) model.window=$((2 ** $2 + 1)) run.dir="$run" \
        run.seed="$3" data.corpus="$5/corpus" "${more[@]}" "${set[@]}"
    if [ ! -s "$run/probe.tsv" ]; then # whole or not at all
        probe "$run" "$5" >"$run/read.tsv"
        probe "$run" "$5" --shuffled | cut -f 2 | paste "$run/read.tsv" - >"$run/probe.new"
        mv "$run/probe.new" "$run/probe.tsv"
    fi
    while read -r place accuracy error chance shuffled; do
        echo "$1,$place,$2,$3,$4,$accuracy,$error,$shuffled,$chance" >>"$results"
    done < <(sort -r "$run/probe.tsv") # states, then mu
    accuracy=$(awk -F, 'END { print $6 }' "$results")
}

task() { # levels, seed, documents: its folder
    local folder=$out/task-v$V-m$M-$1-$2-$3
    [ -f "$folder/corpus/corpus.json" ] || "$LTM" corpus synth hierarchy -o "$folder" --seed "$2" --documents "$3" \
        --tokenizer "$tokenizer" problems=1 label=0 symbols="$V" classes="$V" productions="$M" children=2 levels="$1" heldout=0.3 >&2
    echo "$folder"
}

for levels in $LEVELS; do
    for seed in $SEEDS; do
        for method in $METHODS; do
            for documents in $SIZES; do
                measure "$method" "$levels" "$seed" "$documents" "$(task "$levels" "$seed" "$documents")"
                [ "$method" = untrained ] && break
                awk "BEGIN { exit !($accuracy >= 0.9) }" && break
            done
        done
    done
done

# Of each reading: documents at 90 %, between the last size below and the first above, by the logarithm; then the slope against the
# number of levels of the logarithm of that, in units of log m.
printf '\n%-18s %6s %5s %12s %9s %9s\n' reading levels seed documents shuffled chance
awk -F, -v m="$M" '
    NR == 1 { next }
    { key = $1 " " $2; run = key SUBSEP $3 SUBSEP $4 }
    !(run in last) { runs[++count] = run; reading[run] = key; levels[run] = $3; seed[run] = $4 }
    !(key in met) { met[key]; keys[++readings] = key }
    !(run in found) && !(run in least) && $6 >= 0.9 {
        if (run in last) found[run] = exp(log(last[run]) + (0.9 - accuracy[run]) / ($6 - accuracy[run]) * log($5 / last[run]))
        else least[run] = $5
    }
    { last[run] = $5; accuracy[run] = $6; shuffled[run] = $8; chance[run] = $9 }
    END {
        for (i = 1; i <= count; i++) {
            run = runs[i]
            printf "%-18s %6d %5d %12s %9s %9s\n", reading[run], levels[run], seed[run],
                run in found ? sprintf("%.0f", found[run]) : run in least ? sprintf("<= %d", least[run]) : sprintf("> %d", last[run]), shuffled[run], chance[run]
            if (run in least) below[reading[run]]++
            else if (!(run in found)) short[reading[run]]++
            if (!(run in found)) continue
            k = reading[run]; x = levels[run]; y = log(found[run]) / log(m)
            n[k]++; sx[k] += x; sy[k] += y; sxx[k] += x * x; sxy[k] += x * y; syy[k] += y * y
        }
        printf "\nexponent of m a level, ± two standard errors (theory: 1 where classes or next tokens are learnt, m^L and v m^(L+1); 0 for predicted states, v m^3)\n"
        for (i = 1; i <= readings; i++) {
            k = keys[i]
            xx = n[k] ? sxx[k] - sx[k] * sx[k] / n[k] : 0
            if (n[k] < 3 || xx <= 0) { printf "%-18s not known: it takes three searches that end, of two depths\n", k; continue }
            xy = sxy[k] - sx[k] * sy[k] / n[k]; yy = syy[k] - sy[k] * sy[k] / n[k]; b = xy / xx
            left = yy - b * xy
            printf "%-18s %.2f ± %.2f (%d found%s%s)\n", k, b, 2 * sqrt((left > 0 ? left : 0) / (n[k] - 2) / xx), n[k],
                below[k] ? ", " below[k] " had 90 % at the first size and are left out" : "",
                short[k] ? ", " short[k] " never came to 90 % and are left out, so that it is too small" : ""
        }
    }' "$results"
