#!/bin/bash
# The commands as a user meets them: help, runs, interrupts, tables, JSON.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }

help_is_there() {
    local command
    run "$LTM" --help
    [ "$code" = 0 ] || return 1
    for command in tokenizer corpus train eval generate sweep inspect; do
        grep -q "^  $command " out || { cat out; return 1; }
        "$LTM" "$command" --help >one && "$LTM" help "$command" >two && cmp one two && grep -q '^usage: ltm' one || return 1
    done
}
holds 'every command is listed and has help' help_is_there
version_is_one_line() { [[ $("$LTM" --version) =~ ^ltm\ [0-9]+\.[0-9]+\.[0-9]+$ ]]; }
holds 'the version is one line' version_is_one_line
every_key_is_in_the_help() {
    "$LTM" train --help >out
    grep -q 'fast.steps .*(4)$' out && grep -q 'eval.fast.lr .*(auto)$' out && [ "$(grep -c '^  [a-z.]*\.' out)" -ge 40 ]
}
holds 'ltm train --help lists every key with its default' every_key_is_in_the_help

trains() {
    run "$LTM" train tiny.ini
    [ "$code" = 0 ] && grep -q 'best held-out bound' out && grep -q 'held-out bound .* nats a token' err &&
        [ -f runs/tiny/config.ini ] && [ -s runs/tiny/log.jsonl ] && [ -L runs/tiny/checkpoints/best ]
}
holds 'train makes a run in runs/NAME' trains
scoring_is_not_training() {
    jq -se '[range(1; length) as $i | select(.[$i].heldout) | .[$i].seconds == .[$i - 1].seconds] | length > 1 and all' \
        runs/tiny/log.jsonl
}
holds 'the seconds of the log are those of training steps alone' scoring_is_not_training
amount() { # what is trained on, not what was asked for, and how often it goes over the corpus
    run "$LTM" train tiny.ini run.tokens=100 slow.batch=40 run.dir=runs/more
    [ "$code" = 0 ] && grep -q '^1.28 k tokens in 1 slow step of 40 sequences' err &&
        grep -q '^this is 12.8 times run.tokens = 100: one slow step takes .* = 1.28 k tokens; lower slow.batch' err &&
        grep -qE '^0\.[0-9]+ passes over the [0-9]+ training tokens of corpus$' err &&
        grep -q '^sequences run across documents (data.packing = packed; ' err || { cat err; return 1; }
    run "$LTM" train tiny.ini run.dir=runs/enough
    [ "$code" = 0 ] && grep -q '^2.05 k tokens in 8 slow steps' err && lacks 'this is' err
}
holds 'train says how much it trains on' amount
diverged() { # a loss above that of a uniform guess is told, and a bound
    run "$LTM" train tiny.ini slow.lr=10 slow.warmup=0 slow.clip=0 run.dir=runs/diverged
    [ "$code" = 0 ] && [ "$(grep -c 'is above ln V = 5.768, the loss of a uniform' err)" = 1 ] &&
        grep -q '"above_uniform":true' runs/diverged/log.jsonl && grep -q 'that is worse than ln V = 5.7683' out &&
        grep -q 'slow steps had a loss above that of a uniform guess' out &&
        grep -q 'Training diverged: its last loss' runs/diverged/report.html &&
        grep -q 'best bound is worse than ln V' runs/diverged/report.html || { cat out err; return 1; }
    lacks above_uniform runs/tiny/log.jsonl && lacks 'diverged:' runs/tiny/report.html
}
holds 'a training that diverged is called that' diverged
one_sequence() { # has no standard error
    run "$LTM" train tiny.ini run.eval_sequences=1 run.dir=runs/single
    [ "$code" = 0 ] && grep -qE 'held-out bound [0-9.]+ nats a token' err && lacks nan err && lacks -i '>nan\|± ' runs/single/report.html
}
holds 'one sequence has no standard error' one_sequence
foreign() { # what is somebody else's is not written into
    mkdir texts && cp text.txt texts && cp -r corpus before
    refused 1 'texts is not the folder of a run: it contains text.txt' "$LTM" train tiny.ini run.dir=texts &&
        refused 1 'corpus is not the folder of a run: it contains corpus.json' "$LTM" train tiny.ini run.dir=corpus &&
        [ "$(ls -A texts)" = text.txt ] && diff -r corpus before || return 1
    mkdir hollow && : >hollow/.gitkeep && "$LTM" train tiny.ini run.dir=hollow >out 2>err
    printf '[study]\nbase = tiny.ini\n[budget]\ntokens = 1k\n[axes]\nlatent.count = 0\n' >study.ini
    refused 1 'texts is not the folder of a study' "$LTM" sweep study.ini study.dir=texts && [ "$(ls -A texts)" = text.txt ]
}
holds 'a folder that is no run is not written into' foreign
keeps() { # every so many steps' checkpoints, beside the two newest and the best
    run "$LTM" train tiny.ini run.keep_every=3 run.checkpoint_every=1 run.eval_every=0 run.dir=runs/kept
    [ "$code" = 0 ] && (cd runs/kept/checkpoints && echo step-*) | grep -q '^step-00000003 step-00000006 step-00000007 step-00000008$'
}
holds 'checkpoints of every so many steps stay' keeps
goes_on() {
    cp runs/tiny/log.jsonl log.before
    run "$LTM" train tiny.ini --json
    [ "$code" = 0 ] && grep -q '"best_bound":' out && cmp log.before runs/tiny/log.jsonl
}
holds 'a run that is done stays as it is' goes_on
plain_without_terminal() { ! grep -q $'[\r\e]' err && ! grep -q '####' err; }
holds 'progress is plain lines where there is no terminal' plain_without_terminal
bar_on_terminal() {
    script -qec true /dev/null >/dev/null 2>&1 </dev/null || return 0 # it makes the terminal, where there are any
    TERM=xterm script -qec "$LTM train tiny.ini run.dir=runs/seen" seen >/dev/null </dev/null
    grep -q $'\r.*train \\[#*\\.*\\] ' seen
}
holds 'progress is a bar on a terminal' bar_on_terminal

twin() {
    run "$LTM" train tiny.ini --twin parameters
    [ "$code" = 0 ] && grep -q 'no latents' err && grep -qE '^  parameters .*: [+-]0\.[0-9]+ %$' err &&
        [ -L runs/tiny-twin-parameters/checkpoints/best ] || { cat out err; return 1; }
    "$LTM" train tiny.ini --twin compute --dry-run run.dir=elsewhere >twin.ini 2>err && grep -q '^dir = elsewhere$' twin.ini &&
        "$LTM" train twin.ini --dry-run | cmp - twin.ini && [ ! -e elsewhere ] || return 1
    "$LTM" inspect tiny.ini >out && [ "$(grep -c 'twin \(parameters\|compute\|width\|attention\), dim ' out)" = 4 ]
}
holds 'train prints and makes the plain decoder to compare with; inspect shows it' twin
bad_twin() {
    refused 2 'did you mean compute' "$LTM" train tiny.ini --twin compte && refused 2 'needs a value' "$LTM" train tiny.ini --twin &&
        refused 1 'already a plain decoder' "$LTM" train tiny.ini --twin width latent.count=0
}
holds 'what is no twin is said' bad_twin

wait_for() { # file pattern
    for _ in $(seq 300); do
        grep -qs -- "$2" "$1" && return
        sleep 0.1
    done
    return 1
}
long='run.tokens=100M run.eval_every=0 run.checkpoint_every=0 run.dir=runs/long'
interrupted() { # signal
    rm -rf runs/long
    # shellcheck disable=SC2086 # a list of words
    "$LTM" train tiny.ini $long >out 2>err &
    wait_for runs/long/log.jsonl '"step":3,' || return 1
    kill -"$1" $!
    wait $!
    code=$?
    [ "$code" = 130 ] && grep -q 'resumes from there' err && [ -d runs/long/checkpoints/last ] || { echo "exit $code"; cat err; return 1; }
}
holds 'an interrupt ends with a checkpoint and 130' interrupted INT
holds 'so does SIGTERM' interrupted TERM
resumed() {
    # shellcheck disable=SC2086
    "$LTM" train tiny.ini $long >out 2>err &
    wait_for err 'resuming' || return 1
    kill -KILL $!
    wait $! 2>/dev/null
    true
}
holds 'the same command goes on' resumed
moved() { # the folder, while it trains
    rm -rf runs/long
    # shellcheck disable=SC2086 # a list of words
    "$LTM" train tiny.ini $long run.checkpoint_every=1 >out 2>err &
    wait_for runs/long/log.jsonl '"step":3,' || return 1
    for from in long there long there long there long; do # some in the midst of a checkpoint
        mv "runs/$from" "runs/$([ "$from" = long ] && echo there || echo long)" && sleep 0.05 && [ ! -e "runs/$from" ] || return 1
    done
    wait_for err 'was moved: the run continues in .*/runs/there' || return 1
    kill -INT $!
    wait $!
    [ $? = 130 ] && [ ! -e runs/long ] && "$LTM" inspect runs/there >out && grep -q step out || { cat err; return 1; }
}
holds 'a run goes on in its folder, wherever that is moved' moved

table() {
    run "$LTM" eval runs/tiny corpus corpus eval.sequences=4 eval.fast.steps=3
    [ "$code" = 0 ] && [ "$(wc -l <out)" = 3 ] && grep -qE '^corpus +4 +[0-9.]+ +[0-9.]+ +[0-9.]+ ± [0-9.]+ ' out
}
holds 'eval prints a row a corpus' table
block() {
    run "$LTM" eval runs/tiny corpus eval.sequences=4 eval.prior=2
    [ "$code" = 0 ] && grep -q '^bound: negative ELBO  *[0-9.]* ± [0-9.]*  *[0-9.]* ± [0-9.]*  *[0-9.]* ± ' out &&
        grep -q '^bound: importance-weighted, 4 samples ' out && grep -q '^bound: z from the prior, 2 samples ' out &&
        grep -q '^continuation: last 16, z fitted on the first 16 ' out && ! grep -q 'not a bound' out || return 1
    run "$LTM" eval runs/tiny corpus eval.sequences=4 fast.noise=fixed eval.iwae=0 eval.continuation=0
    [ "$code" = 0 ] && grep -q '^fitted-noise score (not a bound) ' out && ! grep -qE '^(cont|bound: imp)' out
}
holds 'one result is a block of every score asked for; the fitted-noise score is called no bound' block
scan() {
    run "$LTM" eval runs/tiny corpus eval.sequences=4 eval.fast.steps=0,1,3 fast.method=adam,natural
    [ "$code" = 0 ] && [ "$(wc -l <out)" = 7 ] && sed -n 5p out | grep -qE '^corpus +1 +natural +4 ' || return 1
    run "$LTM" eval runs/tiny corpus corpus eval.sequences=4 eval.fast.lr=0.1,0.2 --json
    [ "$code" = 0 ] && [ "$(grep -c '"eval.fast.lr": "0.2"' out)" = 2 ] && [ "$(grep -c '"fast_lr": 0.1,' out)" = 2 ]
}
holds 'lists scan: a row for each combination' scan
dumps() {
    local shard=corpus/train-00000.bin weights=runs/tiny/checkpoints/best/model.safetensors path
    cp "$shard" kept.bin && cp "$weights" kept.safetensors && : >empty || return 1
    for path in "$shard" "$weights" tiny.ini; do
        refused 1 "$path exists and is not a dump" "$LTM" eval runs/tiny corpus eval.sequences=4 eval.dump="$path" || return 1
    done
    cmp "$shard" kept.bin && cmp "$weights" kept.safetensors || return 1
    for path in dump dump empty; do
        run "$LTM" eval runs/tiny corpus eval.sequences=4 eval.dump="$path"
        [ "$code" = 0 ] && [ -s "$path" ] || return 1
    done
}
holds 'a dump replaces an older one, and nothing else' dumps
bad_lists() {
    refused 1 'eval.fast.steps = "x" is not' "$LTM" eval runs/tiny corpus eval.fast.steps=4,x &&
        refused 1 'eval.fast.steps = "" is not' "$LTM" eval runs/tiny corpus eval.fast.steps=4, &&
        refused 2 'fast.steps has two lists' "$LTM" eval runs/tiny corpus fast.steps=1,2 fast.steps=3,4 &&
        refused 2 'eval.dump works with' "$LTM" eval runs/tiny corpus eval.dump=x fast.steps=1,2 &&
        refused 1 'run.seed = "1,2" is not' "$LTM" eval runs/tiny corpus run.seed=1,2
}
holds 'wrong lists are refused before anything is scored' bad_lists
json_score() {
    run "$LTM" eval runs/tiny corpus eval.sequences=4 --json
    [ "$code" = 0 ] && grep -q '"fast_steps": 2' out && grep -q '"bound": {' out && [ ! -s err ]
}
holds 'eval --json prints JSON and nothing else' json_score
# A rate above 2 multiplies what a chain holds at every step.
diverging='fast.method=langevin fast.steps=8 fast.lr=100'
# shellcheck disable=SC2086
diverged() {
    run "$LTM" eval runs/tiny corpus eval.sequences=4 $diverging
    [ "$code" = 0 ] && grep -q '^the fit of 4 sequences diverged' out && grep -q '^KL to the prior  *0.0000' out &&
        grep -q 'the fast loop diverged on 4 of 4 sequences, first on sequence 0' err || { cat out err; return 1; }
    run "$LTM" eval runs/tiny corpus eval.sequences=4 $diverging --json
    [ "$code" = 0 ] && grep -q '"diverged": 4' out || return 1
    refused 1 'the fast loop diverged on prompt 1' "$LTM" generate runs/tiny --prompt 'the sha' $diverging
}
holds 'a fast loop that diverges is told, and no sequence is left out' diverged
samples() {
    run "$LTM" generate runs/tiny --count 2 --length 5 --prompt 'the and'
    [ "$code" = 0 ] && [ "$(grep -c '^----$' out)" = 1 ] && [ "$(grep -c '^the and' out)" = 2 ] || return 1
    "$LTM" generate runs/tiny count=2 length=5 seed=3 >one && "$LTM" generate runs/tiny --count=2 --length=5 --seed=3 >two &&
        cmp one two
}
holds 'generate goes on from a prompt; a seed gives the same text' samples
json_samples() {
    run "$LTM" generate runs/tiny --count 3 --length 5 --json
    [ "$code" = 0 ] && [ "$(grep -c '^{"sample":[0-2],.*"log_p":-' out)" = 3 ]
}
holds 'generate --json holds every sample' json_samples

kinds() {
    local path kind
    while read -r kind path; do
        run "$LTM" inspect "$path" --json
        [ "$code" = 0 ] && grep -q "\"kind\": \"$kind\"" out || { echo "$path is no $kind"; cat out err; return 1; }
        run "$LTM" inspect "$path"
        [ "$code" = 0 ] && grep -q "^kind  *$kind$" out || { cat out err; return 1; }
    done <<LIST
run runs/tiny
checkpoint runs/tiny/checkpoints/last
safetensors runs/tiny/checkpoints/last/model.safetensors
corpus corpus
shard corpus/train-00000.bin
tokenizer tok.model
configuration tiny.ini
LIST
}
holds 'inspect knows every kind' kinds
changed() {
    "$LTM" inspect tiny.ini >plain && "$LTM" inspect tiny.ini latent.count=0 model.dim=32 >out &&
        grep -q 'dim=32' out && differ <(grep ^parameters out) <(grep ^parameters plain) &&
        refused 1 'did you mean' "$LTM" inspect tiny.ini model.dims=3 && refused 1 'model.heads' "$LTM" inspect tiny.ini model.heads=3 &&
        refused 2 'model.dim=8 applies only to a configuration' "$LTM" inspect runs/tiny model.dim=8 &&
        cp -r runs/tiny model.dim=8 && "$LTM" inspect model.dim=8 >out && rm -r model.dim=8 && grep -q '^kind  *run' out
}
holds 'inspect shows a configuration as settings change it' changed
presets() {
    local name parameters
    while read -r name parameters; do
        run "$LTM" inspect "$top/runs/ltm-$name.ini" --json
        grep -q "\"parameters\": $parameters" out || { cat out err; return 1; }
    done <<LIST
small 38369280
medium 51005952
large 76279296
LIST
    for name in nano micro mini; do (cd "$top" && "$LTM" inspect "runs/$name.ini") || return 1; done
}
holds 'the presets are valid, those of the paper have its 38, 51 and 76 M parameters' presets
finish
