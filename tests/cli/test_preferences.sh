#!/bin/bash
# A model on function calls, tuned on answers and then on preferences, and the pairs that its own samples make.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"

"$LTM" corpus synth calls -o calls --documents 150 --train-items 60 --items 20 --vocab-size 340 >out 2>err || { cat err; exit 1; }
cat >calls.ini <<'E2'
[model]
dim = 16
layers = 1
heads = 2
sequence = 128
window = 128
[slow]
batch = 4
warmup = 0
[run]
tokens = 3k
eval_every = 3
eval_sequences = 4
threads = 1
E2
train=("$LTM" train calls.ini)
pairs=(data.kind=pairs data.packing=document data.tokenizer=calls/tokenizer.model data.heldout=calls/test-pairs.jsonl)
records() { jq -se "$2" "$1/log.jsonl" >/dev/null; }

chain() {
    local set=(latent.count=2 fast.steps=1) to=run
    "${train[@]}" "${set[@]}" data.corpus=calls/corpus run.dir="$to" &&
        "${train[@]}" "${set[@]}" --from "$to" "${pairs[@]}" data.corpus=calls/train-pairs.jsonl run.dir="$to-sft" &&
        records "$to-sft" 'map(select(.heldout)) | length == 2 and all(.exact_match >= 0 and .bound > 0)' &&
        "${train[@]}" "${set[@]}" --from "$to-sft" "${pairs[@]}" data.corpus=calls/train-pairs.jsonl slow.objective=dpo \
            run.dir="$to-dpo" >dpo 2>&1 && lacks -q 'the reference has new, untrained weights' dpo &&
        records "$to-dpo" '.[0].margin == 0 and (.[0].loss - (2 | log) | fabs) < 1e-12 and (map(select(.heldout)) | all(.loss > 0))' &&
        "$LTM" fewshot "$to-dpo" calls --limit 4 --samples 4 --pairs -o "$to-results" &&
        jq -se 'length > 0 and all(.chosen != .rejected and (.prompt | endswith("Call:")))' "$to-results/pairs_calls_0shot.jsonl" &&
        "${train[@]}" "${set[@]}" --from "$to-dpo" "${pairs[@]}" data.corpus="$to-results/pairs_calls_0shot.jsonl" \
            slow.objective=dpo slow.ema=0.5 run.dir="$to-own" && records "$to-own" 'map(select(.heldout)) | all(.ema_loss > 0)' &&
        lacks -q 'held-out bound' "$to-own/report.html" && [ ! -e "$to-own/sequences.csv" ]
}
holds 'weights go from text to answers, to preferences, and to those of their own samples' chain

of_new_weights() {
    run "${train[@]}" "${pairs[@]}" data.corpus=calls/train-pairs.jsonl slow.objective=dpo latent.count=0 \
        run.tokens=512 run.eval_every=0 run.dir=new
    [ "$code" = 0 ] && grep -q '^the reference has new, untrained weights' err || { cat err; return 1; }
}
holds 'a reference that has learnt nothing is told of' of_new_weights
holds 'answers want a tokenizer' refused 1 'reads text; name a tokenizer in data.tokenizer \(with run.from, the one beside those weights' \
    "${train[@]}" data.kind=pairs data.packing=document data.corpus=calls/train-pairs.jsonl run.dir=none
holds 'data.heldout is of pairs alone' refused 1 'data.heldout = calls/test-pairs.jsonl is read only with data.kind = pairs' \
    "${train[@]}" data.corpus=calls/corpus data.heldout=calls/test-pairs.jsonl run.dir=none
holds 'no posteriors of pairs are stored' refused 1 'fast.stored = 0.5 keeps .* does not work with data.kind = pairs' \
    "${train[@]}" "${pairs[@]}" data.corpus=calls/train-pairs.jsonl fast.stored=0.5 run.dir=none
finish
