#!/bin/bash
# ltm serve: completions are those of ltm generate, scores those of ltm score, in the forms that clients of the OpenAI API send.
# shellcheck disable=SC2154,SC2317
top_of_tests=$(dirname "$0")/..
# shellcheck source=tests/serve/server.sh
. "$top_of_tests/serve/server.sh"
"$LTM" train tiny.ini run.tokens=8k run.eval_every=0 slow.lr=0.03 >out 2>err || { cat err; exit 1; }
serve runs/tiny || exit 1
completion() { is 200 "$1" /v1/completions "$2"; }
refusal() { # PATTERN JSON
    post /v1/completions "$2"
    [[ $status = 400 && $body == *'"code":400'* && $body =~ $1 ]] || { echo "$2: $status, wanted 400 and $1: $body"; return 1; }
}

as_generate() { # several prompts, several samples, one that ends in a blank
    printf '%s\n' 'the and of' 'he ' >prompts.txt
    "$LTM" generate runs/tiny --prompts prompts.txt --count 2 --length 9 --seed 7 --stop a --json --threads 1 | jq -sc 'map([.text, .tokens])' >want
    completion '[.choices[].index] == [0, 1, 2, 3] and .object == "text_completion" and .model == "tiny"' \
        '{"prompt": ["the and of", "he "], "n": 2, "max_tokens": 9, "seed": 7, "temperature": 0.8, "top_p": 0.95, "stop": "a"}' &&
        jq -c '[[.choices[].text], .usage.completion_tokens]' reply >got && jq -c '[map(.[0]), (map(.[1]) | add)]' want | diff - got
}
holds 'completions are what ltm generate writes' as_generate
ids() { is 200 .tokens /tokenize "{\"prompt\": \"$1\"}" >/dev/null && jq -c .tokens reply; }
as_ids() {
    local a
    a=$(ids 'the and of') && completion .choices '{"prompt": "the and of", "max_tokens": 8}' && jq -c .choices reply >want &&
        completion .choices "{\"prompt\": $a, \"max_tokens\": 8}" && jq -c .choices reply | diff want - &&
        completion .choices "{\"prompt\": [[1, ${a#[}], \"max_tokens\": 8}" && jq -c .choices reply | diff want -
}
holds 'ids of a prompt stand for it, with or without the one that begins a document' as_ids
as_stream() {
    local request='{"prompt": ["the and", "of"], "n": 2, "max_tokens": 9, "logprobs": 2, "echo": true, "context_tokens": [1, 0], "stream_options": {"include_usage": true}'
    completion .choices "$request}" && post /v1/completions "$request, \"stream\": true}" && [ "$status" = 200 ] || return 1
    mv reply events
    post /v1/completions "$request}"
    [ "$(tail -n 2 events | head -n 1)" = 'data: [DONE]' ] && sed -n 's/^data: {/{/p' events |
        jq -s '.[-1].usage as $usage | map(.choices[]) | group_by(.index) | {usage: $usage, choices: map({index: .[0].index,
            text: map(.text) | add, finish_reason: .[-1].finish_reason, logprobs: (map(.logprobs) | {
            tokens: map(.tokens) | add, token_logprobs: map(.token_logprobs) | add, top_logprobs: map(.top_logprobs) | add,
            text_offset: map(.text_offset) | add})})}' >whole && jq '{usage, choices}' reply | jq -S . | diff - <(jq -S . whole)
}
holds 'a stream adds up to the whole' as_stream
as_score() { # of token ids, as lm-evaluation-harness sends them, and of several at once
    local all
    all=$(ids 'the and of that') || return 1
    echo '{"context": "the and", "continuation": " of that"}' | "$LTM" score runs/tiny run.threads=1 >want 2>err
    local context
    context=$(ids 'the and' | jq length)
    for most in 0 1; do
        completion '.choices[0].logprobs | .token_logprobs[0] == null and (.tokens | length) == (.text_offset | length)' \
            "{\"model\": \"ltm\", \"prompt\": [$all, $all], \"temperature\": 0, \"max_tokens\": $most, \"logprobs\": 1, \"seed\": 1234, \"echo\": true, \"context_tokens\": $context}" &&
            jq -e --argjson c "$context" --argjson m "$most" --slurpfile want want '.choices | length == 2 and all(.logprobs as $l | ($l.tokens | length - $m) as $n |
                ($l.token_logprobs[:$c] | all(. == null)) and (($l.token_logprobs[$c:$n] | add) - $want[0].logprob | . * . < 1e-8) and
                ([$l.token_logprobs, $l.top_logprobs] | transpose[$c:$n] | all(.[0] <= (.[1] | [.[]] | max))) == true and
                (([$l.token_logprobs, $l.top_logprobs] | transpose[$c:$n] | all(.[0] == (.[1] | [.[]] | max))) == $want[0].greedy))' reply || return 1
    done
}
holds 'scores of an echoed prompt are those of ltm score' as_score
prior() { # z from the prior: as the first tokens of nothing
    completion .choices '{"prompt": "the and", "max_tokens": 6, "logprobs": 0, "context_tokens": 0}' && jq -c .choices reply >a &&
        completion .choices '{"prompt": "the and", "max_tokens": 6, "logprobs": 0, "context_tokens": 2}' && jq -c .choices reply >b &&
        completion .choices '{"prompt": "the and", "max_tokens": 6, "logprobs": 0, "context_tokens": 99}' && jq -c .choices reply >c &&
        completion .choices '{"prompt": "the and", "max_tokens": 6, "logprobs": 0}' && jq -c .choices reply | diff - c && differ a c
}
holds 'context_tokens says what z is fitted on' prior
mistakes() {
    refusal 'context_tokens' '{"prompt": "the", "echo": true, "logprobs": 1}' && refusal 'not JSON' '{' && refusal 'not JSON' '' &&
        refusal 'not an object' '[]' && refusal 'prompt.* is missing' '{}' && refusal 'did you mean .*max_tokens' '{"prompt": "a", "max_token": 1}' &&
        refusal 'outside 0' '{"prompt": "a", "max_tokens": -1}' && refusal 'whole number' '{"prompt": "a", "n": "2"}' &&
        refusal 'entry 1 is not a token id' '{"prompt": [3, 320]}' && refusal mixes '{"prompt": ["a", [3]]}' &&
        refusal 'not supported' '{"prompt": "a", "logit_bias": {"3": 1}}' && refusal '2 entries for 1' '{"prompt": "a", "context_tokens": [1, 2]}' &&
        refusal 'over model.sequence = 32' "{\"prompt\": [$(seq -s, 3 40)]}" && refusal session '{"prompt": ["a"], "session": "x", "n": 2}' &&
        refusal refit '{"prompt": "a", "refit": true}' && refusal 'not a text' '{"prompt": "a", "session": 3}' &&
        is 400 '.error.message | test("tokens")' /detokenize '{}' && is 400 '.error.message | test("prompt")' /tokenize '{"prompt": 3}' &&
        is 404 '.error.code == 404' /v2/completions '{}' && is 405 '.error.message | test("only GET")' /v1/models '{}' &&
        completion '.choices[0].text == "" and .choices[0].finish_reason == "length"' \
            '{"prompt": "a", "max_tokens": 0, "suffix": null, "logit_bias": {}, "presence_penalty": 0, "user": "me", "best_of": 1}'
}
holds 'what is wrong is said in JSON, with its status' mistakes
tokenizer() { # as lm-evaluation-harness looks whether a server has one
    curl -s "${url}tokenizer_info" | jq -e '.eos_token == "</s>" and .bos_token == null' && [ "$(ids '</s>')" = '[1]' ] &&
        is 200 '.count == (.tokens | length)' /tokenize '{"prompt": "the and éx", "add_special_tokens": false}' &&
        is 200 '.prompt == "the and éx"' /detokenize "{\"tokens\": $(jq -c .tokens reply)}" &&
        curl -s "${url}v1/models" | jq -e '.data[0].id == "tiny" and .data[0].max_model_len == 32'
}
holds 'the tokenizer answers' tokenizer
sessions() { # the text goes on; another name begins anew; the same words in one turn give the same text
    completion .choices '{"prompt": "the and", "max_tokens": 0, "session": "a"}' &&
        completion .choices '{"prompt": " of", "max_tokens": 25, "session": "a", "seed": 3}' && jq -c .choices reply >a &&
        completion .choices '{"prompt": " of", "max_tokens": 25, "session": "b", "seed": 3}' && jq -c .choices reply >b && differ a b &&
        completion .choices '{"prompt": "the and", "max_tokens": 0, "session": "c"}' &&
        post /v1/completions '{"prompt": " of", "max_tokens": 25, "session": "c", "seed": 3, "stream": true}' &&
        sed -n 's/^data: {/{/p' reply | jq -s 'map(.choices[0].text) | add' | diff - <(jq '.[0].text' a) &&
        completion '.usage.completion_tokens <= 4' '{"prompt": "", "max_tokens": 4, "session": "c", "refit": true, "temperature": 0}'
}
holds 'a session keeps its text and z' sessions
again() { # a reply was lost: the same turn anew gives the same text, and is said once
    local turn='"session": "d", "max_tokens": 12, "seed": 5'
    for at in 0 1 2; do
        completion ".turn == $at" "{\"prompt\": \" the of\", $turn, \"turn\": $at}" && jq -c .choices reply >first || return 1
        completion ".turn == $at" "{\"prompt\": \" the of\", $turn, \"turn\": $at}" && jq -c .choices reply | diff first - || return 1
    done
    refusal 'next turn of session .*d.* is 3, not 1' '{"prompt": "", "session": "d", "turn": 1}' && refusal 'turn' '{"prompt": "a", "turn": 1}' &&
        refusal 'is 0, not 3' '{"prompt": "", "session": "new", "turn": 3}' &&
        completion '.turn == 3' "{\"prompt\": \" that\", $turn}" && jq -c .choices reply >first &&
        completion .choices '{"prompt": "", "max_tokens": 3, "session": "d", "turn": 4}' && refusal 'is 5, not 3' '{"prompt": "", "session": "d", "turn": 3}'
}
holds 'a turn whose reply was lost is asked for again' again
kept() { # a turn that fails when it is asked for again leaves the one that was answered
    for name in whole tried; do
        completion '.turn == 0' "{\"prompt\": \"the of\", \"max_tokens\": 9, \"seed\": 5, \"session\": \"$name\", \"turn\": 0}" || return 1
        [ "$name" = whole ] || refusal 'no text yet' "{\"prompt\": \"\", \"refit\": true, \"session\": \"$name\", \"turn\": 0}" || return 1
        completion '.turn == 1' "{\"prompt\": \" that\", \"max_tokens\": 9, \"seed\": 6, \"session\": \"$name\", \"turn\": 1}" || return 1
        jq -c .choices reply >"$name.next"
    done
    diff whole.next tried.next && refusal 'is 2, not 0' '{"prompt": "", "session": "tried", "turn": 0}'
}
holds 'a turn that fails when it is repeated' kept
holds 'SIGTERM ends it' end
streams() { # z moves with what is read, echoed or written: scores need no context_tokens, and are those of the text when it was written
    "$LTM" train tiny.ini run.dir=runs/stream latent.kind=streaming latent.chunk=4 run.tokens=8k slow.lr=0.03 run.eval_every=0 >out 2>err && serve runs/stream run.precision=fp32 || return 1
    text=$(yes 'the and of' | head -n 15 | tr '\n' ' ' | sed 's/ $//') # over model.sequence
    for seed in 1 2 3 4 5 6; do
        completion .choices "{\"prompt\": \"$text\", \"max_tokens\": 20, \"logprobs\": 0, \"seed\": $seed}" &&
            jq -c '.choices[0] | [.logprobs.tokens, .logprobs.token_logprobs, .text]' reply >written || return 1
        completion .choices "{\"prompt\": $(jq --arg t "$text" '$t + .[2]' written), \"max_tokens\": 0, \"logprobs\": 1, \"echo\": true}" || return 1
        # Its pieces may be cut otherwise when it is read.
        jq -e --slurpfile w written '.choices[0].logprobs.tokens[-20:] == $w[0][0]' reply && break
    done
    jq -e --slurpfile w written '.choices[0].logprobs.token_logprobs as $l | $l[0] == null and ([$l[-20:], $w[0][1]] | transpose | all(.[0] - .[1] | . * . < 1e-10))' reply || return 1
    mv reply moved
    scored="\"prompt\": $(jq --arg t "$text" '$t + .[2]' written), \"max_tokens\": 0, \"logprobs\": 1, \"echo\": true, \"context_tokens\""
    refusal 'tokens behind its context, where z stays: over model.sequence = 32' "{$scored: 3}" &&
        completion .choices "{${scored/'"logprobs": 1, '/}: 3}" &&
        completion .choices "{$scored: $(jq '.choices[0].logprobs.tokens | length - 20' moved)}" &&
        jq -e --slurpfile m moved '[.choices[0], $m[0].choices[0]] | map(.logprobs.token_logprobs[-20:]) | transpose | any(.[0] - .[1] | . * . > 1e-8)' reply || return 1
    for at in 0 1 1 2 2; do # a turn again, also behind the window's slide
        completion ".turn == $at" "{\"prompt\": \"the of\", \"max_tokens\": 20, \"session\": \"s\", \"turn\": $at}" && jq -c .choices reply >>"turn$at" || return 1
    done
    [ "$(sort -u turn1 | wc -l)" = 1 ] && [ "$(sort -u turn2 | wc -l)" = 1 ] && end TERM
}
holds 'latents that stream' streams
finish
