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
        jq -e '[.plan[].stage] | map(select(. == "loop add")) | length == 3' nano || return 1
    local layers=10 preset
    for preset in mobile-nano mobile-micro; do # each layer twice, three query heads to one of keys and values
        sed 's/^output = own/&\nvocab = 2048/' "$top/runs/$preset.ini" >cpu.ini && "$LTM" inspect --json cpu.ini >cpu &&
            jq -e --argjson layers "$layers" '([.plan[] | select(.stage == "feed-forward")] | length) == 2 * $layers and
                .configuration["model.heads"] == 3 * .configuration["model.kv_heads"]' cpu || return 1
        layers=16
    done
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
exits() { # a threshold of 0 is never reached, a high one behind two loops (state) or one (kl); all in between is counted
    "$LTM" eval runs/looped corpus eval.sequences=4 eval.loops=6 eval.exit=fixed,state,kl eval.exit_state=0,1000 eval.exit_kl=1000 \
        --json >exits && "$LTM" eval runs/looped corpus eval.sequences=4 eval.loops=6 eval.exit=state eval.exit_state=0.2 --json \
        run.threads=1 >one && "$LTM" eval runs/looped corpus eval.sequences=4 eval.loops=6 eval.exit=state eval.exit_state=0.2 \
        --json run.threads=2 >two && "$LTM" eval runs/looped corpus eval.sequences=4 eval.exit=state >block || { cat err; return 1; }
    jq -e 'map(.depth) == [6, 6, 6, 2, 1, 1] and .[0].bound == .[2].bound and (.[0] | has("depth_by_surprise") | not) and
        all(.[2:][]; ([.depth_by_surprise[].tokens] | add) == .tokens and ([.depth_by_position[].tokens] | add) == .tokens)' exits &&
        jq -e '.[0].depth >= 2 and .[0].depth <= 6 and .[0].loops == 6' one && grep -q '^depth: .* of 2 loops a token' block &&
        jq 'map(del(.seconds))' one >one_thread && jq 'map(del(.seconds))' two | cmp - one_thread
}
holds 'positions leave loops, whatever the threads' exits
answers() { # the same rule for the tokens of answers, by difficulty too; a folder belongs to its rule
    local of=(runs/looped task --limit 12 --json)
    "$LTM" corpus synth hops -o task --documents 20 --train-items 4 --items 12 hops=2 length=12 problems=1 >/dev/null 2>err &&
        "$LTM" fewshot "${of[@]}" run.threads=1 eval.loops=3 eval.exit=state eval.exit_state=0 >stay && "$LTM" fewshot "${of[@]}" run.threads=1 eval.loops=3 >all &&
        "$LTM" fewshot "${of[@]}" run.threads=1 eval.exit=kl eval.exit_kl=1000 -o res >kl &&
        "$LTM" fewshot "${of[@]}" run.threads=1 eval.exit=state eval.exit_state=.4 eval.loops=6 >one &&
        "$LTM" fewshot "${of[@]}" run.threads=2 eval.exit=state eval.exit_state=.4 eval.loops=6 >two || { cat err; return 1; }
    jq -e '.results.hops | .["depth,none"] == 3 and .["depth@hops=1,none"] == 3' stay && jq -e '.results.hops["depth,none"] == 1' kl &&
        jq -e '.results.hops | has("depth,none") | not' all && jq '.results.hops | .["acc,none"], .["acc@hops=2,none"]' all >a &&
        jq '.results.hops | .["acc,none"], .["acc@hops=2,none"]' stay | cmp - a && jq -e '.results.hops["depth,none"] | . >= 2 and . <= 6' one &&
        jq .results one >a && jq .results two | cmp - a && jq -e .depth res/samples_hops_0shot.jsonl >/dev/null || { jq .results stay all kl one; return 1; }
    refused 1 'eval.exit_kl' "$LTM" fewshot "${of[@]}" run.threads=1 eval.exit=kl eval.exit_kl=500 -o res &&
        refused 1 'eval.exit_kl = 1000.0, now it is nothing' "$LTM" fewshot "${of[@]}" run.threads=1 -o res || return 1
    "$LTM" fewshot "${of[@]}" run.threads=1 -o plain >own && # eval.loops = 2 is the model's own
        "$LTM" fewshot "${of[@]}" run.threads=1 eval.loops=2 -o plain >again || { cat err; return 1; }
    refused 1 'eval.loops = nothing, now it is 3' "$LTM" fewshot "${of[@]}" run.threads=1 eval.loops=3 -o plain
}
holds 'answers leave loops, and say after how many' answers
leaves() {
    "$LTM" generate runs/looped --prompt 'the' --length 8 --past-end --json eval.exit=kl eval.exit_kl=1000 >left &&
        "$LTM" generate runs/looped --prompt 'the' --length 8 --past-end --json eval.exit=kl eval.exit_kl=0 >stayed &&
        "$LTM" generate runs/looped --prompt 'the' --length 8 --past-end --json >all || return 1
    jq -e '.depth == 1' left && jq -e '.depth == 2' all && cmp stayed all
}
holds 'generation leaves loops' leaves
holds 'no loops to leave' refused 1 'model.order = AABB has no whole loops that a position could leave' \
    "$LTM" train small.ini model.order=AABB latent.count=0 model.loops=2 eval.exit=state run.dir=runs/none
holds 'text comes out' "$LTM" generate runs/looped --prompt 'the' --length 8
holds 'weights that are not there' refused 1 'model.loops = 1 has no weights of loop.inject' \
    "$LTM" train small.ini loop.inject=add eval.loops=2 run.dir=runs/none
finish
