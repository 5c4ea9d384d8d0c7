#!/bin/bash
# ltm fit: tables as others write them give the law that they were made with; what is left out is counted.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/../cli/cli.sh"
"$LTM" fit --help >out && grep -q -- '--parameters COLUMN' out || exit 1
printf 'N,D,loss\n1e6,1e7,3\n2e6,1e7,2.9\n4e6,1e7,2.8\n1e6,2e7,2.9\n2e6,2e7,2.8\n4e6,2e7,2.7\n8e6,4e7,2.6\n' >few.csv
"$LTM" fit few.csv --resamples 0 2>err >out || { grep -q liblbfgs err && echo 1..0 && exit 77; }

# The law of arXiv 2404.10102 over sizes and token counts near those of its points.
law() { # what to print of N, D and the loss, in awk
    awk 'BEGIN { for (n = 5e7; n < 2e10; n *= 2.3) for (d = 8e8; d < 4e11; d *= 2.9) {
        l = 1.81722 + 477.826 / n ^ .34731 + 2143.42 / d ^ .36717
        '"$1"'
    } }'
}
recovered() { # options of ltm fit
    run "$LTM" fit "$@" --resamples 0 --json
    [ "$code" = 0 ] && jq -e '.constants | (.E.value - 1.81722 | fabs) < 2e-5 and (.A.value / 477.826 - 1 | fabs) < 1e-3 and
        (.B.value / 2143.42 - 1 | fabs) < 1e-3 and (.["α"].value - .34731 | fabs) < 2e-5 and (.["β"].value - .36717 | fabs) < 2e-5' out ||
        { cat out err; return 1; }
}
plain() {
    { echo 'Model Size,Training Tokens,loss'; law 'printf "%.0f,%.0f,%.12f\n", n, d, l'; } >plain.csv
    recovered plain.csv && recovered plain.csv --parameters 'Model Size' --tokens training_tokens --loss loss
}
holds 'the published law comes back' plain
foreign() { # a byte-order mark, CRLF, semicolons, points between thousands, decimal commas
    { printf '\xEF\xBB\xBFparams;tokens;val_loss\r\n'; law 'N = sprintf("%.0f", n)
        while (match(N, /[0-9][0-9][0-9][0-9]($|\.)/)) N = substr(N, 1, RSTART) "." substr(N, RSTART + 1)
        L = sprintf("%.12f", l); sub(/\./, ",", L); printf "%s;%.0f;%s\r\n", N, d, L'; } >foreign.csv
    grep -q '^[0-9]*\.[0-9]*\.[0-9]*;.*;[0-9]*,' foreign.csv && recovered foreign.csv
}
holds 'so it does from semicolons, decimal commas and thousands' foreign
quoted() { # commas between thousands within quotes, units, blanks
    { echo 'run,"n_params",tokens (B),"Val Loss"'; law 'printf "r,\"%.6f B\",%.9fB,%.12f\n", n / 1e9, d / 1e9, l'; } >quoted.csv
    recovered quoted.csv --tokens 'tokens (B)' || return 1
    { echo 'params,tokens,loss'; law "N = sprintf(\"%.0f\", n)
        while (match(N, /[0-9][0-9][0-9][0-9](\$|,)/)) N = substr(N, 1, RSTART) \",\" substr(N, RSTART + 1)
        printf \"\\\"%s\\\",%.0f,%.12f\\n\", N, d, l"; } >thousands.csv
    grep -q '^"[0-9]*,[0-9]*,' thousands.csv && recovered thousands.csv
}
holds 'and from commas within quotes and units' quoted
dropped() {
    { cat plain.csv; printf 'x,1e9,2\n1e9,,2\n1e9,1e10,nan\n1e9,1e10,-1\n'; } >more.csv
    recovered more.csv && jq -e '.dropped == 4' out && "$LTM" fit more.csv --resamples 0 >out &&
        grep -q '; 4 rows with missing numbers skipped$' out && grep -q '^β = 0.3671' out
}
holds 'rows without all numbers are counted' dropped
budget() {
    run "$LTM" fit plain.csv --resamples 30 --budget 1e21 --json # Chinchilla's G (C / 6)^a
    [ "$code" = 0 ] && jq -e '.answers[0] | .budget_flops == 1e21 and .parameters.value > 1e9 and .parameters.value < 1e10 and
        (.parameters.low <= .parameters.value)' out || { cat out err; return 1; }
    run "$LTM" fit plain.csv --resamples 0 --budget 1e40 --budget 1e21 --json # one has no answer
    [ "$code" = 0 ] && jq -e '(.answers | length == 1) and .answers[0].budget_flops == 1e21 and (.no_answer | length > 0)' out || { cat out err; return 1; }
}
holds 'a budget is divided' budget
beyond() { # the closed form's, three times the largest size away
    run "$LTM" fit plain.csv --resamples 30 --budget 5.88e23 --json
    [ "$code" = 0 ] && jq -e '.answers[0] | .extrapolates and (.parameters.value / 73.9e9 - 1 | fabs) < .01 and
        (.tokens.value / 1.326e12 - 1 | fabs) < .01 and (.words | contains("This extrapolates"))' out || { cat out err; return 1; }
}
holds 'beyond the runs it is divided as the law says, which is said' beyond
looped() { # φ comes back within its interval from N and N_rec, and from N_once and N_rec; the columns of ltm sweep need no name
    awk 'BEGIN { srand(7); print "n_once,parameters_recurrent,loops,N,D,loss"; for (w = 64; w <= 256; w *= 2) for (r = 1; r <= 9; r *= 3) for (d = 5e5; d < 5e6; d *= 3) {
        once = 2048 * w + 24 * w * w; again = 24 * w * w; printf("%d,%d,%d,%d,%d,%.9f\n", once, again * (r > 1), r, once + again, d,
        (1.5 + 300 / (once + r ^ .46 * again) ^ .45 + 800 / d ^ .5) * exp(.002 * (rand() - .5))) } }' >looped.csv
    run "$LTM" fit looped.csv --resamples 30 --budget 1e13 --json
    [ "$code" = 0 ] && jq -e '.constants["φ"] | .value > .4 and .value < .52 and .low < .46 and .high > .46' out &&
        jq -e '(.candidates | length == 2) and (.answers[0].words | contains(" loops"))' out || { cat out err; return 1; }
    jq '.constants | map_values(.value)' out >named
    awk -F, -v OFS=, 'NR > 1 && $2 == 0 { $1 = $4 } { print $1, $2, $3, $5, $6 }' looped.csv | sed '1s/.*/head,body,times,D,loss/' >apart.csv
    run "$LTM" fit apart.csv --once head --recurrent body --loops times --resamples 0 --json
    [ "$code" = 0 ] && jq '.constants | map_values(.value)' out | cmp - named || { cat out err; return 1; }
    "$LTM" fit apart.csv --once head --recurrent body --loops times --resamples 0 >out && grep -q '^error of E + A / (N_once + r^φ N_rec)^α' out
}
holds 'what loops run again counts r^φ times' looped
unlooped() { # models that are all core have no parameters that run once; a run without loops may leave their columns blank
    awk -F, -v OFS=, 'NR > 1 && $2 > 0 { $2 = $4; $1 = 0 } NR > 1 && $2 == 0 { $1 = $4 } { print $1, $2, $3, $5, $6 }' looped.csv |
        sed '1s/.*/head,body,times,D,loss/' >core.csv
    run "$LTM" fit core.csv --once head --recurrent body --loops times --resamples 0 --json
    [ "$code" = 0 ] && jq -e '.dropped == 0' out || { cat out err; return 1; }
    awk -F, -v OFS=, '$2 == 0 { $2 = $3 = "" } { print }' looped.csv >blank.csv
    printf '1,5000,,6000,1e6,3\n1,,4,6000,1e6,3\n' >>blank.csv # of loops half is said
    grep -q ',,' blank.csv && "$LTM" fit looped.csv --parameters N --resamples 0 --json >full &&
        run "$LTM" fit blank.csv --resamples 0 --json && [ "$code" = 0 ] && jq -e '.dropped == 2' out &&
        jq .constants full >named && jq .constants out | cmp - named || { cat out err; return 1; }
    run "$LTM" fit blank.csv --recurrent parameters_recurrent --loops loops --resamples 0 --json
    [ "$code" = 0 ] && jq -e '.dropped == 11' out # asked for, they must be there
}
holds 'without parameters that run once, or without loops' unlooped
holds 'loops without what they run' refused 1 'name its column with --recurrent' "$LTM" fit plain.csv --loops 'Model Size'
holds 'N twice' refused 1 '--once and --parameters both give N' "$LTM" fit looped.csv --once N --parameters N
holds 'no column of such a name' refused 1 'no column "parms"; did you mean params; it has: params, tokens, loss' \
    "$LTM" fit thousands.csv --parameters parms
printf 'a,b,c\n1,2,3\n' >abc.csv
holds 'no column known by its name' refused 1 'name its column with --loss; columns are: a, b, c' "$LTM" fit abc.csv
holds 'too few runs' refused 1 'needs at least 4 runs' bash -c "head -n 4 plain.csv >four.csv; '$LTM' fit four.csv"
holds 'no table' refused 1 'nothing.csv' "$LTM" fit nothing.csv
holds 'a second table' refused 2 'one table at a time' "$LTM" fit plain.csv plain.csv
finish
