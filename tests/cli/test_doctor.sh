#!/bin/bash
# ltm doctor: what it prints, in words and as JSON, and what it says of settings that make the machine slow.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
unset OPENBLAS_CORETYPE OMP_NUM_THREADS OMP_THREAD_LIMIT

in_words() {
    local what
    run "$LTM" doctor
    [ "$code" = 0 ] || { cat out err; return 1; }
    for what in '^ltm  .*commit .*built with [a-z]* [0-9]' '^system  ' '^processor  ' '^instructions  ' '^cores  ' '^memory  .* GB, available .* GB$' \
        '^memory bandwidth .* GB/s' '^OpenBLAS  .*OpenBLAS [0-9]' "^OpenBLAS's kernel " '^oneDNN  ' \
        '^fp32 products .*GFLOP/s with one thread.*results right' '^bf16 products '; do
        grep -q "$what" out || { echo "no line $what"; cat out; return 1; }
    done
    [ ! -s err ] && tail -n 1 out | grep -qE '^(All is well\.|note: .+|advice: .+)$'
}
holds 'doctor shows the machine, its speed and what is wrong' in_words

as_json() {
    run "$LTM" doctor --json --threads 1
    [ "$code" = 0 ] && jq -e '(.commit | test("^([0-9a-f]{12}[+]?|unknown)$")) and (.flags | length) > 100 and
        (.compiler | length) > 4 and .cores >= 1 and .threads == 1 and .memory_available_bytes > 0 and .fp32.correct and
        .fp32.one_thread_flops > 1e8 and .bandwidth_all_threads > 1e7 and (.findings | type) == "array"' out
}
holds 'the same as JSON' as_json

# Settings are the user's: they stay, and doctor says what they cost.
advice() { # pattern, then settings
    local pattern=$1
    shift
    run env "$@" "$LTM" doctor
    [ "$code" = 0 ] && grep -q "^advice: .*$pattern" out || { cat out err; return 1; }
}
holds 'threads that are too many are told of' advice 'OMP_NUM_THREADS=5000' OMP_NUM_THREADS=5000
if grep -qw avx2 /proc/cpuinfo && [ "$("$LTM" doctor --json | jq -r .openblas_kernel)" != Prescott ]; then
    holds 'a slow OPENBLAS_CORETYPE is told of' advice 'OPENBLAS_CORETYPE=Nehalem asks for a slower' OPENBLAS_CORETYPE=Nehalem
    holds 'so is one that names no kernel' advice 'OPENBLAS_CORETYPE=Unheard names a' OPENBLAS_CORETYPE=Unheard
fi
one_core() {
    run taskset -c 0 "$LTM" doctor --threads 2
    [ "$code" = 0 ] && grep -q '^advice: 2 threads are requested, but only 1 core can be used' out || { cat out err; return 1; }
}
taskset -c 0 true 2>/dev/null && holds 'so are cores that are too few' one_core

# How training would scale, from given speeds: what is foretold must follow from them.
cat >wide.ini <<'INI'
[model]
dim = 256
layers = 4
vocab = 2048
[slow]
batch = 32
group = 1
[run]
threads = 2
INI
scaling() { run "$LTM" doctor --scaling wide.ini --speed 100G "$@"; }
in_a_table() {
    scaling --machines 1,8,64
    [ "$code" = 0 ] && grep -q '^machines .* T_fast ' out && grep -qE '^ +8 .* %' out || { cat out err; return 1; }
    grep -qE '^ +64 +- ' out # more than groups
}
holds 'doctor --scaling foretells a step on several machines' in_a_table
sent_and_time() { # 4 P (n - 1)/n bytes for each part and once for the weights; a slower network costs time, no bytes
    scaling --json --machines 1,4 --bandwidth 10G
    cp out fast
    scaling --json --machines 1,4 --bandwidth 100M
    jq -es '(.[0].parameters * 4 * 3 / 4) as $away | .[0].rows[1] as $fast | .[1].rows[1] as $slow |
        ($fast.sent_bytes_per_step - 9 * $away | fabs) < 1e-4 * $away and .[0].rows[0].sent_bytes_per_step == 0 and
        $slow.sent_bytes_per_step == $fast.sent_bytes_per_step and $slow.step_seconds > 2 * $fast.step_seconds and
        $fast.efficiency <= 1 and $fast.compute_seconds * 4 <= .[0].rows[0].compute_seconds * 1.0001 and
        $fast.memory_bytes < .[0].rows[0].memory_bytes' fast out
}
holds 'what is sent follows from the parameters, and time from the network' sent_and_time
holds 'a speed without a number is refused' refused 2 'takes operations per second' "$LTM" doctor --scaling wide.ini --speed fast
holds 'machines that are no numbers are refused' refused 1 'machines takes' "$LTM" doctor --scaling wide.ini --machines 8,x
vocab_unknown() { refused 1 'set a number' "$LTM" doctor --scaling wide.ini model.vocab=auto && [ ! -s out ]; }
vocab_of_corpus() { # as if it were set
    mkdir -p named
    local split='{"documents": 1, "tokens": 9, "bytes": 9, "shards": []}'
    echo "{\"format\": 1, \"vocab\": 777, \"tokenizer_digest\": \"\", \"train\": $split, \"heldout\": $split}" >named/corpus.json
    scaling --json model.vocab=777 && jq .parameters out >given && scaling --json model.vocab=auto data.corpus=named &&
        [ "$(jq .parameters out)" = "$(cat given)" ] || { cat out err; return 1; }
}
holds 'the vocabulary is that of the corpus which the configuration names' vocab_of_corpus
holds 'an unknown vocabulary is refused before anything is printed' vocab_unknown

holds 'an argument too many is refused' refused 2 'unexpected argument' "$LTM" doctor here
holds 'no threads are refused' refused 2 'threads' "$LTM" doctor --threads 0
finish
