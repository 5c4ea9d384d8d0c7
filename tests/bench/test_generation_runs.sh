#!/bin/bash
# runs/generation.sh: what its tables make of samples. Its ltm here trains nothing: it writes what follows a passage on its page, or,
# where z alone is given, words of no page.
# shellcheck disable=SC2154,SC2317
top_of_tests=$(dirname "$0")/..
command -v jq >/dev/null || exit 77
# shellcheck source=tests/cli/cli.sh
. "$top_of_tests/cli/cli.sh"
cat >ltm <<'END'
#!/bin/bash
# A stand-in for ltm.
nats() { echo "\"$1\": {\"nats_per_token\": {\"mean\": $2}}"; }
case $1 in
corpus) mkdir -p "$4" && touch "$4/corpus.json" ;;
train) for setting; do [[ $setting != run.dir=* ]] || { mkdir -p "${setting#*=}" && echo "$setting" >>"$ASKED"; }; done ;;
score) jq -c '{logprob: -(.continuation | length), tokens: 9}' ;;
eval) echo "[{$(nats bound 3), $(nats kl 1), $(nats others 4), $(nats continuation 2), $(nats continuation_prior 5),
    \"carried\": {\"mean\": 1, \"error\": 0.5}, \"parts\": $(jq -nc '[range(8) | {score: ., frozen: (. + 1)}]')}]" ;;
probe) echo '{"probes": [{"factor": "section", "place": "mu 1", "value": 0.5, "stderr": 0.1, "chance": 0.25}]}' ;;
generate)
    case "$*" in
    *--z-only*) jq -c '("none at all ", "of them ") | {text: .}' "$4" ;;
    *--prompts*) jq -c '(.next, .next) | {text: .}' "$4" ;;
    *) echo '{"statistics": {"distinct": [1, 2, 3, 4], "entropy_bits_per_word": 5, "repeated_4_grams": 0.06,
        "judge": {"bound": {"bits_per_byte": {"mean": 7}}}}}' | jq -c . ;;
    esac | jq -sc 'to_entries[] | if .value.text then {sample: .key, text: .value.text} else .value end'
    ;;
esac
END
chmod +x ltm
awk 'BEGIN {
    for (page = 0; page < 100; page++) {
        if (page) print "<|endoftext|>"
        print "p" page "(" 1 + page % 3 ") Manual p" page "(1)\n"
        for (i = 0; i < 400; i++) printf "%s%s", i % 3 ? "word" page * i % 7 : "own" page, i % 9 ? " " : "\n"
        print "\n\nMade up p" page "(1)"
    }
}' >manpages.txt
export ASKED=$PWD/asked
study() { SEEDS=${SEEDS:-1 2} LTM=./ltm OUT=out DATA=. "$top/runs/generation.sh"; }

tables() {
    study >all && [ "$(grep -c run.dir asked)" = 6 ] && [ "$(cat out/{diversity,control,continuation,probe}.txt)" = "$(cat all)" ] || return 1
    grep -qE '^fitted-one 0.8 +1.000 +2.000 +4.000 +5.000 +6.000 +7.000$' all && grep -qE '^held-out pages .* 1.443$' all || return 1
    grep -qE '^the page itself +0.9[0-9]+ ± 0.0[0-9]+ +0.[45][0-9]+$' all && grep -qE '^plain, passage in the window +0.9[0-9]+ ± 0.0[0-9]+ +0.[45][0-9]+$' all &&
        grep -qE '^fitted, z alone +0.[45][0-9]+ ± 0.[0-9]+ +0.[45][0-9]+$' all || return 1
    grep -qE '^fitted halves +2.000 +5.000 +2.000 +3.000 +1.000$' all && grep -qE '^streaming halves +5.500 +6.500 +3.000 +4.000 +1.000 +0.500$' all &&
        grep -qE '^fitted-shuffled mu-1-section +0.500 +0.100 +0.250$' all
}
holds 'tables' tables
again() { cp asked before && SEEDS=1 study >out/again && cmp asked before; }
holds 'run again, it trains nothing' again
finish
