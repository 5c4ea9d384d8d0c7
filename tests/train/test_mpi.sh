#!/bin/bash
# Several processes under mpirun: the bits of one, whatever their number; kills, resumes, refusals.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/../cli/cli.sh"
small_corpus || { cat err; exit 1; }

run env PMI_SIZE=2 PMI_RANK=0 "$LTM" train tiny.ini
if grep -q 'without MPI' err; then
    says_what_is_missing() { [ "$code" = 1 ] && grep -q 'one of 2 processes.*install libopenmpi-dev' err; }
    holds 'a build without MPI says what is missing' says_what_is_missing
    finish
fi
command -v mpirun >/dev/null || exit 77
mpirun --version | grep -q 'Open MPI' || exit 77 # the options below are its own

# Loopback, more processes than cores, and leaks that are not ours.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe # Open MPI 5 has another launcher
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_orte_tmpdir_base=/tmp ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
on() { # processes, then a command
    local n=$1
    shift
    timeout 100 mpirun -n "$n" "$@"
}
# Blocks of several grains, parts of one group; the order of everything matters.
train=("$LTM" train tiny.ini model.dim=128 model.layers=2 latent.count=4 slow.group=1 run.precision=fp32)

log() { jq -c 'del(.seconds, .tokens_per_second, .utilisation)' "$1/log.jsonl"; }
weights() { # run, file (model): the data, since the header tells threads and folder
    local header file=$1/checkpoints/last/${2:-model}.safetensors
    header=$(od -An -t u8 -N 8 "$file")
    tail -c "+$((header + 9))" "$file"
}
same_average() { # where there is one
    [ ! -e "$1/checkpoints/last/ema.safetensors" ] || cmp <(weights "$1" ema) <(weights "$2" ema)
}
same_posteriors() { # where they are stored
    [ ! -e "$1/checkpoints/last/posteriors.safetensors" ] || cmp "$1/checkpoints/last/posteriors.safetensors" "$2/checkpoints/last/posteriors.safetensors"
}
same() { # two runs, to the bit
    cmp "$1/checkpoints/last/optimizer.safetensors" "$2/checkpoints/last/optimizer.safetensors" &&
        cmp <(weights "$1") <(weights "$2") && same_average "$1" "$2" && same_posteriors "$1" "$2" && diff <(log "$1") <(log "$2") &&
        [ "$(readlink "$1/checkpoints/best")" = "$(readlink "$2/checkpoints/best")" ]
}

"${train[@]}" run.dir=one >/dev/null 2>&1
"${train[@]}" run.dir=one-parts slow.parts=3 >/dev/null 2>&1
alike() { # processes, threads, folder, more
    local n=$1 threads=$2 whole=$3
    shift 3
    run on "$n" "${train[@]}" run.dir="run-$n-$whole" run.threads="$threads" "$@"
    [ "$code" = 0 ] && same "$whole" "run-$n-$whole" || { cat err; return 1; }
}
holds 'two processes of two threads: the bits of one' alike 2 2 one
holds 'only the first process prints' test "$(grep -c 'held-out bound' out) $(grep -c '^step 8 ' err)" = '1 1'
holds 'four processes: the bits of one' alike 4 1 one
holds 'parts of several groups, over two processes: the bits of one' alike 2 2 one-parts slow.parts=3
holds 'parts of several groups, over three processes: the bits of one' alike 3 1 one-parts slow.parts=3

muon=(slow.optimizer=muon slow.ema=0.9)
"${train[@]}" "${muon[@]}" run.dir=one-muon >/dev/null 2>&1
holds 'muon over two processes: the bits of one' alike 2 2 one-muon "${muon[@]}"
holds 'muon over three processes: the bits of one' alike 3 1 one-muon "${muon[@]}"
resumed_muon() { # the checkpoint before the last, gone on with by three processes
    cp -r one-muon muon-resumed
    rm -r muon-resumed/checkpoints/step-00000008
    run on 3 "${train[@]}" "${muon[@]}" run.dir=muon-resumed
    [ "$code" = 0 ] && grep -q 'resuming .* at slow step 4' err && same one-muon muon-resumed || { cat err; return 1; }
}
holds 'three processes go on with what one began with muon, to the same bits' resumed_muon

cheap=(latent.encoder=bag fast.steps=0)
"${train[@]}" "${cheap[@]}" run.dir=one-encoder >/dev/null 2>&1
holds 'an encoder over two processes: the bits of one' alike 2 1 one-encoder "${cheap[@]}"
cheap=(fast.stored=0.9 fast.steps=0)
"${train[@]}" "${cheap[@]}" run.dir=one-stored >/dev/null 2>&1
holds 'stored posteriors over three processes: the bits of one' alike 3 1 one-stored "${cheap[@]}"

# From a batch of one group, fewer than there are processes.
growing=(slow.batch_start=1 slow.window_start=2 slow.growth=0.8 model.dropout=0.1 data.packing=document slow.predict=3
    slow.predict_latents=0.5 slow.predict_layers=2 slow.ema=0.9)
for parts in 0 3; do
    "${train[@]}" "${growing[@]}" slow.parts=$parts run.dir="one-growing-$parts" >/dev/null 2>&1
    holds "a batch that grows, over three processes, parts $parts: the bits of one" \
        alike 3 1 "one-growing-$parts" "${growing[@]}" slow.parts=$parts
done

# Blocks that loops interleave are handed on together.
looping=(model.layers=3 model.coda=1 model.loops=3 latent.count=3 loop.inject=add loop.depth=sampled loop.start=0.3 loop.backprop=2)
"${train[@]}" "${looping[@]}" run.dir=one-looping >/dev/null 2>&1
holds 'loops that are drawn, over three processes: the bits of one' alike 3 1 one-looping "${looping[@]}"

"$LTM" corpus build -o more --tokenizer tok.model --separator --- --heldout 0.3 text.txt >out 2>err
mixed=(data.corpus= data.corpora='corpus:0.7 more:0.3' run.from=one)
"${train[@]}" "${mixed[@]}" run.dir=one-mixed >/dev/null 2>&1
holds "a mixture, from another run's weights, over two processes: the bits of one" alike 2 1 one-mixed "${mixed[@]}"

# Every block waits for the last chunk of a group, and has a buffer of its own until then.
streaming=(latent.kind=streaming latent.chunk=3 latent.stream_noise=yes)
"${train[@]}" "${streaming[@]}" run.dir=one-streaming >/dev/null 2>&1
holds 'latents that stream, over three processes: the bits of one' alike 3 1 one-streaming "${streaming[@]}"

remembering=(model.memory=neural memory.chunk=3 latent.count=0)
"${train[@]}" "${remembering[@]}" run.dir=one-memory >/dev/null 2>&1
holds 'a memory that learns, over three processes: the bits of one' alike 3 1 one-memory "${remembering[@]}"

other_bits() { differ one/checkpoints/last/optimizer.safetensors one-parts/checkpoints/last/optimizer.safetensors; }
holds 'slow.parts changes the order of sums' other_bits

# Process 1 kills itself when the log has come to step 6; a checkpoint is at step 4.
cat >dying <<'SH'
#!/bin/bash
echo $$ >"pid.$OMPI_COMM_WORLD_RANK"
if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then
    me=$$
    (until grep -q '"step":6' killed/log.jsonl; do sleep 0.01; done; kill -9 $me) 2>/dev/null &
fi
exec "$@"
SH
chmod +x dying
long=("${train[@]}" run.tokens=4k run.eval_every=0 run.dir=killed)
"${train[@]}" run.tokens=4k run.eval_every=0 run.dir=unkilled >/dev/null 2>&1
killed() {
    run on 2 ./dying "${long[@]}"
    [ "$code" != 0 ] && grep -q 'signal 9' err && [ -e killed/checkpoints/last/state.json ] || { cat err; return 1; }
}
holds 'the death of one process ends the job' killed
# Open MPI ends the other without telling it why: TERM, which a run takes for a wish to stop, and then KILL.
survivor() {
    local rank
    for rank in 0 1; do [ -s "pid.$rank" ] && [ ! -e "/proc/$(cat "pid.$rank")/exe" ] || return 1; done
    [ ! -s out ] && lacks '^ltm: ' <(grep -v '^ltm: writing a checkpoint' err) || return 1
    [ "$(jq -s 'last | .step >= 6' killed/log.jsonl)" = true ] || return 1
    run "$LTM" inspect killed --json
    [ "$code" = 0 ] && jq -e '.checkpoints | all(.whole)' out
}
holds 'the other ends too, says no result, and leaves a log and checkpoints that are whole' survivor
cp -r killed again
resumed() { # processes, folder
    if [ "$1" = 1 ]; then run "${long[@]}" run.dir="$2"; else run on "$1" "${long[@]}" run.dir="$2"; fi
    [ "$code" = 0 ] && grep -q 'resuming .* at slow step' err && same unkilled "$2" || { cat err; return 1; }
}
holds 'more processes go on with it, to the same bits' resumed 3 killed
holds 'and so does one' resumed 1 again

# A send of process $1 fails in slow step 7, under two threads that each have more layers to offer than there are offers.
deep=("${train[@]}" model.dim=32 model.layers=12 latent.count=12 run.eval_every=0)
"${deep[@]}" run.dir=unbroken >/dev/null 2>&1
broken() {
    run on 2 env FAULT_RANK="$1" FAULT_CALL=180 LD_PRELOAD="${LTM%/*}/tests/faults/preload_transfers.so" \
        ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0" "${deep[@]}" run.threads=2 run.dir="broken-$1"
    [ "$code" = 1 ] && [ ! -s out ] && [ -e "broken-$1/checkpoints/last/state.json" ] && [ "$(grep -c '^ltm: process' err)" = 1 ] &&
        grep -q "^ltm: process $1 of 2 could not send (MPI: .*the same command resumes from it" err || { cat err; return 1; }
}
goes_on() {
    run "${deep[@]}" run.dir=broken-1
    [ "$code" = 0 ] && grep -q 'resuming .* at slow step' err && same unbroken broken-1 || { cat err; return 1; }
}
holds 'a process whose transfer fails says so and ends the job' broken 1
holds 'so does the first process' broken 0
holds 'the same command goes on, to the same bits' goes_on

# A rate at which nothing stays finite: every process must skip the same steps, and stop at the same one.
wild=("${train[@]}" slow.lr=100 slow.clip=0 slow.warmup=0 model.layers=8 latent.count=8 run.tokens=8k run.eval_every=0)
"${wild[@]}" run.on_nonfinite=skip run.dir=wild >/dev/null 2>err-one
skipped_alike() {
    run on 2 "${wild[@]}" run.on_nonfinite=skip run.dir=wild-2
    [ "$code" != 0 ] && same_state wild wild-2 && grep -q '"nonfinite":' wild/log.jsonl &&
        [ "$(grep -c '^slow step .* is skipped' err)" = "$(grep -c '^slow step .* is skipped' err-one)" ] &&
        [ "$(grep -c '^ltm: .*in a row' err)" = 1 ] || { cat err; return 1; }
}
same_state() {
    cmp "$1/checkpoints/last/optimizer.safetensors" "$2/checkpoints/last/optimizer.safetensors" && diff <(log "$1") <(log "$2")
}
holds 'what is not finite is found, named and skipped alike by two processes' skipped_alike
stopped_alike() {
    run on 2 "${wild[@]}" run.dir=wild-stop
    [ "$code" != 0 ] && [ "$(grep -c '^ltm: slow step .* is not finite' err)" = 1 ] &&
        [ -e wild-stop/checkpoints/last/state.json ] || { cat err; return 1; }
}
holds 'and stops both, with one checkpoint and one sentence' stopped_alike

cat >apart <<'SH'
#!/bin/bash
# A command, in process 1 with $THIS in place of the argument $FOR.
for argument in "$@"; do
    shift
    [ "$OMPI_COMM_WORLD_RANK" = 1 ] && [ "$argument" = "$FOR" ] && argument=$THIS
    set -- "$@" "$argument"
done
exec "$@"
SH
chmod +x apart
differing() {
    run env FOR=slow.lr=0.001 THIS=slow.lr=0.5 timeout 60 mpirun -n 2 ./apart "${train[@]}" run.dir=no slow.lr=0.001
    [ "$code" != 0 ] && grep -q '^ltm: process 1 of 2, on .*: slow.lr = 0.5 here, but 0.001 in process 0' err && [ ! -e no ]
}
holds 'processes with different configurations are refused' differing
too_many() {
    run on 3 "${train[@]}" run.dir=no slow.parts=2
    [ "$code" != 0 ] && [ "$(grep -c '^ltm: 3 processes are more than the 2 parts' err)" = 1 ]
}
holds 'more processes than parts are refused' too_many
for i in $(seq 80); do echo "{\"prompt\": \"$i and\", \"chosen\": \" $((i % 7))\", \"rejected\": \" no\"}"; done >pairs.jsonl
pairs=(data.kind=pairs data.corpus=pairs.jsonl data.tokenizer=tok.model data.packing=document)
"${train[@]}" "${pairs[@]}" run.dir=one-pairs >/dev/null 2>&1
holds 'prompts with answers, over three processes: the bits of one' alike 3 1 one-pairs "${pairs[@]}"
"${train[@]}" "${pairs[@]}" slow.objective=dpo slow.group=2 run.dir=one-dpo >/dev/null 2>&1
resumed_dpo() { # the checkpoint before the last, gone on with by three processes
    cp -r one-dpo dpo-resumed
    rm -r dpo-resumed/checkpoints/step-00000008
    run on 3 "${train[@]}" "${pairs[@]}" slow.objective=dpo slow.group=2 run.dir=dpo-resumed
    [ "$code" = 0 ] && same one-dpo dpo-resumed || { cat err; return 1; }
}
holds 'preferences, over three processes: the bits of one' alike 3 1 one-dpo "${pairs[@]}" slow.objective=dpo slow.group=2
holds 'three processes go on with what one began with preferences' resumed_dpo
"${train[@]}" --from one-dpo run.dir=one-from >/dev/null 2>&1
from_config() { # a run that was killed before its first checkpoint: only its config.ini, which the first reads, knows of --from
    cp -r one-from from-config
    rm -r from-config/checkpoints/*
    run on 2 "${train[@]}" run.dir=from-config
    [ "$code" = 0 ] && same one-from from-config || { cat err; return 1; }
}
holds 'two processes begin with the weights that config.ini names' from_config
commands() { # processes, folder
    local n=$1 to=$2
    mkdir "$to"
    on "$n" "$LTM" eval one corpus eval.sequences=5 --json 2>>err | grep -v '"seconds"' >"$to/eval" &&
        on "$n" "$LTM" generate one --count 5 --length 8 >"$to/text" 2>>err &&
        on "$n" "$LTM" fewshot one words.ini --shots 0 -o "$to/words" >"$to/table" 2>>err
}
printf '[task]\nname = words\nformat = gsm8k\nitems = words.jsonl\nlength = 4\n' >words.ini
for i in 1 2 3 4 5 6 7; do echo "{\"question\": \"$i and $i?\", \"answer\": \"so #### $((2 * i))\"}"; done >words.jsonl
other_commands() {
    commands 1 first && commands 2 second && diff -r first second && [ -s first/eval ] && [ -s first/text ] || { cat err; return 1; }
}
holds 'eval, generate and fewshot over two processes: the results of one' other_commands
eval_differing() { # settings, then corpora
    run env FOR=eval.sequences=5 THIS=eval.sequences=4 timeout 60 mpirun -n 2 ./apart "$LTM" eval one corpus eval.sequences=5
    [ "$code" != 0 ] && grep -q '^ltm: process 1 of 2, on .*: eval.sequences = 4 here, but 5 in process 0' err || { cat err; return 1; }
    "$LTM" corpus build -o other --tokenizer tok.model --separator --- --heldout 0.2 text.txt >out 2>err
    run env FOR=corpus THIS=other timeout 60 mpirun -n 2 ./apart "$LTM" eval one corpus
    [ "$code" != 0 ] && grep -q '^ltm: process 1 of 2, on .*: the model or its corpus.* differs' err || { cat err; return 1; }
}
holds 'processes that would score different things are refused' eval_differing
alone() {
    run on 2 "$LTM" inspect tiny.ini
    [ "$code" = 0 ] && [ "$(grep -c '^kind' out)" = 1 ] || { cat out err; return 1; }
}
holds 'a command that one process is enough for runs once' alone
finish
