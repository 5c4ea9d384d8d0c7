# What the tests of the command line share; each sources this file. Tells what held in TAP.
# shellcheck shell=bash disable=SC2034

set -u
LTM=${LTM:-$(realpath build/ltm)}
top=$PWD
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ltm-cli.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
unset NO_COLOR
tests=0 failures=0

# holds NAME COMMAND…: the command succeeds.
holds() {
    local name=$1
    shift
    tests=$((tests + 1))
    if "$@" >holds.out 2>&1; then
        echo "ok $tests - $name"
    else
        echo "not ok $tests - $name"
        sed 's/^/# /' holds.out
        failures=$((failures + 1))
    fi
}

# run COMMAND…: its output in `out` and `err`, its exit code in $code.
run() {
    code=0
    "$@" >out 2>err || code=$?
}

# refused CODE PATTERN COMMAND…: ends with CODE, says one line that has PATTERN, and prints no result.
refused() {
    local want=$1 pattern=$2
    shift 2
    run "$@"
    # Messages of a command that came some way (settings, progress) stand before the last line.
    [ "$code" = "$want" ] && tail -n 1 err | grep -qE -- "$pattern" && [ "$(grep -c '^ltm' err)" = 1 ] && [ ! -s out ] && return
    echo "$* ended with $code, not $want; it should say: $pattern; it said:"
    cat err out
    return 1
}

# differ FILE FILE: both are there, and not the same; ! cmp holds where one is missing, too.
differ() {
    cmp -s "$1" "$2"
    [ $? = 1 ]
}

# lacks ARGUMENT…: what grep is to search is there, and has no such line; ! grep holds where it is missing, too.
lacks() {
    grep "$@"
    [ $? = 1 ]
}

finish() {
    echo "1..$tests"
    [ $failures = 0 ] && [ $tests -gt 0 ]
    exit
}

write_ini() {
    cat >tiny.ini <<INI
[model]
dim = 16
layers = 1
heads = 2
sequence = 32
window = 8
[latent]
count = 2
[fast]
steps = 2
[slow]
batch = 8
warmup = 2
[data]
corpus = corpus
[run]
tokens = 2k
threads = 1
eval_every = 4
eval_sequences = 8
checkpoint_every = 4
INI
}

# A corpus of made-up words, its tokenizer, and tiny.ini: a model that trains in a second.
small_corpus() {
    write_ini
    awk 'BEGIN {
        srand(7)
        n = split("the and of to that in he sha ll un for hi s a th ey be ra men ka lo su ti go", syllable)
        for (i = 0; i < 300; i++)
            for (j = 0; j < 3; j++) word[i] = word[i] syllable[1 + int(rand() * n)]
        for (d = 0; d < 60; d++) {
            if (d) print "---"
            for (s = 0; s < 20; s++) {
                line = ""
                for (i = 0; i < 12; i++) line = line word[int(rand() * rand() * 300)] " "
                print line "."
            }
        }
    }' >text.txt
    "$LTM" tokenizer train -o tok.model --vocab-size 320 --separator --- text.txt >out 2>err &&
        "$LTM" corpus build -o corpus --tokenizer tok.model --separator --- --heldout 0.1 text.txt >out 2>err
}
