#!/bin/bash
# Latents that stream, as a user sees them: training, scores with their controls, generation, few-shot, inspect, what is refused.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
sed 's/^tokens = .*/tokens = 3k/' tiny.ini >small.ini

preset() { # three forward passes, and the weights of z's start
    sed 's/^output = own/&\nvocab = 2048/' "$top/runs/stream-nano.ini" >nano.ini && "$LTM" inspect --json nano.ini >nano &&
        sed 's/^kind = .*//' nano.ini >fitted.ini && "$LTM" inspect --json fitted.ini >fitted || return 1
    jq -se '.[0].parameters == .[1].parameters + 2 * 16 * 65' nano fitted
}
holds 'the preset' preset
trains() {
    "$LTM" train small.ini latent.kind=streaming latent.chunk=7 run.dir=runs/stream >out 2>err || { cat err; return 1; }
    grep -q 'streaming: z moves every 7 tokens' err && grep -q 'z carries .*; z frozen .*, from another sequence .*, 0 .*, drawn ' err &&
        jq -se 'map(select(.heldout))[-1] | .kl == 0 and .bound == .recon and .frozen > 0 and .others > 0 and .zero > 0 and
            .drawn > 0 and (.carried - (.frozen - .bound) | fabs) < 1e-9 and (.parts | length) > 1 and .parts[0] == .frozen_parts[0]' \
            runs/stream/log.jsonl
}
holds 'held-out scores have their controls beside them' trains
scores() {
    "$LTM" eval runs/stream corpus eval.sequences=4 --json >scores && "$LTM" eval runs/stream corpus eval.sequences=4 >block ||
        { cat err; return 1; }
    grep -q 'control: z frozen' block && grep -q '^z carries' block &&
        jq -e '.[0] | .frozen.nats_per_token.mean > 0 and .iwae == null and .continuation == null and .carried.error > 0 and
            .parts[0].score == .parts[0].frozen and .recon == .bound' scores
}
holds 'and so have those of eval' scores
frozen() { # to the bit
    "$LTM" train small.ini latent.kind=streaming latent.chunk=7 latent.stream_rate=0 run.dir=runs/frozen >out 2>err || return 1
    jq -se 'map(select(.heldout))[-1] | .frozen == .bound and .carried == 0 and .others == .bound and .parts == .frozen_parts' \
        runs/frozen/log.jsonl
}
holds 'at rate 0 z is its frozen control' frozen
mixes() { # the controls are means by share, as the score is
    seq 400 | sed 's/.*/the & th line of another text, & and no more/' >more.txt &&
        "$LTM" corpus build -o more --tokenizer tok.model more.txt >out 2>err &&
        "$LTM" train small.ini latent.kind=streaming latent.chunk=7 data.corpus= data.corpora='corpus:0.9 more:0.1' run.dir=runs/mixed >out 2>err || return 1
    jq -se 'map(select(.heldout))[-1] | (.carried - (.frozen - .bound) | fabs) < 1e-9' runs/mixed/log.jsonl
}
holds 'of several corpora too' mixes
writes() { # a text that slides
    "$LTM" generate runs/stream --prompt 'the' --length 100 --judge runs/stream --json >written || return 1
    jq -se '.[-1].statistics.judge.recon.nats_per_token.mean > 0' written
}
holds 'text comes out, and its judge streams too' writes
reads_on() { # a prompt of several sequences, as a session reads it; its samples read it once
    local long
    long=$(yes 'of the' | head -n 40 | tr '\n' ' ')the
    local of_it=(generate runs/stream --past-end --length 20)
    printf '%s\n' "$long" | "$LTM" "${of_it[@]}" --interactive --temperature 0 >said &&
        "$LTM" "${of_it[@]}" --prompt "$long" --temperature 0 --json | jq -j .text >one-prompt && [ -s one-prompt ] &&
        diff <(tr -d '\n' <one-prompt) <(tr -d '\n' <said) &&
        "$LTM" "${of_it[@]}" --prompt "$long" --count 5 --json --threads 1 >once && "$LTM" "${of_it[@]}" --prompt "$long" --count 5 --json --batch 1 --threads 3 | diff once - &&
        jq -cn --arg c "$long" '{context: $c, continuation: " of"}' | "$LTM" score runs/stream | jq -e '.cut == false and .logprob < 0'
}
holds 'a prompt may be longer than the sequence' reads_on
talks() { printf 'the\n/z\n/new\n' | "$LTM" generate runs/stream --interactive --length 20 | grep 'z has moved'; }
holds 'z moves in turns' talks
printf '[task]\nname = words\nformat = gsm8k\nitems = words.jsonl\nlength = 4\n' >words.ini
for i in 1 2 3; do echo "{\"question\": \"$i and $i?\", \"answer\": \"so #### $((2 * i))\"}"; done >words.jsonl
holds 'few-shot' "$LTM" fewshot runs/stream words.ini
stays() { # a control: what z has of the prompt
    printf '[task]\nname = last\nformat = lambada\nitems = last.jsonl\n' >last.ini
    echo '{"text": "the first and second and the third of the many lines of that"}' >last.jsonl
    for run in stream frozen; do
        "$LTM" fewshot "runs/$run" last.ini -o "moved-$run" >out 2>err && "$LTM" fewshot "runs/$run" last.ini -o "still-$run" --frozen >out 2>err || return 1
    done
    cmp moved-frozen/samples_*.jsonl still-frozen/samples_*.jsonl && ! cmp -s moved-stream/samples_*.jsonl still-stream/samples_*.jsonl &&
        run "$LTM" fewshot runs/stream last.ini -o still-stream && [ "$code" = 1 ] && grep -q 'frozen' err
}
holds 'few-shot with z frozen at its start' stays
holds 'inspect shows what was learned of the steps' grep -q 'gain_mean' <("$LTM" inspect runs/stream/checkpoints/last)
holds 'what needs a fit' refused 1 "this model has latent.kind = streaming" "$LTM" probe runs/stream words.ini --sparsity
holds 'what draws z' refused 1 "choosing how z is drawn needs a posterior" "$LTM" generate runs/stream --z one
z_alone() { # before z has moved it is as without a prompt
    local one=(generate runs/stream --length 30 --past-end --temperature 0 --json)
    "$LTM" "${one[@]}" >none && "$LTM" "${one[@]}" --z-only --prompt the >short && sed 's/"prompt":"the"/"prompt":null/' short | cmp - none &&
        "$LTM" "${one[@]}" --z-only --prompt 'the and of to that in he and the' >long && sed 's/"prompt":"[^"]*"/"prompt":null/' long >moved && differ moved none
}
holds 'a prompt moves z and is forgotten' z_alone
holds 'draws of a posterior that is none' refused 1 'slow.samples = 2 draws z from a fitted posterior' \
    "$LTM" train small.ini latent.kind=streaming slow.samples=2 run.dir=runs/none
holds 'tokens ahead' refused 1 'slow.predict = 2 would move z by tokens' \
    "$LTM" train small.ini latent.kind=streaming slow.predict=2 run.dir=runs/none
holds 'states of whole sequences' refused 1 'eval.states = yes writes the states of whole sequences' \
    "$LTM" eval runs/stream corpus eval.dump=states.dump eval.states=yes
holds 'loops that keep no state' refused 1 'loop.backprop = 1 keeps no state' \
    "$LTM" train small.ini latent.kind=streaming model.loops=2 loop.inject=add loop.backprop=1 run.dir=runs/none
holds 'a kind that there is not' refused 1 'latent.kind = "stream" is not known; use fitted or streaming' \
    "$LTM" train small.ini latent.kind=stream run.dir=runs/none
finish
