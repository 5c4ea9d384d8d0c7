#!/bin/bash
# runs/memory.sh: corpora and settings have runs of their own, and paths are from where one stands. Its ltm here trains nothing.
# shellcheck disable=SC2154,SC2317
top_of_tests=$(dirname "$0")/..
command -v jq >/dev/null || exit 77
# shellcheck source=tests/cli/cli.sh
. "$top_of_tests/cli/cli.sh"
cat >ltm <<'END'
#!/bin/bash
# A stand-in for ltm: it writes down what it is asked to train.
case $1 in
inspect) echo '{"training_flops": 2, "configuration": {"run.tokens": 8, "model.sequence": 4}, "parameters": 1, "text_state_bytes": 1}' ;;
train)
    echo "$@" >>"$ASKED"
    for setting; do
        [[ $setting != run.dir=* ]] || run=${setting#*=}
    done
    mkdir -p "$run" && echo '{"heldout": 1, "tokens": 8, "bound": 1, "carried": 0}' >"$run/log.jsonl"
    for ((i = 0; i < 5000; i++)); do :; done # the script divides by its seconds
    ;;
esac
END
chmod +x ltm
mkdir -p here/a/corpus here/b/data/corpus
export ASKED=$PWD/asked
memory() { (cd here && LTM=../ltm OUT=out "$top/runs/memory.sh" "$@"); }

trained() { # COUNT PATTERN ARGUMENT…: so many runs are trained, all with the pattern
    rm -f asked
    memory "${@:3}" || return 1
    touch asked
    [ "$(wc -l <asked)" = "$1" ] && [ "$(grep -cF -- "$2" asked)" = "$1" ] && return
    cat asked
    return 1
}
holds 'a corpus where one stands' trained 5 "data.corpus=$PWD/here/a/corpus " a/corpus
holds 'the same again is not trained again' trained 0 '' ./a/corpus/
holds 'a corpus of the same name' trained 5 "data.corpus=$PWD/here/b/data/corpus " b/data/corpus
holds 'other settings' trained 5 ' run.seed=2 ' a/corpus run.seed=2
holds 'what is made stands in OUT' test -d here/out
finish
