#!/bin/bash
# ltm score: what it says is what ltm fewshot says, whatever else is asked; every mistake is a reply; a Python class drives it.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }
"$LTM" train tiny.ini >out 2>err && "$LTM" train tiny.ini latent.count=0 run.dir=runs/plain >out 2>err || { cat err; exit 1; }

ask() { # checkpoint, then options; requests on standard input
    "$LTM" score "$@" >replies 2>err
}
for i in 1 2 3; do echo "{\"context\": \"the $i and\", \"choices\": [\"of\", \"sha ra\", \"that he\"], \"gold\": 1}"; done >items.jsonl
printf '[task]\nname = x\nkind = choices\nitems = items.jsonl\n' >x.ini
same() { # a plain decoder: its scores are the same bits but for the order of sums
    "$LTM" fewshot runs/plain x.ini -o res >out 2>err || return 1
    jq -c '.arguments[] | {context: .arg_0, continuation: .arg_1}' res/samples_x_0shot.jsonl | ask runs/plain &&
        paste <(jq -r '.resps[][0][0]' res/samples_x_0shot.jsonl) <(jq .logprob replies) | tee both &&
        awk '($1 - $2) ^ 2 > 1e-8 * $1 ^ 2 { bad = 1 } END { exit bad || NR != 9 }' both
}
holds 'scores are those of ltm fewshot' same
requests() {
    jq -c '.context as $c | .choices[] | {id: ($c + .), context: $c, continuation: (" " + .)}' items.jsonl
    jq -c '{id: .context, context, generate: true, length: 6, stop: ["a", "\n"], temperature: 0.8}' items.jsonl
}
independent() { # in any order, one by one, on any number of threads
    requests | ask runs/tiny run.threads=1 && sort replies >one || { cat err; return 1; }
    requests | tac | ask runs/tiny run.threads=3 && sort replies >three && requests | while read -r line; do
        echo "$line" | "$LTM" score runs/tiny run.threads=1 2>err
    done | sort >alone && [ "$(wc -l <one)" = 12 ] && cmp one three && cmp one alone && lacks error one &&
        jq -se 'map(select(.text)) | length == 3 and all((.tokens <= 6) and (.text | contains("a") | not))' one &&
        jq -se 'map(select(.logprob)) | length == 9 and all(.logprob < 0 and .cut == false and .tokens >= 1)' one
}
holds 'a reply depends on its request alone' independent
interactive() { # each before the next is asked, until the end
    coproc asked { "$LTM" score runs/tiny 2>err; }
    local reply to=${asked[1]} from=${asked[0]} pid=$asked_PID
    for word in of that; do
        echo "{\"context\": \"the\", \"continuation\": \" $word\"}" >&"$to" || return 1
        read -r -t 60 reply <&"$from" && [[ $reply == *logprob* ]] || return 1
    done
    eval "exec $to>&-" && wait "$pid"
}
holds 'and comes at once' interactive
mistakes() {
    printf '%s\n' '{"context": "a", "continuation": " b"}' 'no JSON' '' '[]' '{"context": "a"}' '{"context": 1, "continuation": "b"}' \
        '{"context": "a", "continuation": ""}' '{"id": 7, "context": "a", "generate": true, "length": 100000}' \
        "{\"context\": \"\", \"continuation\": \"$(printf '%0500d' 0)\"}" >bad
    printf '{"context": "a", "continuation": " b"}' >>bad # no newline at the end
    ask runs/tiny <bad && [ "$(wc -l <replies)" = 9 ] && jq -se 'map(has("error")) == [false, true, true, true, true, true, true, true, false] and
        .[6].id == 7 and (.[6].error | contains("\"length\"")) and (.[7].error | contains("longer than model.sequence")) and
        .[0] == .[8]' replies
}
holds 'what is wrong with a request is its reply' mistakes
tokens() { # a request in text, the same in ids, each with the scores of its tokens
    local words='{"context": "the 1 and", "continuation": " sha ra"}'
    ids() { printf %s "$1" | "$LTM" tokenizer encode tok.model | jq -R 'split(" ") | map(tonumber)' | jq -cs add; }
    local context all
    context=$(ids 'the 1 and') all=$(ids 'the 1 and sha ra') || return 1
    for model in tiny plain; do
        {
            echo "$words"
            jq -c '. + {top: 3}' <<<"$words"
            jq -cn --argjson c "$context" --argjson a "$all" '{context: $c, continuation: $a[$c | length:], top: 20}'
            echo '{"context": [1, 400], "continuation": [5]}'
            echo '{"context": [], "continuation": []}'
            echo '{"context": [], "continuation": [5], "top": 21}'
            echo '{"context": [5], "continuation": [5], "moves": true}'
        } | ask "runs/$model" && jq -se --argjson c "$context" --argjson a "$all" '
            .[0].logprob as $all | (.[1:3] | all(.logprob == $all and .ids == $a[$c | length:] and
                ((.logprobs | add) - $all | . * . < 1e-10) and (.top | length) == (.ids | length) and
                ([.top, .logprobs, .ids] | transpose | all(.[1] as $p | .[2] as $id | .[0] |
                    all(.[1] <= 0 and (.[0] != $id or .[1] == $p)) and . == sort_by(-.[1]))))) and
            (.[2].top | all(length == 20)) and (.[0] | has("ids") | not) and
            ([.[3:][].error] | (.[0] | contains("entry 1 is not a token id from 0 to 319")) and (.[1] | contains("empty")) and
                (.[2] | contains("\"top\"")) and (.[3] | contains("streaming latents")))' replies || { cat replies; return 1; }
    done
}
holds 'tokens one by one, and requests in token ids' tokens
holds 'no checkpoint' refused 2 'name one checkpoint' "$LTM" score
holds 'none there' refused 1 'nothing' "$LTM" score nothing

drive() { # the class, with a stand-in for the harness
    mkdir -p lm_eval/api && touch lm_eval/__init__.py lm_eval/api/__init__.py
    echo 'class LM: pass' >lm_eval/api/model.py
    echo 'def register_model(name): return lambda made: made' >lm_eval/api/registry.py
    jq -c '.arguments[] | [.arg_0, .arg_1]' res/samples_x_0shot.jsonl >pairs.jsonl
    cat >drive.py <<'P'
import json, sys
from types import SimpleNamespace
sys.path[:0] = [".", sys.argv[1]]
from lm_eval_ltm import LTM
model = LTM(checkpoint="runs/plain", ltm=sys.argv[2], batch_size=1)
pairs = [SimpleNamespace(args=tuple(json.loads(line))) for line in open("pairs.jsonl")]
for logprob, greedy in model.loglikelihood(pairs * 300): print(logprob, greedy)
assert len(model.generate_until([SimpleNamespace(args=("the", {"until": ["\n"], "max_gen_toks": 4}))])) == 1
assert model.loglikelihood_rolling([SimpleNamespace(args=("the and",))])[0] < 0
P
    python3 drive.py "$top/tests/cli" "$LTM" >driven && [ "$(wc -l <driven)" = 2700 ] &&
        paste <(jq -r '.resps[][0][0]' res/samples_x_0shot.jsonl) <(head -n 9 driven) | awk '($1 - $2) ^ 2 > 1e-8 * $1 ^ 2 { exit 1 }'
}
if command -v python3 >/dev/null; then holds 'the class for lm-evaluation-harness' drive; fi
finish
