#!/bin/bash
# Beyond one run, as a user sees it: runs from the weights of another, means of weights, mixtures of corpora.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/cli.sh"
small_corpus || { cat err; exit 1; }

"$LTM" tokenizer train -o other.model --vocab-size 320 --type bpe --separator --- text.txt >out 2>err &&
    "$LTM" corpus build -o more --tokenizer tok.model --separator --- --heldout 0.3 text.txt >out 2>err &&
    "$LTM" corpus build -o foreign --tokenizer other.model --separator --- --heldout 0.1 text.txt >out 2>err &&
    "$LTM" train tiny.ini >out 2>err || { cat err; exit 1; }

from_weights() { # on another corpus with the same tokenizer
    run "$LTM" train tiny.ini --from runs/tiny data.corpus=more latent.count=0 run.dir=runs/from
    [ "$code" = 0 ] && grep -q '^starts from the weights of runs/tiny/checkpoints/best/model.safetensors (slow step ' err &&
        grep -q '^left out: 5 weights of .* numbers: layers.\*.cross_attention_norm.weight (1), ' err &&
        grep -q '^carried over: 11 weights of ' err && grep -q '^from = runs/tiny$' runs/from/config.ini || { cat err; return 1; }
}
holds 'train --from begins with the weights of another run' from_weights
holds 'and refuses another tokenizer' refused 1 'trained with tokenizer .*; build the corpus with the tokenizer.model beside' \
    "$LTM" train tiny.ini --from runs/tiny data.corpus=foreign run.dir=runs/none
holds 'and a run that began otherwise' refused 1 'began with new weights, now run.from is runs/from; leave it out' \
    "$LTM" train tiny.ini --from runs/from

averages() {
    run "$LTM" average -o mean runs/tiny/checkpoints/step-*
    [ "$code" = 0 ] && grep -qE '^mean: the mean of 2 models of [0-9]+ weights, of slow step 8$' out &&
        "$LTM" eval mean corpus eval.sequences=2 >out 2>err && "$LTM" generate mean --prompt the --length 4 >out 2>err &&
        "$LTM" inspect mean >out || { cat out err; return 1; }
}
holds 'average makes a checkpoint that is scored, asked and shown' averages
holds 'models unlike each other have no mean' refused 1 'runs/tiny has latent.count = 2, but runs/from has 0; average only' \
    "$LTM" average -o none runs/tiny runs/from
holds 'one model has no mean' refused 2 'name at least two checkpoints' "$LTM" average -o none runs/tiny

mixture() {
    run "$LTM" train tiny.ini data.corpus= data.corpora='corpus:0.7 more:0.3' run.dir=runs/mixed
    [ "$code" = 0 ] && grep -qE '^[0-9.]+ passes over the [0-9]+ training tokens of corpus, 70 % of all$' err &&
        grep -qE '^[0-9.]+ passes over the [0-9]+ training tokens of more, 30 % of all$' err &&
        [ "$(grep -c '^  30 % more: [0-9]' err)" = 2 ] && grep -q 'then of more' runs/mixed/report.html || { cat err; return 1; }
    jq -se 'map(select(.heldout)) | length == 2 and all(.corpora | map(.corpus) == ["corpus", "more"] and all(.bits_per_byte > 0))' \
        runs/mixed/log.jsonl
}
holds 'several corpora are trained on, and scored each' mixture
holds 'but with one tokenizer' refused 1 'corpus was built with tokenizer .*, but foreign with .*; rebuild one of them' \
    "$LTM" train tiny.ini data.corpus= data.corpora='corpus:0.7 foreign:0.3' run.dir=runs/none
holds 'and not beside data.corpus' refused 1 'data.corpus and data.corpora are both set' "$LTM" train tiny.ini data.corpora=more:1
study() {
    printf '[study]\nbase = mixed.ini\n[budget]\ntokens = 1k\n[axes]\nmodel.dim = 16\n' >study.ini
    sed 's/^corpus = corpus/corpora = corpus:1 more:1/' tiny.ini >mixed.ini
    refused 1 'mixed.ini sets data.corpora; a study uses one data.corpus' "$LTM" sweep study.ini
}
holds 'a study has one corpus' study
finish
