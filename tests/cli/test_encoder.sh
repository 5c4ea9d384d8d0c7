#!/bin/bash
# A posterior that an encoder starts, as a user meets it: training, the amortisation gap, text behind a prompt.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015,SC2016
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }

trains() {
    run "$LTM" train tiny.ini run.dir=run run.precision=fp32 run.threads=1 run.tokens=20k slow.lr=0.02 latent.encoder=bag fast.steps=1
    [ "$code" = 0 ] || { cat err; return 1; }
}
holds 'a model with an encoder trains' trains

gap() { # the bound of no step is where the encoder starts
    "$LTM" eval run corpus --json eval.sequences=9 eval.continuation=0 >one.json &&
        "$LTM" eval run corpus --json eval.sequences=9 eval.continuation=0 eval.fast.steps=0 >none.json || return 1
    jq -se 'map(.[0]) | .[0].start.nats_per_token.mean as $start |
        .[0].bound.nats_per_token.mean as $bound | .[0].amortisation_gap.nats_per_token.mean as $gap |
        .[1].bound.nats_per_token.mean as $none |
        ($start - $none | fabs) < 1e-7 and ($start - $bound - $gap | fabs) < 1e-7 and (.[1].amortisation_gap.nats_per_token.mean | fabs) < 1e-7' \
        one.json none.json >out || { cat one.json; return 1; }
}
holds 'eval shows the amortisation gap' gap

generates() {
    run "$LTM" generate run --prompt "the and"
    [ "$code" = 0 ] || { cat err; return 1; }
}
holds 'a prompt is fitted from where the encoder starts' generates

unknown() { refused 1 'latent.encoder = "sack" is not known; use none or bag' "$LTM" train tiny.ini run.dir=no latent.encoder=sack; }
learns_fits() { # other weights than by the bound, the same on any threads
    local train=("$LTM" train tiny.ini run.precision=fp32 latent.encoder=bag fast.steps=2 run.tokens=2k) target
    for target in bound:1 fit:1 fit:2; do
        "${train[@]}" run.dir="target-$target" latent.encoder_target="${target%:*}" run.threads="${target#*:}" >out 2>err || { cat err; return 1; }
    done
    local model=checkpoints/best/model.safetensors
    cmp "target-fit:1/$model" "target-fit:2/$model" && differ "target-fit:1/$model" "target-bound:1/$model" &&
        refused 1 'there is none; set latent.encoder = bag' "$LTM" train tiny.ini run.dir=no latent.encoder_target=fit &&
        refused 1 'fast.steps = 0 has none' "$LTM" train tiny.ini run.dir=no latent.encoder=bag latent.encoder_target=fit fast.steps=0 &&
        run "$LTM" eval "target-fit:1" corpus fast.steps=0 eval.sequences=4 && [ "$code" = 0 ] # which scores the encoder alone
}
holds 'an encoder may learn to predict fits, with the same bits on any threads' learns_fits
holds 'an encoder that there is none of is refused' unknown
