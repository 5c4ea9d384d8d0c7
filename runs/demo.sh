#!/bin/bash
# make demo: from an English text to a trained and scored latent thought model, in about five minutes on two cores.
# Run again, training goes on where it was stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
export LTM=${LTM:-build/ltm}
MAKE=${MAKE:-make}

stage() { printf '\n%s  %s\n' "$(printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60)))" "$*"; }

stage 'build'
$MAKE all
stage 'corpus: the King James Bible, a document a chapter'
corpora/kjv/build
stage 'train: runs/demo.ini'
"$LTM" train runs/demo.ini
stage 'score: chapters that training never saw'
"$LTM" eval runs/demo corpora/kjv/data/corpus
stage 'two samples: thoughts drawn from the prior, then text'
"$LTM" generate runs/demo count=2 length=120
stage 'done. What lies where:'
cat <<TEXT
    corpora/kjv/data/corpus   the text as tokens, and its tokenizer
    runs/demo.ini             what was trained and how
    runs/demo/                log.jsonl, config.ini, checkpoints/
And what to try next:
    $LTM --help
    $LTM inspect runs/demo
    $LTM generate runs/demo --prompt 'And it came to pass'
TEXT
