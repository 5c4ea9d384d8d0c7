#!/bin/bash
# lm-evaluation-harness itself, where it is installed: its local-completions against ltm serve, and our class for ltm score.
# shellcheck disable=SC2154,SC2317
top_of_tests=$(dirname "$0")/..
python3 -c 'import lm_eval.models.openai_completions' 2>/dev/null || { echo '1..0 # SKIP lm-evaluation-harness is not installed (pip install lm-eval[api])'; exit 77; }
# shellcheck source=tests/serve/server.sh
. "$top_of_tests/serve/server.sh"
export PYTHONPATH=$top/tests/cli${PYTHONPATH:+:$PYTHONPATH}
for i in 1 2 3 4; do echo "{\"context\": \"the $i and é$([ $i = 2 ] || echo ' ')\", \"choices\": [\"of\", \"sha ra\", \"that he\"], \"gold\": 1}"; done >c.jsonl
for words in 'the and' 'of' 'lo su ti go'; do echo "{\"context\": \"$words\", \"answer\": \"x\"}"; done >g.jsonl
printf '[task]\nname = c\nkind = choices\nitems = c.jsonl\n' >c.ini
printf '[task]\nname = g\nkind = generate\nitems = g.jsonl\nstop = a\nlength = 9\n' >g.ini
made() { # NAME SETTING…: a model and what ltm fewshot says of it
    local name=$1
    shift
    if ! "$LTM" train tiny.ini model.sequence=64 "$@" "run.dir=runs/$name" run.tokens=8k slow.lr=0.03 run.eval_every=0 >out 2>err ||
        ! "$LTM" fewshot "runs/$name" c.ini g.ini -o "$name" run.threads=1 run.precision=fp32 >out 2>err; then
        cat err
        exit 1
    fi
}
made plain latent.count=0
made stream latent.kind=streaming latent.chunk=8
made fitted latent.count=2
serve runs/plain run.precision=fp32 || exit 1
holds 'local-completions gets the scores and texts of ltm fewshot' python3 "$top/tests/serve/harness.py" "$url" plain 64
end TERM
serve runs/fitted run.precision=fp32 || exit 1
unknown() { # where the context ends is not said, so z cannot be fitted on it
    ! python3 "$top/tests/serve/harness.py" "$url" fitted 64 >out 2>&1 && grep -q 'context_tokens' out
}
holds 'fitted latents: refused, in words' unknown
end TERM
for kind in plain stream; do # with fitted latents the noise of a fit is each program's own
    holds "our class: $kind" python3 "$top/tests/serve/harness.py" --class runs/$kind "$LTM" $kind
done
finish
