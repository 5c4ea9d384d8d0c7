#!/bin/bash
# Layers that run in loops, as a user sees them: presets, training, scans of eval.loops, generation.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }

presets() { # parameters once, applications as often as they run
    "$LTM" inspect --json "$top/runs/mobile-125m.ini" >small && "$LTM" inspect --json "$top/runs/mobile-350m.ini" >large &&
        sed 's/^output = own/&\nvocab = 2048/' "$top/runs/deep-nano.ini" >nano.ini && "$LTM" inspect --json nano.ini >nano || return 1
    jq -e '(.parameters / 1e6 | round) == 125 and ([.plan[] | select(.stage == "feed-forward")] | length) == 60 and
        ([.plan[].forward_flops] | add) == .forward_flops_per_token' small &&
        jq -e '(.parameters / 1e6 | round) == 345 and ([.blocks[] | select(.name | startswith("layers"))] | length) == 32' large &&
        jq -e '[.plan[].stage] | map(select(. == "loop add")) | length == 3' nano
}
holds 'presets have the published sizes' presets
sed 's/^tokens = .*/tokens = 3k/' tiny.ini >small.ini
trains() {
    "$LTM" train small.ini model.layers=3 latent.count=4 latent.from=1 model.prelude=1 model.loops=2 loop.inject=diagonal \
        loop.start=0.5 fast.loops=1 run.dir=runs/looped >out 2>err || { cat err; return 1; }
    jq -se 'map(select(.heldout | not) | .loops) | .[0] == 1 and .[-1] == 2' runs/looped/log.jsonl
}
holds 'loops begin late, and the log has them' trains
scans() {
    "$LTM" eval runs/looped corpus eval.sequences=4 eval.loops=1,2,4 --json >scan &&
        "$LTM" eval runs/looped corpus eval.sequences=4 --json >once || { cat err; return 1; }
    jq -se '(.[0] | map(.bound.nats_per_token.mean)) as $all | ($all | length) == 3 and $all[1] == .[1][0].bound.nats_per_token.mean and
        ($all | unique | length) == 3' scan once
}
holds 'eval.loops scans' scans
holds 'text comes out' "$LTM" generate runs/looped --prompt 'the' --length 8
holds 'weights that are not there' refused 1 'model.loops = 1 has no weights of loop.inject' \
    "$LTM" train small.ini loop.inject=add eval.loops=2 run.dir=runs/none
finish
