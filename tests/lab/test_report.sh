#!/bin/bash
# The page of a study: well-formed, complete, asking nobody for anything, whatever the study's files hold.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/../cli/cli.sh"
# shellcheck source=tests/lab/study.sh
. "$top/tests/lab/study.sh"
write_study study || exit 1
drawn() { command -v gnuplot >/dev/null; }

made() {
    run "$LTM" report study --resamples 20 --json
    cp out report.json
    [ "$code" = 0 ] && jq -e '.cells_done == 33 and .cells == 35' out || { cat out err; return 1; }
}
holds 'a study has a report' made
page_is_balanced() { balanced study/report.html; }
depths() {
    local bins='[{"from":0,"tokens":3,"depth":2},{"from":1,"tokens":2,"depth":3}]'
    printf '[{"corpus":"<b>","settings":{"eval.exit_kl":"0.1"},"loops":4,"depth":2.5,"bound":{"nats_per_token":{"mean":4,"error":0.1},
        "bits_per_byte":null},"depth_by_surprise":%s,"depth_by_position":%s}, {"corpus":7, "settings":[]}]' "$bins" "$bins" >depth.json
    run "$LTM" report depth.json --json
    [ "$code" = 0 ] && balanced depth.html && grep -q '&lt;b&gt;' depth.html && grep -q 'eval.exit_kl=0.1' depth.html || { cat err; return 1; }
    ! drawn || { jq -e '.pictures == 3' out && balanced depth/depth-by-surprise.svg; } || return 1
    cp depth.json scores && run "$LTM" report scores && balanced scores-report.html # scores.html would have its pictures in a folder `scores`
}
holds 'scores with depths have a page' depths
no_depths() {
    echo '[{"corpus":"a"}]' >shallow.json
    refused 1 'shallow.json contains no scores with depths' "$LTM" report shallow.json && [ ! -e shallow.html ] &&
        refused 1 'study/results.csv contains no scores with depths' "$LTM" report study/results.csv
}
holds 'a file of something else has none' no_depths
holds 'its tags are balanced, its ids are there once' page_is_balanced
svg_is_well_formed() {
    drawn || return 0
    local picture
    for picture in study/report/*.svg; do
        balanced "$picture" && lacks -q '"white"\|"black"\|rgb(' "$picture" && grep -q '<title ' "$picture" &&
            grep -q 'prefers-color-scheme: dark' "$picture" || { echo "$picture"; return 1; }
        ! command -v xmllint >/dev/null || xmllint --noout "$picture" || return 1
    done
}
holds 'its pictures are well-formed SVG in the colours of both schemes, with a title' svg_is_well_formed
all_pictures() {
    drawn || return 0
    local name
    for name in bound-frontier bound-by-tokens bound-by-parameters-budget1 bound-by-latents-budget2 bound-by-steps-budget2 \
        bound-difference-budget1 continuation-frontier residuals iso-compute training cell1-loss; do
        [ -s "study/report/$name.svg" ] && grep -q "aria-labelledby=\"$name-t " study/report.html || { echo "no $name"; return 1; }
    done
    [ "$(find study/report -name '*.svg' | wc -l)" = "$(jq .pictures report.json)" ] &&
        [ "$(grep -o '<svg' study/report.html | wc -l)" = "$(jq .pictures report.json)" ]
}
holds 'every picture is on the page and beside it' all_pictures
each_has_a_table() { [ "$(grep -c '^<figure>' study/report.html)" = "$(grep -c 'The same as a table' study/report.html)" ]; }
holds 'every picture has its points as a table' each_has_a_table
asks_nobody() {
    lacks -oE '(src|href|action|data|poster) *= *"[^"#][^"]*"' study/report.html && lacks -q '<script\|<link\|<iframe\|@import\|url(' study/report.html &&
        [ "$(grep -oE 'https?:' study/report.html | wc -l)" = "$(grep -o 'xmlns="http://www.w3.org/2000/svg"' study/report.html | wc -l)" ]
}
holds 'the page asks nobody for anything' asks_nobody
escapes() {
    lacks -q '<script>\|<img\|<b>' study/report.html && grep -q '&lt;script&gt;alert(1)' study/report.html &&
        grep -q 'odd, &lt;b&gt;&quot;acc&quot;' study/report.html
}
holds 'names out of files stay text' escapes
answers() {
    [ "$(jq -r '.answers | length' report.json)" != 0 ] || jq -e '.no_fit | contains("liblbfgs-dev")' report.json || return 1
    jq -e '.answers | length == 0' report.json >/dev/null || grep -q 'FLOPs of training: .* parameters' study/report.html
}
holds 'the page says what the budget buys, or why it cannot' answers
same_again() {
    cp study/report.html before.html
    "$LTM" report study --resamples 20 >/dev/null 2>&1 && cmp before.html study/report.html
}
holds 'the same study gives the same page to the byte' same_again
variants() { # figures are those of each variant's own run; without it none, and not those of base.ini
    cp -r study named && sed 's/^cell,/study.variant,cell,/; 2,$s/^/plain,/; 2,9s/^plain/looped/' study/results.csv |
        sed -E '1s/latent.count/latent.size/' >named/results.csv && printf '[latent]\ncount = 77\n' >named/base.ini || return 1
    run "$LTM" report named --resamples 20 --json
    [ "$code" = 0 ] && jq -e '.no_fit | startswith("the cells are variants (study.variant)")' out && lacks -q '77 latents' named/report.html &&
        grep -qE '<dt>its variant</dt><dd>(plain|looped)<' named/report.html || { cat out err; return 1; }
    local cell
    while read -r cell; do
        mkdir -p "named/cells/$cell" && printf '[latent]\ncount = 5\n' >"named/cells/$cell/config.ini"
    done < <(awk -F , '$2 ~ /^dim[0-9a-z-]*$/ { print $2 }' named/results.csv)
    run "$LTM" report named --resamples 20
    [ "$code" = 0 ] && grep -q '<dt>its latents</dt><dd>5 latents<' named/report.html && lacks -q '77 latents' named/report.html
}
holds 'variants have the figures of their own runs and no scaling law' variants
corpora_apart() { # cells of several corpora do not compare: pictures of each; and those of an earlier page go
    drawn || return 0
    cp -r study two
    touch two/report/earlier.svg two/report/notes.txt
    awk -F, -v OFS=, 'NR == 1 { print $0, "data.corpus" } NR > 1 { print $0, NR % 2 ? "corpora/a" : "corpora/b" }' study/results.csv >two/results.csv
    run "$LTM" report two --resamples 0
    [ "$code" = 0 ] && [ -s two/report/bound-frontier-corpus1.svg ] && [ -s two/report/bound-by-latents-corpus2-budget1.svg ] &&
        [ ! -e two/report/bound-frontier.svg ] && [ ! -e two/report/earlier.svg ] && [ -e two/report/notes.txt ] &&
        grep -q 'Bound against training compute, corpora/b' two/report.html || { cat out err; ls two/report; return 1; }
}
holds 'a study of several corpora has pictures of each' corpora_apart
beyond_axes() { # numbers that no picture holds are left out of it, and the page says so; whole decades stay
    mkdir -p extreme
    awk -F, -v OFS=, '
        BEGIN { split("fast.steps,tokens,parameters,training_flops,bound", column); split("1e308,-1e308,1e-320", value) }
        NR == 1 { for (i = 1; i <= NF; i++) for (k in column) if ($i == column[k]) at[k] = i }
        NR > 1 && NR % 2 { $(at[int(NR / 2) % 5 + 1]) = value[int(NR / 2) % 3 + 1] }
        { print }' study/results.csv >extreme/results.csv
    run "$LTM" report extreme --resamples 0
    [ "$code" = 0 ] && balanced extreme/report.html && grep -q 'points are left out of the picture' extreme/report.html || { cat err; return 1; }
}
holds 'numbers beyond all axes are left out of pictures, which say so' beyond_axes
run_beyond_axes() {
    mkdir -p wild
    printf '{"step":1,"tokens":1e308,"loss":1e308}\n{"step":2,"tokens":-1e308,"loss":-1e308}\n{"step":3,"tokens":1e-320,"loss":1e100,"grad_norm":1e-320}\n' >wild/log.jsonl
    run "$LTM" report wild
    [ "$code" = 0 ] && grep -q '2 points are left out of the picture' wild/report.html && grep -q '1 point is left out' wild/report.html
}
holds "as a run's are" run_beyond_axes
names_with_digits() { # behind a sign that gnuplot is told by its number, digits are digits
    drawn || return 0
    mkdir -p signs
    { echo 'cell,status,latent.count,model.dim,parameters,training_flops,"loss(4x)=1e+18"'
      for i in 1 2 3 4; do echo "c$i,done,$((4 * (i % 2))),8,$((1000 * i)),${i}e17,$((9 - i))"; done; } >signs/results.csv
    run "$LTM" report signs --resamples 0 --score 'loss(4x)=1e+18'
    [ "$code" = 0 ] && grep -q '>2e+17<' signs/report/*.svg && grep -q '>loss(4x)=1e+18<' signs/report/*.svg
}
holds 'exponents, brackets and equals signs in pictures read as they are' names_with_digits
any_axis() { # a picture an axis, numbers or choices; keys that go together are one; scores say their unit
    mkdir -p axes
    awk 'BEGIN {
        print "cell,status,slow.lr,slow.optimizer,model.layers,model.heads,tokens,parameters,latent_numbers,training_flops,bound,bound_stderr"
        split("adamw muon", name, " ")
        for (o = 1; o <= 2; o++) for (k = 1; k <= 3; k++) for (l = 1; l <= 2; l++)
            printf "c%d%d%d,done,%g,%s,%d,%d,1000,500,0,1e6,%g,.01\n", o, k, l, .001 * 4 ^ k, name[o], l, 2 * l, 3 - .1 * o - .2 * l + .05 * (k - 2) ^ 2
    }' >axes/results.csv
    run "$LTM" report axes --resamples 0
    [ "$code" = 0 ] && balanced axes/report.html && [ "$(grep -c '<h3>Bound against' axes/report.html)" = 3 ] &&
        grep -q 'bound, nats a token' axes/report.html && grep -q '<td class="text">muon</td>' axes/report.html &&
        grep -q 'the cells differ in model.layers\.' axes/report.html || { cat out err; grep '<h3>' axes/report.html; return 1; }
    drawn || return 0
    [ "$(ls axes/report)" = "$(printf 'bound-by-%s.svg\n' model-layers slow-lr slow-optimizer)" ] && grep -q '>adamw<' axes/report/bound-by-slow-optimizer.svg
}
holds 'any axis of a study has its picture and table' any_axis
alone() { # one cell is one point
    mkdir -p alone && sed -n 1,2p axes/results.csv >alone/results.csv
    run "$LTM" report alone
    [ "$code" = 0 ] && [ "$(grep -c '^<figure>' alone/report.html)" = 1 ] || { cat out err; return 1; }
}
holds 'a single cell is drawn too' alone
hostile_names() { # in gnuplot's script, the pictures and the page they are text: no end of a string, command or element
    mkdir -p hostile
    local -a name=("'\"\`touch ran\`" "'; system('touch ran'); '" $'a\nsystem("touch ran")' 'END]]></style><svg onload=alert(1)>' \
        "\\'\\n\\" "$(printf 'é%.0s' {1..200})" $'\xff\xc3')
    local i each column='' value='' scores=()
    for each in "${name[@]}"; do
        column+=",\"${each//\"/\"\"}\""
        value+=,0.5
        scores+=(--score "$each")
    done
    { echo "cell,status,latent.count,model.dim,parameters,data.corpus$column"
      for i in 1 2 3; do echo "\"$i\"\"'\`touch ran\`\",done,$i,8,$((1000 * i)),\"corpus'\`touch ran\`$((i / 3))\"$value"; done; } >hostile/results.csv
    run "$LTM" report hostile --resamples 0 "${scores[@]:0:8}"
    [ "$code" = 0 ] || { cat err; return 1; }
    run "$LTM" report hostile --resamples 0 "${scores[@]:8}" -o other.html
    [ "$code" = 0 ] && [ ! -e ran ] && balanced hostile/report.html && balanced other.html &&
        lacks -q '<svg onload' hostile/report.html other.html || { cat err; return 1; }
    drawn || return 0
    lacks -l ']]>' hostile/report/*.svg other/*.svg && iconv -f UTF-8 -t UTF-8 other/*.svg >/dev/null || return 1
    ! command -v xmllint >/dev/null || xmllint --noout hostile/report/*.svg other/*.svg
}
holds 'hostile names of scores, corpora and cells are only text' hostile_names
without_gnuplot() {
    mkdir -p empty
    run env PATH="$PWD/empty" "$LTM" report study -o plain.html --resamples 0
    [ "$code" = 0 ] && grep -q 'without pictures: install gnuplot' out && grep -q 'gnuplot was not found' plain.html &&
        lacks -q '<svg' plain.html && grep -q 'The same as a table' plain.html && balanced plain.html && [ ! -e plain ]
}
holds 'without gnuplot there are tables, and how to get pictures' without_gnuplot
finish
