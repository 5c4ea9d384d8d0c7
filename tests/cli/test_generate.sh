#!/bin/bash
# ltm generate as a user meets it: many samples, prompts from a file, JSON lines, statistics, a judge, turns.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
"$LTM" train tiny.ini run.dir=run >out 2>err && "$LTM" train tiny.ini run.dir=plain latent.count=0 >out 2>err || { cat err; exit 1; }

same_text() {
    local precision
    printf 'the and\n\nof to that\r\nin he\n' >prompts.txt
    for precision in fp32 bf16; do
        "$LTM" generate run --prompts prompts.txt --count 3 --length 12 --precision "$precision" --threads 1 --batch 1 --json >one &&
            "$LTM" generate run --prompts prompts.txt --count 3 --length 12 --precision "$precision" --threads 3 -o two &&
            cmp one two && [ "$(wc -l <one)" = 9 ] || return 1
    done
    "$LTM" generate run --prompt 'the and' --length 12 --threads 2 --json >three && head -n 1 one >four && differ three two &&
        grep -q '"prompt":"of to that",' one
}
holds 'a sample is the same text whatever the batch, the threads and the prompts beside it' same_text
# The first piece is one that begins with the blank; its log p is the one that `ltm score` gives it behind the prompt without.
blank_end() {
    local piece log_p scored
    "$LTM" generate plain --prompt 'the and ' --length 1 --temperature 0 --precision fp32 --json >out &&
        piece=$(sed 's/.*"text":"\([a-z]*\)".*/\1/' out) && log_p=$(sed 's/.*"log_p":\([-0-9.]*\).*/\1/' out) && [ -n "$piece" ] || return 1
    printf '{"context": "the and", "continuation": " %s"}\n' "$piece" | "$LTM" score plain run.precision=fp32 >scored || return 1
    scored=$(sed 's/.*"logprob":\([-0-9.]*\).*/\1/' scored)
    awk -v a="$log_p" -v b="$scored" 'BEGIN { exit !(b < 0 && a - b < 1e-4 && b - a < 1e-4) }' && grep -q '"tokens":1,' scored || return 1
    [ "$("$LTM" generate plain --prompt 'the and ' --length 9 --temperature 0 --past-end)" = "the and $(
        printf 'the and \n' | "$LTM" generate plain --interactive --length 9 --temperature 0 --past-end)" ] &&
        "$LTM" generate run --prompt ' ' --length 3 >out
}
holds 'behind a prompt that ends in a blank a piece follows that begins with it' blank_end
json_prompts() {
    printf '{"q": "the and"}\n\n{"q": "in he"}\n' >prompts.jsonl
    run "$LTM" generate run --prompts prompts.jsonl --field q --length 5 --json
    [ "$code" = 0 ] && [ "$(grep -c '"prompt":"\(the and\|in he\)","text":".*","tokens":5,"log_p":-[0-9.]*,"ended":' out)" = 2 ]
}
holds 'prompts come from JSON lines too' json_prompts
bad_prompts() {
    printf '{"q": "the"}\n{"p": 1}\n' >bad.jsonl
    printf '\n \n' >blank.txt
    printf 'the\n\xff\n' >bytes.txt
    { echo the; yes the | head -n 40 | tr '\n' ' '; } >long.txt
    printf 'old\n' >kept
    refused 1 'line 2 of bad.jsonl: there is no string "q"' "$LTM" generate run --prompts bad.jsonl --field q &&
        refused 1 'blank.txt contains no prompt' "$LTM" generate run --prompts blank.txt &&
        refused 1 'line 2 of bytes.txt is not UTF-8' "$LTM" generate run --prompts bytes.txt &&
        refused 1 'prompt 2: .* exceed model.sequence = 32' "$LTM" generate run --prompts long.txt -o kept && grep -q -e --crop err &&
        refused 1 'cannot read nowhere' "$LTM" generate run --prompts nowhere &&
        refused 1 'a field is for .jsonl' "$LTM" generate run --prompts prompts.txt --field q &&
        refused 2 'either --prompt or --prompts' "$LTM" generate run --prompts prompts.txt --prompt the &&
        refused 1 'cannot write tiny.ini/x' "$LTM" generate run --prompts long.txt -o tiny.ini/x &&
        [ "$(cat kept)" = old ] && "$LTM" generate run --length 2 -o new/folder/x && [ -s new/folder/x ]
}
holds 'what is wrong with a file of prompts is said in words, and replaces nothing' bad_prompts

long_texts() {
    local precision options
    for precision in fp32 bf16; do
        options="--count 2 --length 100 --past-end --precision $precision --json"
        # shellcheck disable=SC2086
        "$LTM" generate run --prompts prompts.txt $options --threads 1 --batch 1 >one && "$LTM" generate run --prompts prompts.txt $options --threads 3 >two &&
            cmp one two && [ "$(grep -c '"tokens":100,' one)" = 6 ] || return 1
    done
    [ "$("$LTM" generate plain --prompt 'the and' --length 100 --temperature 0 --past-end)" = "the and$(
        printf 'the and\n' | "$LTM" generate plain --interactive --length 100 --temperature 0 --past-end 2>err)" ] && grep -q forgotten err
}
holds 'a text longer than the model slides as in turns, the same whatever is beside it' long_texts
crops() {
    run "$LTM" generate run --prompts long.txt --crop --length 5 --json
    [ "$code" = 0 ] && grep -qE '^cropped: [0-9]+ tokens are dropped from the beginning of 1 prompt$' err &&
        head -n 1 out | grep -q '"cropped":0,' && tail -n 1 out | grep -q '"tokens":5,.*"cropped":[1-9]' || return 1
    run "$LTM" generate run --prompt "$(tail -n 1 long.txt)" --crop --past-end --json
    grep -q '"tokens":16,' out
}
holds 'of a prompt that does not fit its end is kept where that is asked for' crops
fitted_on() { # how many tokens are there after these turns, which end at a stop
    local stop
    stop=$(printf 'the and\n' | "$LTM" generate run --interactive --temperature 0 --length 12)
    printf %b "$1" | "$LTM" generate run --interactive --temperature 0 --length 12 --stop "${stop:1:3}" | grep -o 'fitted on [0-9]* tokens'
}
stops() {
    local text
    text=$("$LTM" generate plain --prompt 'the and' --temperature 0 --length 12 --past-end) && text=${text#the and} || return 1
    local stop=${text:1:3} # not where a token begins
    [ ${#stop} = 3 ] && [ "$("$LTM" generate plain --prompt 'the and' --temperature 0 --length 12 --stop no --stop "$stop")" = "the and${text%%"$stop"*}" ] &&
        [ "$("$LTM" generate plain --prompt 'the and' --temperature 0 --length 12 --stop "$stop" --json | grep -c '"finish":"stop"')" = 1 ] &&
        [ "$(printf 'the and\n' | "$LTM" generate plain --interactive --temperature 0 --length 12 --stop "$stop")" = "${text%%"$stop"*}" ] || return 1
    local once twice # the stop is no part of what the next turn follows from, which comes to it again
    once=$(fitted_on 'the and\n/refit\n/z\n') && twice=$(fitted_on 'the and\n\n/refit\n/z\n') && [ "$once" = "$twice" ] || { echo "$once, $twice"; return 1; }
    "$LTM" generate plain --temperature 50 --top-p 1 --count 200 --json >out
    grep -q '"ended":true,"finish":"end"' out && grep -q '"ended":false,"finish":"length"' out && lacks '"finish":"stop"' out &&
        refused 2 'stop is empty' "$LTM" generate plain --stop ''
}
holds 'a text ends before a stop, wherever tokens begin, and says how it ended' stops

pipes() {
    mkfifo pipe
    refused 1 'cannot write pipe: this pipe has no reader' timeout 10 "$LTM" generate run --length 3 -o pipe || return 1
    exec 5<>pipe
    "$LTM" generate run --length 3 -o pipe && head -n 1 <&5 >from-pipe &&
        "$LTM" generate run --length 3 -o /dev/stdout | cmp - from-pipe && "$LTM" generate run -o /dev/null
}
holds 'a pipe is written to where somebody reads, and not waited for' pipes

whole_characters() { # a hot model spells bytes that are no text, and a length ends amid characters
    local seed
    for seed in 1 2 3 4; do
        "$LTM" generate run --temperature 50 --top-p 1 --length 20 --seed "$seed" >streamed &&
            "$LTM" generate run --temperature 50 --top-p 1 --length 20 --seed "$seed" --count 2 >two &&
            iconv -f UTF-8 -t UTF-8 streamed two >/dev/null && head -n "$(wc -l <streamed)" two | cmp - streamed || return 1
    done
}
holds 'plain text is whole characters, streamed or not' whole_characters

log_ps() { "$LTM" generate run --length 6 --temperature 0 --past-end --threads 1 --json "$@" | sed 's/.*"log_p":\([-0-9.e]*\).*/\1/'; }
draws() {
    log_ps --count 3 >drawn && log_ps --count 3 --z one >shared && log_ps --count 2 --z mean >still && log_ps --z mean --seed 2 >again || return 1
    [ "$(sort -u drawn | wc -l)" = 3 ] && [ "$(sort -u shared | wc -l)" = 1 ] && [ "$(head -n 1 drawn)" = "$(head -n 1 shared)" ] &&
        [ "$(sort -u still)" = "$(cat again)" ] && lacks -qxFe "$(cat again)" drawn
}
holds 'a draw of z for each sample, one for all, or none' draws
z_alone() { # a fit without a step leaves the prior: then it must be as without a prompt, for the judge too, which does not see it
    local mean=(generate run --count 2 --z mean --json --judge plain)
    "$LTM" "${mean[@]}" >none && "$LTM" "${mean[@]}" --prompt 'of to that in ' --z-only fast.steps=0 >unfitted &&
        sed 's/"prompt":"of to that in "/"prompt":null/' unfitted | cmp - none && grep -q '"prompt":"of to' unfitted || return 1
    log_ps --z mean --z-only --prompt 'of to that in' >one && log_ps --z mean --z-only --prompt 'the and' >two && log_ps --z mean >none || return 1
    [ "$(cat one two none | sort -u | wc -l)" = 3 ] || return 1
    [ "$("$LTM" generate run --prompt 'of to' --z-only --temperature 0 --z mean fast.steps=0)" = "$("$LTM" generate run --temperature 0 --z mean)" ] &&
        refused 2 'only with --prompt' "$LTM" generate run --z-only && refused 2 '--z takes each, one or mean, not "all"' "$LTM" generate run --z all &&
        refused 1 'no latents' "$LTM" generate plain --z one && refused 1 'no latents' "$LTM" generate plain --z-only --prompt the &&
        refused 2 'not with --z' "$LTM" generate run --interactive --z one
}
holds 'a prompt gives z alone' z_alone

statistics() {
    run "$LTM" generate run --count 8 -o samples.jsonl --judge plain
    [ "$code" = 0 ] && [ "$(wc -l <samples.jsonl)" = 8 ] && grep -q '^8 samples: [0-9]* tokens' out && grep -q '^distinct-4 ' out &&
        grep -qE '^bound: negative ELBO +[0-9.]+ ± [0-9.]+ +[0-9.]+ ± ' out || return 1
    run "$LTM" generate run --count 2 --json --judge plain
    [ "$code" = 0 ] && [ "$(wc -l <out)" = 3 ] && tail -n 1 out | grep -q '^{"statistics":{"samples":2,.*"judge":{"checkpoint":"plain"'
}
holds 'statistics come as a table or as a last line of JSON' statistics
# A model without latents judges its own first token, where that is one of its tokens again, as it was drawn.
own_judge() {
    local seed found=0
    for seed in 1 2 3 4 5 6; do
        "$LTM" generate plain --length 1 --past-end --temperature 1 --top-p 1 --precision fp32 --seed "$seed" --json --judge plain >out 2>err || return 1
        awk -v RS= '{
            match($0, /"log_p":-[0-9.e-]+/); own = substr($0, RSTART + 8, RLENGTH - 8)
            match($0, /"checkpoint":"plain","tokens":[0-9]+/); tokens = substr($0, RSTART + 30, RLENGTH - 30)
            match($0, /"recon":{"nats_per_token":{"mean":[0-9.e-]+/); recon = substr($0, RSTART + 34, RLENGTH - 34)
            if (tokens != 1) exit 0
            exit (own + recon < 1e-4 && own + recon > -1e-4) ? 10 : 1
        }' out
        case $? in 10) found=1 ;; 0) ;; *) cat out; return 1 ;; esac
    done
    [ "$found" = 1 ]
}
holds 'a judge scores as the model draws' own_judge
cut_short() {
    rm -f cut.jsonl
    "$LTM" generate run --count 1000000 -o cut.jsonl >out 2>err &
    for _ in $(seq 100); do [ -s cut.jsonl ] && break; sleep 0.1; done
    kill -INT $!
    wait $!
    code=$?
    [ "$code" = 130 ] && grep -qE '^ltm: interrupted: [0-9]+ samples? w(as|ere) written completely, to cut.jsonl$' err &&
        [ -s cut.jsonl ] && lacks -qv '^{"sample":.*"seed":1}$' cut.jsonl
}
holds 'an interrupt leaves whole lines and says how many' cut_short

turns() {
    printf 'the and\n/z\n/refit\n/z\n\n/seed 5\n/z new\n//x\n/rfit\n/new\n/quit\nnever\n' >input
    run "$LTM" generate run --interactive --length 6 <input
    [ "$code" = 0 ] && grep -q '^z from the prior: KL 0' out && grep -q '^z fitted on [0-9]* tokens: KL [0-9.]* nats' out &&
        grep -q '^z from the posterior of the last /refit: KL' out && grep -q '^seed 5' out && grep -q '^another z' out &&
        grep -q 'no command "/rfit"; did you mean /refit' err && grep -q '^text forgotten' out && [ "$(wc -l <err)" = 1 ]
}
holds 'turns: text and commands through a pipe' turns
turns_repeat() {
    printf 'the and\n/refit\n\n/seed 1\n/new\nthe and\n/refit\n\n' | "$LTM" generate run --interactive --length 6 >out 2>err || return 1
    [ -n "$(sed '/^seed 1$/,$d' out)" ] && cmp <(sed '/^seed 1$/,$d' out) <(sed '1,/^text forgotten/d' out)
}
holds 'the same seed and the same words give the same turns; the end of the input ends them' turns_repeat
slides() {
    { echo the and of; yes '' | head -n 12; yes 'the and of to' | head -n 30 | tr '\n' ' '; echo; } >input
    run "$LTM" generate run --interactive --length 9 --past-end <input
    [ "$code" = 0 ] && grep -q "longer than the model's 32 tokens: the oldest 16 are forgotten" err || return 1
    printf '/refit\n\xff\n/z\n' >input
    run "$LTM" generate plain --interactive --length 3 <input
    [ "$code" = 0 ] && grep -q 'the model has no latents' err && grep -q '^no z' out && [ "$(grep -c '^ltm: ' err)" = 2 ] &&
        refused 2 'not with --prompts' "$LTM" generate run --interactive --count 2
}
holds 'a text longer than the model slides, and is told; a model without latents says so' slides
finish
