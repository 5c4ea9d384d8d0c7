#!/bin/bash
# 64 threads, however few cores there are: the results of one, to the byte.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
printf '[task]\nname = words\nformat = gsm8k\nitems = words.jsonl\nshots = words.jsonl\nlength = 4\n' >words.ini
for i in $(seq 70); do echo "{\"question\": \"$i and $i?\", \"answer\": \"so #### $((2 * i))\"}"; done >words.jsonl

weights() { # the model's data: its header tells threads and folder
    local header
    header=$(od -An -t u8 -N 8 "$1/checkpoints/last/model.safetensors")
    tail -c "+$((header + 9))" "$1/checkpoints/last/model.safetensors"
}
log() { sed -E 's/"(seconds|tokens_per_second|utilisation)":[^,}]*//g' "$1/log.jsonl"; }

trained() { # threads, folder, precision
    run "$LTM" train tiny.ini slow.batch=64 slow.group=1 run.tokens=8k run.eval_sequences=64 run.threads="$1" \
        run.dir="$2" run.precision="$3"
    [ "$code" = 0 ] || { cat err; return 1; }
}
same_run() { # precision
    trained 1 "one-$1" "$1" || { grep -q "run.precision = $1 is not possible" err; return; }
    trained 64 "many-$1" "$1" && diff <(log "one-$1") <(log "many-$1") &&
        cmp "one-$1/checkpoints/last/optimizer.safetensors" "many-$1/checkpoints/last/optimizer.safetensors" &&
        cmp <(weights "one-$1") <(weights "many-$1")
}
holds 'train in fp32' same_run fp32
holds 'train in bf16, where the machine has it' same_run bf16

same() { # a command that prints with {} for the number of threads
    "${@//\{\}/1}" >first 2>err && "${@//\{\}/64}" >second 2>err && sed -i '/"seconds"/d' first second &&
        [ -s first ] && diff first second || { cat err; return 1; }
}
holds 'eval' same "$LTM" eval one-fp32 corpus run.threads={} eval.prior=2 --json
within_memory() { # a thread without work would clear memory of its own: 4096 of them have gigabytes
    ! grep -q __asan_init "$LTM" && ! grep -q __tsan_init "$LTM" || return 0 # these reserve more than any limit
    (ulimit -v 4000000 && "$LTM" eval one-fp32 corpus run.threads=4096 >out 2>err) || { cat err; return 1; }
}
holds 'eval with more threads than there is work' within_memory
holds 'generate' same "$LTM" generate one-fp32 --count 70 --length 8 --threads {}
holds 'fewshot' same "$LTM" fewshot one-fp32 words.ini --shots 1 run.threads={} --json
built() { # threads, folder
    mkdir "$2" && "$LTM" tokenizer train -o "$2/tok.model" --vocab-size 320 --separator --- --threads "$1" text.txt 2>err &&
        "$LTM" corpus build -o "$2/corpus" --tokenizer "$2/tok.model" --separator --- --threads "$1" text.txt 2>err
}
same_corpus() { built 1 first-build >out && built 64 second-build >out && diff -r first-build second-build || { cat err; return 1; }; }
holds 'tokenizer train and corpus build' same_corpus
finish
