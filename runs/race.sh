#!/bin/bash
# make race: held-out bits a byte against seconds of training on this machine, of one contestant after the other, each on all threads.
#
#     runs/race.sh [CONTESTANT…]     all of them, or: latents plain published base pytorch
#     RACE_SECONDS=600               how long each trains; scoring is not counted, alike for all
#     RACE_CORPUS=corpora/kjv        a recipe's folder (built where there is no data/corpus in it), or a corpus
#     RACE_THREADS=…                 threads; as many as there are cores
#     RACE_PRECISION=fp32            of ltm's products (run.precision); PyTorch's are in fp32
#     RACE_PRESET=runs/nano.ini      the latent model, from which the others have their size
#     RACE_BASE=…/build/ltm          an older ltm to race against: the plain twin of its own runs/nano.ini
#     RACE_PYTHON=…                  the python3 that has torch, where it is not the first or Debian's
#     RACE_OUT=runs/race/…           where race.md, race.csv and race.svg go, and the runs
#
# Stopped, the same command goes on. A contestant that is done is kept until its settings change. All that RACE_OUT holds stands in the
# table: race for 200 seconds, then for 600, and it says whether the short race of one reached what the long one of another did.
set -euo pipefail
cd "$(dirname "$0")/.."
LTM=${LTM:-build/ltm}
seconds=${RACE_SECONDS:-600}
corpus=${RACE_CORPUS:-corpora/kjv}
threads=${RACE_THREADS:-$(nproc)}
precision=${RACE_PRECISION:-fp32}
preset=${RACE_PRESET:-runs/nano.ini}
out=${RACE_OUT:-runs/race/$(basename "$corpus")-$threads-$precision}
factor=
scores=24     # points of a curve
sequences=128 # held-out ones that are scored, spread evenly

# What a preset does not say. The plain decoder: the optimiser and schedule that runs/README.md found best for one.
plain=(--twin parameters slow.optimizer=muon slow.schedule=wsd)
# The published program's batch of 512 sequences is for a server; rate and warm-up for batches of 8 are those of runs/README.md.
published=(model.vocab=auto slow.lr=0.005 slow.lr_min=auto slow.warmup=30)
# PyTorch's three sizes, each with the three rates of which a twentieth of the time chooses.
pytorch=('dim=64 layers=2 heads=2 batch=8 lr=0.0015,0.003,0.006'
         'dim=128 layers=4 heads=4 batch=8 lr=0.001,0.002,0.004'
         'dim=256 layers=4 heads=8 batch=8 lr=0.0005,0.001,0.002')

stop() { echo "race: $*" >&2; exit 1; }
say() { printf '\n%s\n' "$*" >&2; }

# ltm's keys as section.key=value: of ltm train ARGUMENT….
keys() { "$@" --dry-run | awk '/^\[/ { section = substr($1, 2, length($1) - 2) } sub(/ = /, "=") { print section "." $0 }'; }
# From the lines of keys, those of a list of names.
only() { local IFS='|'; grep -E "^($*)="; }

# begin NAME SETTINGS: its curve is still to be made in $dir. What other settings made is removed.
begin() {
    dir=$out/$1-$seconds
    [ "$2" = "$(cat "$dir.settings" 2>/dev/null)" ] || rm -rf "$dir" "$dir".{csv,tokens,rates,log}
    echo "$2" >"$dir.settings"
    [ ! -e "$dir.csv" ] || { say "$1: has raced before, kept in $dir.csv"; return 1; }
    [ -n "$factor" ] || learn_scale
    say "$1: $seconds s of training on $threads threads"
}

# One slow step of a plain decoder, whose score says how many bits a byte a nat a token is, and its run which kernel ltm took of OpenBLAS.
learn_scale() {
    { "$LTM" train "$preset" latent.count=0 "${common[@]}" slow.batch=1 run.tokens=1 run.eval_sequences=1 run.dir="$scratch/run" &&
        "$LTM" eval "$scratch/run" "$corpus" eval.sequences=$sequences eval.samples=1 eval.iwae=0 eval.continuation=0 --json \
            >"$scratch/json"; } >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; stop "$preset does not train on $corpus"; }
    factor=$(jq '.[0].bound | .bits_per_byte.mean / .nats_per_token.mean' "$scratch/json")
    kernel=$(jq -r .openblas_kernel "$scratch/run/machine.json")
}

# finish NAME PROGRAM LOG: the scores of a log.jsonl. Programs from before this race counted scoring as training: that time is taken out.
finish() {
    jq -nr --arg name "$1" --arg program "$2" --argjson race "$seconds" --argjson factor "$factor" '
        foreach inputs as $line ({waited: 0, at: 0};
            .score = if $line.heldout then .at - .waited else null end |
            if $line.heldout then .waited += $line.seconds - .at else . end | .at = $line.seconds;
            select(.score != null and $line.bound != null) |
            [$name, $program, $race, $line.tokens, .score, $factor * ([$line.bound, $line.ema_bound // $line.bound] | min)] | @csv)
        ' "$3" >"$dir.part"
    mv "$dir.part" "$dir.csv"
}

# a_step and tokens that fill the time: from one slow step, then from as many as take 3 % of it.
calibrate() {
    local calibration=$scratch/calibration share
    a_step=1 tokens=1
    for share in .03 1; do
        rm -rf "$calibration"
        "$@" run.dir="$calibration" run.tokens="$tokens" run.eval_every=0 run.eval_sequences=1 >"$calibration.log" 2>&1 ||
            { cat "$calibration.log" >&2; stop "the contestant cannot train"; }
        read -r a_step tokens < <(jq -nr --argjson fill "$share" --argjson race "$seconds" '
            [inputs | select(.heldout | not)] | last | (.tokens / .step) as $step |
            "\($step) \($step * ([1, ($race * $fill * .step / .seconds | round)] | max))"' "$calibration/log.jsonl")
    done
}

# race NAME PROGRAM ARGUMENT…: one of ltm.
race() {
    local name=$1 settings every command
    shift
    command=("$1" train "${@:2}" "${common[@]}")
    settings=$(keys "${command[@]}") || stop "$name: ltm refuses its settings"
    begin "$name" "$settings" || return 0
    if [ ! -e "$dir.tokens" ]; then
        calibrate "${command[@]}"
        echo "$a_step $tokens" >"$dir.tokens"
    fi
    read -r a_step tokens <"$dir.tokens"
    every=$(((tokens / a_step + scores - 1) / scores))
    "${command[@]}" run.dir="$dir" run.tokens="$tokens" run.eval_every=$every run.checkpoint_every=$every >&2
    finish "$name" "ltm $(jq -r .commit "$dir/machine.json")" "$dir/log.jsonl"
}

# try_pytorch LOG SETTING…: with the kernel of OpenBLAS that ltm takes, and with memory kept from step to step. By glibc's defaults each
# large tensor is new memory of the system, whose page faults take six times as long as all else.
try_pytorch() {
    OPENBLAS_CORETYPE=$kernel MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592 \
        "$python" runs/race_pytorch.py "$corpus" "$@" threads="$threads" sequence="$length" heldout=$sequences
}

race_pytorch() {
    local python version size name rate best
    for python in ${RACE_PYTHON:-python3 /usr/bin/python3}; do
        version=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) && break
    done
    [ -n "$version" ] || { say 'pytorch: left out: python3-torch is not installed'; return 0; }
    for size in "${pytorch[@]}"; do
        name=pytorch-$(sed -E 's/dim=([0-9]+) layers=([0-9]+).*/\1x\2/' <<<"$size")
        begin "$name" "$size, $seconds s, $threads threads, $sequences sequences of $length tokens of $corpus" || continue
        for rate in $(tr , ' ' <<<"${size##*=}"); do
            # shellcheck disable=SC2086 # a list of words
            try_pytorch "$scratch/rate" ${size% *} lr="$rate" seconds="$(jq -n "$seconds / 20")" scores=1 || continue
            echo "$(jq -n '[inputs.bound | numbers] | last' "$scratch/rate") $rate"
        done | sort -g >"$dir.rates"
        read -r _ best <"$dir.rates" || stop "PyTorch's decoder does not train"
        # shellcheck disable=SC2086 # a list of words
        try_pytorch "$dir.log" ${size% *} lr="$best" seconds="$seconds" scores=$scores
        finish "$name" "PyTorch $version at rate $best" "$dir.log"
    done
}

# ---- The text, and what all are measured by ----

command -v "$LTM" >/dev/null || stop "$LTM is not there; build it with make, or name it with LTM=…"
for program in jq awk; do command -v $program >/dev/null || stop "the program $program is not there"; done
[ $# -gt 0 ] || set -- latents plain published base pytorch
for name; do
    [[ " latents plain published base pytorch " == *" $name "* ]] ||
        stop "there is no contestant $name; there are latents, plain, published, base, pytorch"
done
[[ $seconds =~ ^[0-9]+$ && $seconds -gt 0 ]] || stop "RACE_SECONDS=$seconds is no whole number of seconds"
if [ ! -e "$corpus/corpus.json" ]; then
    [ -e "$corpus/data/corpus/corpus.json" ] || { [ -x "$corpus/build" ] && LTM=$(realpath "$LTM") "$corpus/build"; } ||
        stop "RACE_CORPUS=$corpus is neither a corpus nor the folder of a recipe"
    corpus=$corpus/data/corpus
fi
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
common=(data.corpus="$corpus" run.threads="$threads" run.precision="$precision" run.eval_sequences="$sequences")

shape=$(keys "$LTM" train "$preset" | only model.dim model.layers model.heads model.sequence model.window latent.count slow.batch)
length=$(only model.sequence <<<"$shape" | cut -d= -f2)

# ---- The race ----

# shellcheck disable=SC2086 # the shape is a list of words
for name; do
    case $name in
    latents) race latents "$LTM" "$preset" ;;
    plain) race plain "$LTM" "$preset" "${plain[@]}" ;;
    published) race published "$LTM" runs/published.ini $shape "${published[@]}" ;;
    base) [ -z "${RACE_BASE:-}" ] || race base "$RACE_BASE" "$(dirname "$RACE_BASE")/../runs/nano.ini" --twin parameters ;;
    pytorch) race_pytorch ;;
    esac
done

# ---- What came of it ----

ls "$out"/*-*.csv >"$scratch/curves" 2>/dev/null || stop 'nobody has raced'
{ echo '"contestant","program","race_seconds","tokens","seconds","bits_per_byte"'; cat "$out"/*-*.csv; } >"$out/race.csv"
{
    echo "Held-out bits a byte of $corpus: $sequences sequences of $length tokens. $threads threads, ltm's products in $precision."
    echo
    awk -F, -v plots="$scratch/plots" -v out="$out" '
        NR > 1 {
            gsub(/"/, "")
            run = $1 " " $3
            if (!(run in points)) order[++runs] = run
            k = ++points[run]
            called[run] = $1; program[run] = $2; race[run] = $3; tokens[run] = $4; time[run, k] = $5; bits[run, k] = last[run] = $6
            if (k == 1 || $6 < least[run]) least[run] = $6
        }
        # The least seconds in which a contestant came to a score, between its scores by a straight line.
        function reach(who, score,    i, k, run, t, soonest) {
            for (i = 1; i <= runs; i++) {
                run = order[i]
                if (shown[run] != who) continue
                for (k = 1; k <= points[run] && bits[run, k] > score; k++);
                if (k > points[run]) continue
                t = time[run, k]
                if (k > 1) t -= (t - time[run, k - 1]) * (score - bits[run, k]) / (bits[run, k - 1] - bits[run, k])
                if (soonest == "" || t < soonest) soonest = t
            }
            return soonest == "" ? "–" : sprintf("%.3g", soonest)
        }
        END {
            print "| contestant | program | race, s | trained for, s | tokens | bits a byte at the end | lowest |"
            print "|---|---|---|---|---|---|---|"
            for (i = 1; i <= runs; i++) {
                run = order[i]
                printf "| %s | %s | %s | %.1f | %.0f | %.4f | %.4f |\n", called[run], program[run], race[run],
                    time[run, points[run]], tokens[run], last[run], least[run]
                torch = called[run] ~ /^pytorch-/
                shown[run] = torch ? "pytorch" : called[run]
                if (!torch) continue
                other = best[race[run]]
                if (other == "" || least[run] < least[other]) { best[race[run]] = run; shown[other] = "" } else shown[run] = ""
            }
            printf "\nSeconds of training in which each came to the lowest of the others (pytorch: the best of its sizes):\n\n| "
            for (i = 1; i <= runs; i++) if (shown[order[i]] && !seen[shown[order[i]]]++) name[++names] = shown[order[i]]
            for (j = 1; j <= names; j++) printf "| %s ", name[j]
            printf "|\n|---"
            for (j = 1; j <= names; j++) printf "|---"
            print "|"
            for (i = 1; i <= runs; i++) {
                run = order[i]
                if (!shown[run]) continue
                printf "| %s, %s s: %.4f ", called[run], race[run], least[run]
                for (j = 1; j <= names; j++) printf "| %s ", reach(name[j], least[run])
                print "|"
                printf "%s\"%s/%s-%s.csv\" using 5:6 with linespoints pointsize .5 title \"%s, %s s\"", comma, out,
                    called[run], race[run], called[run], race[run] >plots
                comma = ", "
            }
        }' "$out/race.csv"
} >"$out/race.md"
cat "$out/race.md"
if command -v gnuplot >/dev/null; then
    gnuplot -d - <<PLOT
        set terminal svg size 760,400 font "sans-serif,12" background "white" enhanced
        set output "$out/race.svg"
        set datafile separator ","
        set logscale x
        set grid
        set xlabel "seconds of training, $threads threads"
        set ylabel "held-out bits a byte"
        plot $(cat "$scratch/plots")
PLOT
    say "$out/race.svg, race.md, race.csv"
else
    say "$out/race.md, race.csv; no picture: gnuplot is not installed"
fi
