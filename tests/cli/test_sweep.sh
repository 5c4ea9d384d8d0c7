#!/bin/bash
# Studies as a user meets them: cells and their table, studies that grow, and what is wrong with some.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
cat >study.ini <<INI
[study]
base = tiny.ini
[budget]
tokens = 2k
[axes]
latent.count = 0 2
fast.steps = 1..2      # which matters only with latents
model.ffn_multiple = 32
[scores]
eval.sequences = 4
eval.iwae = 2
INI
sweep=("$LTM" sweep study.ini run.precision=fp32)

column() { # file column: its values
    awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print $at }' "$1"
}

dry_run() {
    run "${sweep[@]}" --dry-run
    [ "$code" = 0 ] && [ "$(grep -c ' waiting ' out)" = 3 ] && grep -q '3 cells, 0 done, 3 to do: .* operations' err &&
        grep -qE 'at once with 1 thread each: about ([0-9]+ s|[0-9:]+), if cells' err && [ ! -e runs ] || { cat out err; return 1; }
    "${sweep[@]}" --dry-run --json 2>err | grep -q '"training_flops":'
}
holds 'a dry run says how many, how much and how long, and writes nothing' dry_run

whole() {
    run "${sweep[@]}" study.dir=whole
    [ "$code" = 0 ] && grep -q '^3 of 3 cells done: whole/results.csv$' out || { cat out err; return 1; }
    [ "$(column whole/results.csv status | sort -u)" = 'done' ] && [ "$(column whole/results.csv fast.steps | tr '\n' ,)" = ,1,2, ] &&
        [ "$(column whole/results.csv latent_numbers | tr '\n' ,)" = 0,32,32, ] &&
        ! column whole/results.csv bound_stderr | grep -qvE '^0\.[0-9]+$' && [ "$(wc -l <whole/timings.csv)" = 4 ]
}
holds 'a study trains and scores its cells; those without latents are one' whole

single() { # one sequence has no standard error
    run "${sweep[@]}" study.dir=single axes.latent.count=2 axes.fast.steps=1 scores.eval.sequences=1 run.eval_sequences=1
    [ "$code" = 0 ] && grep -qE 'done: bound [0-9.]+ nats a token$' err && lacks -i nan err
}
holds 'of one sequence the score alone is told' single

# What a cell's row says is what ltm eval says of its run.
scored_as_eval() {
    "$LTM" eval whole/cells/latents2-steps2-ffn_multiple32-tokens2k-seed1 corpus eval.sequences=4 eval.iwae=2 run.threads=1 \
        --json >out 2>err
    awk '/"bound"/ { getline; getline; sub(/.*: /, ""); sub(/,/, ""); printf "%.6f\n", $0 }' out >eval.bound
    column whole/results.csv bound | tail -n 1 | xargs printf '%.6f\n' >sweep.bound
    cmp eval.bound sweep.bound
}
holds 'scores are those of ltm eval' scored_as_eval

paired() { # differences come sequence by sequence: those of the report are those of the cells' tables
    local each=(whole/cells/*/scores.csv)
    run "$LTM" report whole --resamples 0
    [ "$code" = 0 ] && grep -q 'Errors of differences are paired' whole/report.html && grep -q 'Errors are paired' whole/report.html || { cat err; return 1; }
    awk 'BEGIN { while ((getline line < "whole/results.csv") > 0) {
            n = split(line, field, ",")
            if (!at) { for (i = 1; i <= n; i++) if (field[i] == "bound") at = i } else mean[field[1]] = field[at] } }
        FNR == 1 { cell = FILENAME; sub(/.*cells./, "", cell); sub(/.scores.csv/, "", cell)
            split($0, field, ","); for (i in field) if (field[i] == "bound") bound = i; next }
        { split($0, field, ","); x[cell, FNR] = field[bound]; t[FNR] = field[2]; sum[cell] += field[bound]; all[cell] += field[2]; rows = FNR }
        END { for (c in mean) { if (!best || mean[c] < mean[best]) best = c
                d = sum[c] / all[c] - mean[c]; if (d * d > 1e-14) { print c, sum[c] / all[c], mean[c]; exit 1 } }
            for (c in mean) if (c != best) {
                s = 0
                for (r = 2; r <= rows; r++) { d = x[c, r] - x[best, r] - (mean[c] - mean[best]) * t[r]; s += d * d }
                printf "%.4f ± %.4f\n", mean[c] - mean[best], sqrt((rows - 1) / (rows - 2) * s) / all[c] } }' FS=, "${each[@]}" >differences &&
        [ "$(wc -l <differences)" = 2 ] || { cat differences; return 1; }
    while read -r line; do grep -q "<td>$line</td>" whole/report.html || { echo "no $line"; grep '<td>' whole/report.html; return 1; }; done <differences
}
holds 'differences of cells that scored the same sequences have paired errors' paired

named() { # a variant's settings stay what they were
    local variants=("${sweep[@]}" study.dir=named axes.latent.count=0 axes.fast.steps=1 variants.plain=)
    run "${variants[@]}" variants.loops=model.loops=2
    [ "$code" = 0 ] && [ "$(column named/results.csv study.variant | tr '\n' ,)" = plain,loops, ] &&
        [ -e named/cells/variant-loops-latents0-ffn_multiple32-tokens2k-seed1/result.json ] || { cat out err; return 1; }
    run "${variants[@]}" variants.loops=model.loops=2 axes.study.variant=loops --dry-run
    [ "$code" = 0 ] && grep -q variant-loops out && lacks -q variant-plain out || { cat out err; return 1; }
    refused 1 'began with the variant loops = model.loops=2; restore it' "${variants[@]}" variants.loops=model.loops=3 &&
        run "${variants[@]}" variants.loops=model.loops=2 variants.deep=model.layers=2 && grep -q '^3 of 3 cells done' out
}
holds 'variants are cells by name, may be added to, and do not change' named

headroom() { # bound with the window less bound with full attention, of equal tokens and of equal compute
    run "${sweep[@]}" study.dir=room study.twin=attention budget.tokens=20k axes.latent.count=0 axes.fast.steps=1
    [ "$code" = 0 ] && [ "$(column room/results.csv status | grep -c 'done')" = 3 ] || { cat err; return 1; }
    column room/results.csv bound >bounds
    awk 'NR == 1 { windowed = $1 } NR > 1 { printf "%.9f\n", windowed - $1 }' bounds >expected
    { column room/results.csv headroom_tokens; column room/results.csv headroom_compute; } | awk 'NF { printf "%.9f\n", $1 }' | cmp - expected &&
        [ "$(column room/results.csv headroom_tokens_stderr | grep -cE '^[0-9.e-]+$')" = 1 ] || return 1
    run "$LTM" report room --resamples 0
    [ "$code" = 0 ] && grep -q '<h2 id="headroom">' room/report.html &&
        grep -qE 'full attention gains little|latents may too|undecided' room/report.html || { cat err; return 1; }
    run "$LTM" report room/cells/latents0-*-tokens20k-seed1 --output room/two.html
    [ "$code" = 0 ] && grep -q 'Headroom, .*window8-.* less .*window32-' room/two.html || { cat err; return 1; }
}
holds 'a study with the twin of full attention says the headroom' headroom

grows() {
    run "${sweep[@]}" study.dir=whole axes.latent.count="0 2 4" axes.fast.steps=1
    [ "$code" = 0 ] && grep -q '3 cells, 2 done, 1 to do' err && grep -q 'at the speed of finished cells' err &&
        [ "$(column whole/results.csv latent_numbers | tr '\n' ,)" = 0,32,64, ]
}
holds 'values may be added to axes: what is done is not repeated' grows
rescored() {
    run "${sweep[@]}" study.dir=whole scores.eval.prior=2 scores.corpus.again=corpus
    [ "$code" = 0 ] && [ -n "$(column whole/results.csv prior | tail -n 1)" ] &&
        [ "$(column whole/results.csv bound)" = "$(column whole/results.csv again:bound)" ] &&
        [ "$(cat whole/cells/latents0*/log.jsonl | grep -c '"step":1,')" = 1 ]
}
holds 'other scores are taken of the cells as they are' rescored
printf '[task]\nname = order\nkind = pairs\nitems = order.jsonl\n' >order.ini
printf '{"good": "the and of %s", "bad": "of the %s and"}\n' he he sha sha un un ra ra >order.jsonl
asked() {
    local shots="scores.fewshot.tasks=order.ini scores.fewshot.limit=3"
    # shellcheck disable=SC2086 # a list of words
    run "${sweep[@]}" study.dir=whole $shots
    [ "$code" = 0 ] && ! column whole/results.csv order:acc | grep -qvE '^(0|1|0\.[36]+7?)$' &&
        [ -n "$(column whole/results.csv order:acc_stderr | tail -n 1)" ] || { cat out err; return 1; }
    "$LTM" fewshot whole/cells/latents2-steps2-*-seed1 order.ini --limit 3 --json run.threads=1 >out 2>err &&
        grep -q "\"acc,none\": $(column whole/results.csv order:acc | tail -n 1 | cut -c 1-6)" out || { cat out; return 1; }
    refused 1 'did you mean fewshot.tasks' "${sweep[@]}" scores.fewshot.task=order.ini || return 1
    run "${sweep[@]}" study.dir=whole scores.fewshot.tasks=missing.ini
    [ "$code" = 1 ] && grep -q '^ltm: .*missing.ini' err
}
holds 'few-shot tasks are scores as ltm fewshot takes them' asked
other_study() {
    run "$LTM" sweep study.ini study.dir=whole model.dim=32 run.precision=fp32
    [ "$code" = 1 ] && grep -q '^ltm: the study in whole began with model.dim = 16 in its base, now it is 32' err || return 1
    run "${sweep[@]}" study.dir=whole axes.slow.lr=0.1
    [ "$code" = 1 ] && grep -q '^ltm: .* began with other axes' err
}
holds 'another study is refused in a folder' other_study

wrong() {
    refused 1 'there is no key model.dims; did you mean model.dim' "${sweep[@]}" axes.model.dims=16 &&
        refused 1 'there is no key study.seed; did you mean study.seeds' "${sweep[@]}" study.seed=1 &&
        refused 1 'there is no key fast.stepps; did you mean' "${sweep[@]}" fast.stepps=1 &&
        refused 1 'latent.count has no value' "${sweep[@]}" axes.latent.count= &&
        refused 1 'latent.count = "x" is not' "${sweep[@]}" axes.latent.count="0 x" &&
        refused 1 'run.seed is not an axis; set it as study.seeds' "${sweep[@]}" axes.run.seed="1 2" &&
        refused 1 'the cell latents3-.* is not possible: .*latent.count = 3' "${sweep[@]}" axes.latent.count=3 model.layers=2 &&
        refused 1 'there is no file missing.ini, which study.base of study.ini names' "${sweep[@]}" study.base=missing.ini &&
        refused 1 'the corpus missing does not exist' "${sweep[@]}" data.corpus=missing &&
        refused 1 'has no cell latents2' "${sweep[@]}" --cell latents2 &&
        refused 1 'cannot read missing.ini' "$LTM" sweep missing.ini &&
        refused 2 'name a study' "$LTM" sweep &&
        refused 2 'not "3/2"' "${sweep[@]}" --shard 3/2 &&
        refused 2 'is not of the form' "${sweep[@]}" model.dim
}
holds 'what is wrong is said in a sentence' wrong
wrong_lines() {
    printf '[study]\nbase = tiny.ini\n[axis]\nmodel.dim = 16\n' >bad.ini
    refused 1 'bad.ini, line 4: .*did you mean \[axes\]' "$LTM" sweep bad.ini || return 1
    printf '[axes]\nmodel.dim = 16\n' >bad.ini
    refused 1 'bad.ini has no base' "$LTM" sweep bad.ini
}
holds 'with the line of the file' wrong_lines

finish
