#!/bin/bash
# Documents that it takes until a hidden class of a random hierarchy can be read off (node1, which rules a string's first half: LEVELS - 1
# levels lie below it): by clustering (runs/hierarchy-oracle.awk), by a decoder that learns the next token, by one that predicts the states
# of a teacher too (slow.predict_latents), and by latents, the decoder then seeing four symbols. A linear probe reads it; beside its accuracy
# stand what it scores on shuffled labels and what an untrained decoder has. Sizes double until the accuracy is 90 %. Run again, it resumes.
#
#     runs/sample-complexity.sh [FOLDER [section.key=value…]]     FOLDER (runs/sample-complexity) gets tasks, runs, results.csv, results.svg;
#                                                                 settings are those of every run; wants jq
#     GRAMMARS='16/2/3/125/400k/0.024/1 …'     symbols / productions of each / levels / the least documents, MOST (32) times as many at most /
#                                              tokens, rate and weight decay of every run
#     SEEDS='1 2 3 4 5' METHODS='oracle untrained next predict latents'
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
out=${1:-runs/sample-complexity}
more=("${@:2}")
GRAMMARS=${GRAMMARS:-16/2/3/125/400k/0.024/1 8/2/4/125/600k/0.024/1 16/2/4/500/1M/0.012/0.3}
SEEDS=${SEEDS:-1 2 3 4 5} MOST=${MOST:-32}
METHODS=${METHODS:-oracle untrained next predict latents}
mkdir -p "$out"
results=$out/results.csv
echo method,place,symbols,productions,levels,seed,documents,accuracy,stderr,shuffled,chance >"$results"

# A token a letter: the model's file.
tokenizer() { # symbols
    local model=$out/letters-$1-bpe.model letters=abcdefghijklmnopqrstuvwxyz i
    if [ ! -f "$model" ]; then
        for ((i = 0; i < $1 * $1; i++)); do echo "${letters:i / $1:1} ${letters:i % $1:1}"; done >"$out/letters-$1.txt"
        "$LTM" tokenizer train --type bpe -o "$model" --vocab-size $((260 + 2 * $1)) "$out/letters-$1.txt" >&2
    fi
    echo "$model"
}

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
measure() { # method, seed, documents; reads what a grammar says
    local name=v$symbols-m$productions-$levels-$2-$3 key=$symbols,$productions,$levels,$2,$3 place error chance shuffled
    local task=$out/task-$name run=$out/$1-$name settings set=()
    [ -f "$task/corpus/corpus.json" ] || "$LTM" corpus synth hierarchy -o "$task" --seed "$2" --documents "$3" \
        --tokenizer "$(tokenizer "$symbols")" problems=1 label=0 symbols="$symbols" classes="$symbols" productions="$productions" \
        children=2 levels="$levels" heldout=0.3 >&2
    if [ "$1" = oracle ]; then
        accuracy=$(awk -v v="$symbols" -v s=2 -f runs/hierarchy-oracle.awk "$task"/text.jsonl "$task"/train.jsonl "$task"/test.jsonl)
        echo "oracle,clusters,$key,$accuracy,,," >>"$results"
        return
    fi
    settings=$(settings "$1")
    read -ra set <<<"$settings"
    "$LTM" train runs/sample-complexity.ini model.sequence=$((2 ** levels + 1)) model.window=$((2 ** levels + 1)) run.dir="$run" \
        run.tokens="$tokens" slow.matrix_lr="$rate" slow.weight_decay="$decay" run.seed="$2" data.corpus="$task/corpus" "${more[@]}" "${set[@]}"
    if [ ! -s "$run/probe.tsv" ]; then # whole or not at all
        probe "$run" "$task" >"$run/read.tsv"
        probe "$run" "$task" --shuffled | cut -f 2 | paste "$run/read.tsv" - >"$run/probe.new"
        mv "$run/probe.new" "$run/probe.tsv"
    fi
    while read -r place accuracy error chance shuffled; do
        echo "$1,$place,$key,$accuracy,$error,$shuffled,$chance" >>"$results"
    done < <(sort -r "$run/probe.tsv") # states, then mu
    accuracy=$(awk -F, 'END { print $8 }' "$results")
}

for seed in $SEEDS; do
    for grammar in $GRAMMARS; do
        IFS=/ read -r symbols productions levels least tokens rate decay <<<"$grammar"
        for method in $METHODS; do
            documents=$least
            [ "$method" != oracle ] || documents=15
            for ((; documents <= least * MOST; documents *= 2)); do
                measure "$method" "$seed" "$documents"
                [ "$method" = untrained ] && break
                awk "BEGIN { exit !($accuracy >= 0.9) }" && break
            done
        done
    done
done

# Documents at 90 % of each search, between the last size below and the first above, by the logarithm; their geometric means and spans; the
# slopes of their logarithm within grammars that differ in levels alone, or in symbols alone. picture.tsv: a block a reading.
awk -F, -v picture="$out/picture.tsv" '
    # half a 95 % interval of a mean or slope, in standard errors: Student t, to a hundredth or two from four degrees of freedom on
    function errors(freedom) { return 1.96 + 2.37 / freedom + 2.8 / freedom ^ 2 }
    # the documents of a reading over those of decoders that learn next tokens, of the same grammar and seed: geometric mean
    function ratio(   i, n, sum, squares, other, mean) {
        n = sum = squares = 0
        for (i = 1; i <= count; i++) if (run_reading[i] == key && run_at[i] > 0) {
            other = number["next states " grammar[i] " " seed[i]]
            if (!other || run_at[other] <= 0) continue
            n++; sum += log(run_at[i] / run_at[other]); squares += log(run_at[i] / run_at[other]) ^ 2
        }
        if (n < 3) return "not known"
        mean = sum / n
        other = errors(n - 1) * sqrt((squares - n * mean * mean) / (n - 1) / n)
        return sprintf("%.2f (%.2f – %.2f), %d pairs", exp(mean), exp(mean - other), exp(mean + other), n)
    }
    # of the logarithm of documents, against levels, in units of log m, or against log v, within grammars alike in all else
    function group_of(i) { return m[i] " " (by == "levels" ? v[i] : levels[i]) }
    function x_of(i) { return by == "levels" ? levels[i] : log(v[i]) }
    function y_of(i) { return log(run_at[i]) / (by == "levels" ? log(m[i]) : 1) }
    function slope(   i, g, x, y, b, left, n, groups) {
        delete n_of; delete mean_x; delete mean_y
        for (i = 1; i <= count; i++) if (run_reading[i] == key && run_at[i] > 0) {
            g = group_of(i); n_of[g]++; mean_x[g] += x_of(i); mean_y[g] += y_of(i)
        }
        xx = xy = yy = n = groups = 0
        for (g in n_of) { groups++; mean_x[g] /= n_of[g]; mean_y[g] /= n_of[g] }
        for (i = 1; i <= count; i++) if (run_reading[i] == key && run_at[i] > 0) {
            g = group_of(i); x = x_of(i) - mean_x[g]; y = y_of(i) - mean_y[g]
            xx += x * x; xy += x * y; yy += y * y; n++
        }
        if (xx < 1e-9 || n - groups < 2) return "not known"
        b = xy / xx; left = yy - b * xy
        return sprintf("%.2f ± %.2f", b, errors(n - groups - 1) * sqrt((left > 0 ? left : 0) / (n - groups - 1) / xx))
    }
    NR == 1 { next }
    {
        search = $1 " " $2 " " $3 "/" $4 "/" $5 " " $6
        if (!(search in number)) {
            number[search] = ++count
            run_reading[count] = $1 " " $2; grammar[count] = $3 "/" $4 "/" $5; seed[count] = $6; v[count] = $3; m[count] = $4; levels[count] = $5
            if (!(run_reading[count] in met)) { met[run_reading[count]]; readings[++reading_count] = run_reading[count] }
            if (!(grammar[count] in known)) { known[grammar[count]]; grammars[++grammar_count] = grammar[count] }
        }
        i = number[search]
        if (!run_at[i] && $8 >= 0.9) run_at[i] = i in last ? exp(log(last[i]) + (0.9 - accuracy[i]) / ($8 - accuracy[i]) * log($7 / last[i])) : -1
        last[i] = $7; accuracy[i] = $8; sum[$1 " " $2, grammar[i]] += $8; sum_of[$1 " " $2, grammar[i]]++
    }
    END {
        printf "\n%-18s %8s %10s %16s   %s\n", "reading", "grammar", "documents", "least – most", "searches"
        for (k = 1; k <= reading_count; k++) {
            key = readings[k]
            if (key ~ /^untrained/) {
                blocks--
                for (j = 1; j <= grammar_count; j++)
                    printf "%-18s %8s   has %.3f of the symbols\n", key, grammars[j], sum[key, grammars[j]] / sum_of[key, grammars[j]]
                continue
            }
            print "\"" key "\"" >picture
            for (j = 1; j <= grammar_count; j++) {
                n = below = short = total = 0; least = 1e18; most = 0
                for (i = 1; i <= count; i++) if (run_reading[i] == key && grammar[i] == grammars[j]) {
                    if (run_at[i] < 0) below++
                    else if (!run_at[i]) short++
                    else { n++; total += log(run_at[i]); if (run_at[i] < least) least = run_at[i]; if (run_at[i] > most) most = run_at[i] }
                }
                if (n + below + short == 0) continue
                note = (below ? ", " below " had 90 % at the first size" : "") (short ? ", " short " never came to 90 %" : "")
                if (n) printf "%-18s %8s %10.0f %7.0f – %-7.0f  %d found%s\n", key, grammars[j], exp(total / n), least, most, n, note
                else printf "%-18s %8s %10s %16s   none found%s\n", key, grammars[j], "–", "", note
                if (n) print j, exp(total / n), least, most >picture
            }
            print "\n" >picture
        }
        printf "\n%-18s %18s %18s   %s\n", "exponent of", "m, a level", "v", "documents over those for next tokens   (95 %; searches that found none are left out)"
        for (k = 1; k <= reading_count; k++) {
            key = readings[k]
            if (key ~ /^untrained/) continue
            by = "levels"; of_m = slope()
            by = "symbols"; of_v = slope()
            printf "%-18s %18s %18s   %s\n", key, of_m, of_v, key ~ /^next/ ? "" : ratio()
        }
        print "theory: next tokens v m^LEVELS: 1, 1; predicted states v m^3: 0, 1"
        print "\"v m^L\"" >picture
        for (j = 1; j <= grammar_count; j++) { split(grammars[j], is, "/"); t = is[1] * is[2] ^ is[3]; print j, t, t, t >picture }
        print "\n\n\"v m^3\"" >picture
        for (j = 1; j <= grammar_count; j++) { split(grammars[j], is, "/"); t = is[1] * is[2] ^ 3; print j, t, t, t >picture; names = names (j > 1 ? ", " : "") "\"" grammars[j] "\" " j }
        printf "blocks = %d\nset xtics (%s)\n", reading_count + 2 + blocks, names >(picture ".gnuplot")
    }' "$results"
if command -v gnuplot >/dev/null; then
    gnuplot -d - <<PLOT
        set terminal svg size 760,420 font "sans-serif,12" background "white" enhanced
        set output "$out/results.svg"
        set logscale y
        set grid
        set key outside right
        load "$out/picture.tsv.gnuplot"
        set xlabel "grammar: symbols/productions/levels"
        set ylabel "documents until 90 % of node1 are read off"
        set offsets 0.3, 0.4, 0, 0
        plot for [i = 0 : blocks - 3] "$out/picture.tsv" index i using (\$1 + 0.05 * i):2:3:4 with yerrorlines pointtype 7 title columnheader(1), \
            for [i = blocks - 2 : blocks - 1] "$out/picture.tsv" index i using 1:2 with lines dashtype 2 title columnheader(1)
PLOT
    echo "$out/results.svg" >&2
fi
