#!/bin/bash
# ltm report as a user meets it.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
# shellcheck source=tests/lab/study.sh
. "$top/tests/lab/study.sh"
write_study study && small_corpus || exit 1

after_training() {
    run "$LTM" train tiny.ini run.dir=run
    cp err trained
    [ "$code" = 0 ] && [ -s run/report.html ] && grep -q 'best held-out bound' run/report.html && grep -q 'slow.batch' run/report.html &&
        balanced run/report.html && ! grep -q 'no report' err || { cat out err; return 1; }
    ! command -v gnuplot >/dev/null || [ "$(grep -o '<svg' run/report.html | wc -l)" = 6 ]
}
holds 'a run that ends has its report' after_training
averaged() { # slow.ema: the average's bound beside that of the weights
    run "$LTM" train tiny.ini run.dir=averaged slow.ema=0.5
    [ "$code" = 0 ] && grep -q 'averaged weights' averaged/report.html && balanced averaged/report.html || { cat out err; return 1; }
    run "$LTM" inspect averaged
    grep -q '^last_heldout .* ema_bound [0-9]' out && { ! jq -se 'map(select(.heldout)) | min_by([.bound, .ema_bound] | min) |
        .ema_bound < .bound' averaged/log.jsonl || { grep -q '^best_averaged  *yes' out &&
        grep -q 'best held-out bound, of averaged weights' averaged/report.html; }; } || { cat out; return 1; }
    # What is kept by sequence are the scores of the best, be it the average or not.
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "bound") at = i; next } { sum += $at; tokens += $2 }
        END { printf "%.15g\n", sum / tokens }' averaged/sequences.csv >kept
    jq -se --slurpfile kept kept 'map(select(.heldout) | [.bound, .ema_bound] | min) | min / $kept[0] - 1 | fabs < 1e-7' averaged/log.jsonl || { cat kept; return 1; }
}
holds "where slow.ema averages weights, the average's bound is told" averaged
never_in_the_way() {
    cp -r run other && rm -rf other/report.html && mkdir other/report.html
    run "$LTM" train tiny.ini run.dir=other
    [ "$code" = 0 ] && grep -q 'no report: ' err && grep -q 'best held-out bound' out
}
holds 'a report that cannot be written fails no training' never_in_the_way
of_a_run() {
    run "$LTM" report run -o elsewhere.html
    [ "$code" = 0 ] && grep -q '^elsewhere.html' out && cmp elsewhere.html run/report.html &&
        { ! command -v gnuplot >/dev/null || [ -s elsewhere/loss.svg ]; }
}
holds 'a report goes where -o says, its pictures beside it' of_a_run
bits() { # of the bytes that were scored, as ltm eval counts them
    grep -q '<dt>bits a byte</dt><dd>[0-9.]*</dd>' run/report.html && "$LTM" eval run corpus eval.sequences=8 --json >eval.json 2>err || return 1
    jq -se --slurpfile e eval.json 'map(select(.heldout)) | min_by(.bound) | (.bits_per_byte / .bound) /
        ([$e[0] | .. | objects | select(has("bits_per_byte")) | .bits_per_byte.mean / .nats_per_token.mean] | .[0]) - 1 | fabs < 1e-7' run/log.jsonl || { cat eval.json; return 1; }
    grep -q 'step 8 of 8: held-out bound .* nats a token, [0-9.]* bits a byte' trained
}
holds 'bits a byte stand beside nats a token' bits
several() { # in one picture; what differs; differences of the same sequences
    run "$LTM" train tiny.ini run.dir=faster slow.lr=0.01
    run "$LTM" report run faster averaged -o three.html
    [ "$code" = 0 ] && balanced three.html && grep -q '<td class="text">slow.lr</td><td class="text">[0-9.e-]*</td><td class="text">0.01</td>' three.html &&
        grep -q '<td class="text">slow.ema</td>' three.html && lacks -q '<td class="text">slow.batch</td>' three.html &&
        grep -q 'Errors of differences are paired' three.html || { cat out err; return 1; }
    ! command -v gnuplot >/dev/null || [ "$(ls three)" = "$(printf 'bound.svg\nloss.svg')" ] || return 1
    { ! jq -se 'map(select(.heldout)) | min_by([.bound, .ema_bound] | min) | .ema_bound < .bound' averaged/log.jsonl >out ||
        grep -q '<td class="text">averaged</td><td>[0-9.]*</td>' three.html; } || { echo 'an average has an error'; return 1; }
    rm faster/sequences.csv
    run "$LTM" report run faster && [ -s comparison.html ] && grep -q ' \*</td>' comparison.html || return 1
    mkdir a b c && cp -r run a && cp -r run b && cp -r run c && run "$LTM" report a/run b/run c/run -o named.html
    [ "$(grep -o '<td class="text">[abc]/run</td>' named.html | sort -u | wc -l)" = 3 ] || { echo 'names'; return 1; }
    refused 2 'work only with one study' "$LTM" report run faster --resamples 5 && refused 1 'study contains no log.jsonl of a run' "$LTM" report run study
}
holds 'several runs are compared on one page' several
cut_log() {
    mkdir -p cut && head -c 700 run/log.jsonl >cut/log.jsonl
    run "$LTM" report cut
    [ "$code" = 0 ] && [ -s cut/report.html ]
}
holds 'a run that was cut in mid-line has a report' cut_log
scores() {
    run "$LTM" report study --score continuation --budget 1e12 --budget 3e13 --resamples 0 --json
    [ "$code" = 0 ] && grep -q 'id="continuation-frontier-t"\|gnuplot was not found' study/report.html && lacks -q 'bound-frontier' study/report.html &&
        jq -e '(.answers | length == 2 and .[1].budget_flops == 3e13) or (.no_fit | length > 0)' out
}
holds 'scores and budgets are as asked' scores
no_advice() { # of a law that says nothing
    mkdir -p constant
    { echo 'cell,status,latent.count,fast.steps,parameters,tokens,latent_numbers,training_flops,bound'
      for i in 1 2 3 4 5 6 7 8; do echo "c$i,done,$((2 * i)),2,1000,5000,$((16 * i)),1e9,2.0$((i * 7 % 5))"; done; } >constant/results.csv
    run "$LTM" report constant --resamples 5
    [ "$code" = 0 ] && grep -q '^no advice: the law is a constant\|without liblbfgs' out && balanced constant/report.html || { cat out err; return 1; }
}
holds 'a law that is a constant gives no advice' no_advice
no_file_is_left() { ! find . -name '*.tmp' | grep .; }
holds 'no half-written file is left' no_file_is_left

mkdir empty && mkdir -p broken/cells && printf 'cell,status,parameters,tokens,bound\na,done,1\n' >broken/results.csv
mkdir few && printf 'cell,status,parameters,tokens,latent_numbers,bound\na,done,10,5,0,2\nb,done,20,5,0,1.9\n' >few/results.csv
few_cells() {
    run "$LTM" report few
    [ "$code" = 0 ] && grep -q '^no scaling law: .*needs at least 4 runs\|without liblbfgs' out && balanced few/report.html
}
holds 'too few cells for a fit are said to be' few_cells
holds 'a folder that is neither is refused' refused 1 'neither results.csv of a study, nor log.jsonl of a run' "$LTM" report empty
holds 'a folder that is not there is refused' refused 1 'is not a folder' "$LTM" report nowhere
holds 'a broken table is refused with its line' refused 1 'results.csv, line 2: 3 fields' "$LTM" report broken
holds 'an unknown score is refused with the nearest' refused 1 'did you mean "continuation"' "$LTM" report study --score continuatoin
holds 'nothing to report on is refused' refused 2 'name the folder' "$LTM" report
holds 'a budget that is no number is refused' refused 2 '--budget' "$LTM" report study --budget much
holds 'an unknown option is refused' refused 2 'no option' "$LTM" report --colour study
nothing_was_replaced() { [ ! -e broken/report.html ] && [ ! -e empty/report.html ]; }
holds 'a refused report leaves no page' nothing_was_replaced
finish
