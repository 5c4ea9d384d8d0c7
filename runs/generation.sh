#!/bin/bash
# What z says in generation: plain nano, nano with eight fitted latents and with streaming ones, three seeds each, on manual pages of
# which every fifth is held out. Diversity under one z and many, samples told apart by the page whose z they have, continuation, probes.
#
#     runs/generation.sh          half an hour on one core, most of it training; run again, it resumes. Wants jq
#     OUT=runs/generation         folder of pages, corpus, runs and results
#     SEEDS="1 2 3"               those that are trained
#     DATA=corpora/manpages/data  with manpages.txt and tokenizer.model, which corpora/manpages/build makes
#
# Tables are in diversity.txt, control.txt, continuation.txt and probe.txt of that folder.
set -euo pipefail
for path in OUT DATA; do [ -z "${!path:-}" ] || declare "$path=$(realpath -m -- "${!path}")"; done
[[ ${LTM:-} != */* ]] || LTM=$(realpath -m -- "$LTM")
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
DATA=${DATA:-corpora/manpages/data}
out=${OUT:-runs/generation}
mark='<|endoftext|>'
read -ra seeds <<<"${SEEDS:-1 2 3}"
mkdir -p "$out/samples" "$out/probe"

# ---- Pages, corpus, runs ----

# A page: its number, section, text, and body: the text without its first and last lines, which name the page and its section.
if [ ! -f "$out/pages.jsonl" ]; then
    jq -Rsc --arg mark "$mark"$'\n' 'split($mark) | to_entries[] | (.value | split("\n")) as $lines
        | {page: .key, section: ($lines[0] | capture("\\((?<s>[0-9])").s), text: .value,
           body: ($lines[2:] | join("\n") | sub("\n[^\n]+\n*$"; "\n"))}' "$DATA/manpages.txt" >"$out/pages.part"
    mv "$out/pages.part" "$out/pages.jsonl"
fi
if [ ! -f "$out/corpus/corpus.json" ]; then
    for split in train heldout; do
        jq -j --arg split $split --arg mark "$mark"$'\n' \
            'select((.page % 5 == 4) == ($split == "heldout")) | .text, $mark' "$out/pages.jsonl" >"$out/$split.txt"
    done
    "$LTM" corpus build -o "$out/corpus" --tokenizer "$DATA/tokenizer.model" --separator "$mark" \
        --heldout-files "$out/heldout.txt" "$out/train.txt"
fi
train() { # MODEL SEED
    local set=(runs/nano.ini)
    [ "$1" != plain ] || set+=(latent.count=0)
    [ "$1" != streaming ] || set=(runs/stream-nano.ini)
    [ -f "$out/$1-$2/done" ] || "$LTM" train "${set[@]}" data.corpus="$out/corpus" run.threads=1 run.precision=fp32 run.seed="$2" \
        run.dir="$out/$1-$2"
    touch "$out/$1-$2/done"
}
for seed in "${seeds[@]}"; do
    for model in plain fitted streaming; do train $model "$seed"; done
done

# ---- Diversity: 100 samples of 128 tokens, judged by the plain model, which is its own judge ----

once() { # FILE COMMAND…: its output, if the file is not there yet
    [ -s "$1" ] || { "${@:2}" >"$1.part" && mv "$1.part" "$1"; }
}

# The mean over seeds of each column, by the words before the first number.
over_seeds() {
    awk '{
        name = $1 FS $2
        if (!(name in count)) order[++names] = name
        count[name]++
        for (i = 3; i <= NF; i++) sum[name, i] += $i
        columns[name] = NF
    }
    END {
        for (n = 1; n <= names; n++) {
            printf "%-20s", order[n]
            for (i = 3; i <= columns[order[n]]; i++) printf " %8.3f", sum[order[n], i] / count[order[n]]
            print ""
        }
    }'
}

# What ltm generate says of samples, of texts on standard input, one of JSON a line.
text_statistics() {
    jq -r 'gsub("\\s+"; " ") | sub("^ "; "")' | awk '{
        split("", seen)
        for (n = 1; n <= 4; n++)
            for (i = 1; i + n - 1 <= NF; i++) {
                gram = $i
                for (k = 1; k < n; k++) gram = gram FS $(i + k)
                all[n]++
                if (!((n, gram) in met)) different[n]++
                met[n, gram]++
                if (n == 4 && seen[gram]++) again++
            }
    }
    END {
        for (key in met) if (split(key, part, SUBSEP) && part[1] == 1) { f = met[key] / all[1]; bits -= f * log(f) / log(2) }
        print different[1] / all[1], different[2] / all[2], different[4] / all[4], bits, 100 * again / all[4]
    }'
}

for seed in "${seeds[@]}"; do
    for temperature in 1 0.8; do
        for what in plain fitted streaming; do
            for z in each one mean; do
                [ $z = each ] || [ $what = fitted ] || continue
                file=$out/samples/$what-$z-$temperature-$seed.json
                once "$file" "$LTM" generate "$out/$what-$seed" --count 100 --length 128 --past-end --temperature $temperature \
                    --top-p 1 --z $z --threads 1 --judge "$out/plain-$seed" --json
                tail -n 1 "$file" | jq -r --arg what "$what-$z $temperature" '.statistics | [$what, .distinct[0], .distinct[1], .distinct[3],
                    .entropy_bits_per_word, 100 * .repeated_4_grams, .judge.bound.bits_per_byte.mean] | join(" ")'
            done
        done
    done
done | over_seeds >"$out/diversity.txt"
jq -nc 'limit(100; inputs | select(.page % 5 == 4).text[:450])' "$out/pages.jsonl" >"$out/first.jsonl"
for seed in "${seeds[@]}"; do # the first 100 held-out pages, as far as 128 tokens go
    once "$out/samples/first-$seed.jsonl" "$LTM" score "$out/plain-$seed" run.threads=1 \
        < <(jq -c '{context: "", continuation: .}' "$out/first.jsonl")
    echo "held-out pages $(text_statistics <"$out/first.jsonl")" \
        "$(jq -s --argjson bytes "$(jq -s 'map(utf8bytelength) | add' "$out/first.jsonl")" \
            '-(map(.logprob) | add) / (2 | log) / $bytes' "$out/samples/first-$seed.jsonl")"
done | over_seeds >>"$out/diversity.txt"

# ---- Control: two samples of 128 tokens for each held-out page with enough text ----

# A passage: the page's first 1,000 characters behind its title, the 450 that follow, and up to 2,000 of the rest.
jq -c 'select(.page % 5 == 4 and (.body | length) > 2050)
    | {page, prompt: .body[:1000], next: .body[1000:1450], rest: .body[1450:3450]}' "$out/pages.jsonl" >"$out/passages.jsonl"

# Words of the rest of each page, then of samples: is a sample likelier under the words of its own page than under those of another?
# Over pages: the share of other pages that it tells apart, and the same for the sample of a page half the list away in its place.
tell_pages() { # NAME FILE…: samples, in the order of the pages, two each
    {
        jq -r '"page " + (.rest | gsub("[^A-Za-z0-9_]+"; " "))' "$out/passages.jsonl"
        jq -r '"sample \(.sample / 2 | floor) " + (.text | gsub("[^A-Za-z0-9_]+"; " "))' "${@:2}"
    } | awk -v name="$1" '
        function wins(own,    p, n) {
            for (p = 0; p < pages; p++) n += p == own ? 0 : score[own] > score[p] ? 1 : score[own] == score[p] ? .5 : 0
            return n / (pages - 1)
        }
        $1 == "page" {
            for (i = 2; i <= NF; i++) count[pages, $i]++
            for (i = 2; i <= NF; i++) all[$i]++
            words += NF - 1
            size[pages++] = NF - 1
        }
        $1 == "sample" {
            page = $2
            for (p = 0; p < pages; p++) score[p] = -(NF - 2) * log(size[p] + 100)
            for (i = 3; i <= NF; i++) {
                prior = 100 * (all[$i] + .5) / (words + 1)
                for (p = 0; p < pages; p++) score[p] += log(count[p, $i] + prior)
            }
            own[page] += wins(page)
            other[page] += wins((page + int(pages / 2)) % pages)
            samples[page]++
        }
        END {
            for (p = 0; p < pages; p++) {
                mean += own[p] / samples[p] / pages
                squares += (own[p] / samples[p]) ^ 2 / pages
                control += other[p] / samples[p] / pages
            }
            printf "%-32s %.3f ± %.3f  %.3f\n", name, mean, sqrt((squares - mean ^ 2) / (pages - 1)), control
        }'
}

continue_pages() { # NAME MODEL option…: samples of all seeds, told apart
    local name=$1 model=$2 seed files=()
    for seed in "${seeds[@]}"; do
        files+=("$out/samples/control-${name// /-}-$seed.jsonl")
        once "${files[-1]}" "$LTM" generate "$out/$model-$seed" --prompts "$out/passages.jsonl" --count 2 --length 128 --past-end \
            --top-p 1 --threads 1 --json "${@:3}"
    done
    tell_pages "$name" "${files[@]}"
}
{
    tell_pages 'the page itself' <(jq -c '{sample: 0, text: .next}' "$out/passages.jsonl" | awk '{ sub(/0/, 2 * n++); print }')
    continue_pages 'plain, passage in the window' plain
    continue_pages 'fitted, passage in the window' fitted
    continue_pages 'streaming, passage in the window' streaming
    continue_pages 'fitted, z alone' fitted --z-only
    continue_pages 'fitted, z alone, 16 steps' fitted --z-only fast.steps=16
    continue_pages 'streaming, z alone' streaming --z-only
} >"$out/control.txt"

# ---- Continuation: second halves of the first 128 held-out sequences, nats a token ----

# Fitted: z of the first half, from the prior, 0; then bound, KL. Streaming: z moves, frozen; then all halves, of another, carried ± .
nats() { echo ".[0].$1.nats_per_token.mean"; }
for seed in "${seeds[@]}"; do
    for model in plain fitted streaming; do
        score=("$LTM" eval "$out/$model-$seed" "$out/corpus" eval.sequences=128 run.threads=1 --json)
        file=$out/$model-$seed.eval
        once "$file" "${score[@]}" eval.prior=4
        case $model in
        plain) echo "plain halves $(jq "$(nats continuation), $(nats bound)" "$file" | xargs)" ;;
        fitted)
            once "$file-0" "${score[@]}" eval.fast.steps=0 fast.init_logvar=-20 eval.samples=1 eval.iwae=0
            echo "fitted halves $(jq "$(nats continuation), $(nats continuation_prior)" "$file" | xargs)" \
                "$(jq "$(nats continuation)" "$file-0") $(jq "$(nats bound), $(nats kl)" "$file" | xargs)"
            ;;
        streaming)
            echo "streaming halves $(jq '.[0].parts[4:] | (map(.score) | add / 4), (map(.frozen) | add / 4)' "$file" | xargs)" \
                "$(jq "$(nats bound), $(nats others), .[0].carried.mean, .[0].carried.error" "$file" | xargs)"
            ;;
        esac
    done
done | over_seeds >"$out/continuation.txt"

# ---- Probes: a passage of each page, which does not name its section ----

for split in train heldout; do
    jq -sc --arg split $split 'sort_by(.page * 619 % 1009)[] | select((.page % 5 == 4) == ($split == "heldout") and (.body | length) > 1200)
        | (.page * 7919 % 1000 / 1000) as $place | ((.body | length) - 1000) as $last
        | {context: "", answer: .section, document: .body[($place * $last | floor):][:1000],
           factors: {section: .section, length: (.body | length | log2), place: $place}}' "$out/pages.jsonl" >"$out/probe/$split.jsonl"
done
printf '[task]\nname = pages\nkind = generate\nitems = heldout.jsonl\nshots = train.jsonl\n' >"$out/probe/task.ini"
for seed in "${seeds[@]}"; do
    for model in plain fitted streaming; do
        for order in '' --shuffled; do
            file=$out/$model-$seed.probe$order
            once "$file" "$LTM" probe "$out/$model-$seed" "$out/probe" run.threads=1 run.seed="$seed" --json ${order:+"$order"}
            jq -r --arg name "$model${order#-}" '.probes[] | "\($name) \(.place | gsub(" "; "-"))-\(.factor) \(.value) \(.stderr) \(.chance)"' "$file"
        done
    done
done | over_seeds >"$out/probe.txt"
cat "$out/"{diversity,control,continuation,probe}.txt
