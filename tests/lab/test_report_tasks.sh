#!/bin/bash
# ltm report of few-shot results: accuracy by length and depth, a curve a folder.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/../cli/cli.sh"
# shellcheck source=tests/lab/study.sh
. "$top/tests/lab/study.sh"

results() { # FOLDER ACCURACY: of a task whose items have 2, 4, 10 steps
    mkdir -p "$1"
    jq -n --argjson a "$2" '{results: {hops: {alias: "hops", "acc,none": $a, "chance,none": 0.25, "chance_stderr,none": "N/A", "optimum,none": 0.97,
        "acc@range=longer,none": 0.1, "depth,none": 2.5, "depth@length=2,none": 1.5, "depth@length=2_stderr,none": 0.25, "depth@length=10,none": 3, "acc@length=10,none": ($a / 2), "acc_stderr,none": 0.02, "acc@length=2,none": $a, "acc@length=2_stderr,none": 0.125,
        "acc@combination=<b>;depth=4,none": 0.5}, all: {"acc@length=2,none": 9}}, groups: {all: {}}, "n-shot": {hops: 0, all: 0}}' >"$1/results_hops_0shot.json"
}
results one 0.75 && results four 0.9 || exit 1

draws() {
    run "$LTM" report one four -o both.html
    [ "$code" = 0 ] && balanced both.html && grep -q '<h3>hops: accuracy by length</h3>' both.html && grep -q '<h3>hops: accuracy by depth</h3>' both.html &&
        tr -d '\n' <both.html | grep -q '<td class="text">four</td><td>2</td><td>0.9</td><td>0.12</td>.*<td class="text">four</td><td>10</td><td>0.45</td>' &&
        grep -q '<td class="text">chance</td><td>2</td><td>0.25</td>' both.html &&
        grep -q '<td class="text">optimum</td><td>10</td><td>0.97</td>' both.html || { cat out err; grep '<td' both.html; return 1; }
    ! command -v gnuplot >/dev/null || [ "$(ls both)" = "$(printf 'hops-by-depth.svg\nhops-by-length.svg\nhops-depth-by-length.svg')" ]
}
holds 'accuracy is drawn against length and depth, a curve a folder, with chance and the best possible' draws
loops() {
    grep -q '<td class="text">depth</td><td>2.5000</td>' both.html && grep -q '<h3>hops: loops by length</h3>' both.html &&
        tr -d '\n' <both.html | grep -q '<td class="text">four</td><td>2</td><td>1.5</td><td>0.25</td>.*<td class="text">four</td><td>10</td><td>3</td>' ||
        { grep depth both.html; return 1; }
}
holds 'and so are the loops of answers, where positions left them' loops
tells() {
    grep -q '<td class="text">acc@range=longer</td><td>0.1000</td>' both.html && grep -q 'one, combination=&lt;b&gt;' both.html &&
        lacks -q '<b>\|<td>9</td>' both.html
}
holds 'scores without a number have their table, names stay text, groups are left out' tells
alone() {
    run "$LTM" report one
    [ "$code" = 0 ] && [ -s one/report.html ] && grep -q '^one/report.html' out
}
holds 'one folder has its page' alone
of_a_study() { # seeds put together; a study without such columns has no such heading
    mkdir -p study && cat >study/results.csv <<'CSV'
cell,status,seed,model.loops,tokens,parameters,bound,hops:acc,hops:acc@hops=1,hops:acc@hops=1_stderr,hops:acc@hops=4,hops:chance
loops1-seed1,done,1,1,100,50,2,0.6,0.9,0.01,0.5,0.25
loops1-seed2,done,2,1,100,50,2,0.6,0.8,0.01,0.3,0.25
loops4-seed1,done,1,4,100,50,1,0.9,1,0,0.95,0.25
CSV
    run "$LTM" report study --resamples 0
    [ "$code" = 0 ] && balanced study/report.html && grep -q '<h3>hops: accuracy by hops</h3>' study/report.html &&
        tr -d '\n' <study/report.html | grep -q '<td class="text">loops1</td><td>1</td><td>0.85</td>.*<td class="text">loops1</td><td>4</td><td>0.4</td>.*<td class="text">loops4</td><td>4</td><td>0.95</td>' &&
        grep -q '<td class="text">chance</td><td>4</td><td>0.25</td>' study/report.html || { cat out err; grep '<td' study/report.html; return 1; }
    cut -d, -f1-8 study/results.csv >shorter && mv shorter study/results.csv && run "$LTM" report study --resamples 0 && lacks -q 'id="tasks"' study/report.html
}
holds 'a study that took tasks has the same pictures, a curve a cell' of_a_study
bad() {
    mkdir -p broken none && echo '{' >broken/results_x_0shot.json
    refused 1 'broken/results_x_0shot.json is not JSON written by ltm fewshot' "$LTM" report broken && [ ! -e broken/report.html ] &&
        refused 1 'none contains no results_\*.json of ltm fewshot -o, unlike the first folder' "$LTM" report one none -o x.html && [ ! -e x.html ]
}
holds 'what is broken or no results is refused by name' bad
finish
