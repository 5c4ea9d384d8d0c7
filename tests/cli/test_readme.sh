#!/bin/bash
# What README.md says can be done: its commands exist and run, its targets are the Makefile's, its links lead somewhere.
# shellcheck disable=SC2016,SC2154,SC2317
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
readme=$top/README.md

commands() { # of the table, and of the text
    grep -oE '`ltm [a-z]+( (build|synth))?`' "$readme" | tr -d '`' | sort -u >named
    [ "$(wc -l <named)" -ge 18 ] || return 1
    while read -r _ command; do
        # shellcheck disable=SC2086 # corpus build is two words
        "$LTM" $command --help | grep -q '^usage: ltm' || { echo "ltm $command"; return 1; }
    done <named
    "$LTM" --help >help.txt
    sed -n 's/^  ltm \([a-z]*\).*/\1/p; s/^  \([a-z]*\)  .*/\1/p' help.txt | sort -u >listed
    while read -r command; do grep -q "ltm $command" "$readme" || { echo "README lacks ltm $command"; return 1; }; done <listed
    [ -s listed ]
}
holds 'its commands are those that there are' commands
targets() {
    grep -oE '(^|`)make [a-z-]+' "$readme" | sed 's/.*make //' | sort -u >targets.txt
    while read -r target; do grep -qE "^$target:" "$top/Makefile" || { echo "make $target"; return 1; }; done <targets.txt
    [ -s targets.txt ]
}
holds 'its targets are in the Makefile' targets
links() {
    grep -oE '\]\([^)]+\)' "$readme" | sed 's/^](//; s/)$//' | grep -v '^http' >links.txt
    while read -r link; do [ -e "$top/$link" ] || { echo "$link"; return 1; }; done <links.txt
    [ -s links.txt ]
}
holds 'its links lead somewhere' links
own_text() { # the five lines of "Train on your own text", at a size for a test
    small_corpus && mkdir my-text && cp text.txt my-text/ && mkdir build && ln -s "$LTM" build/ltm && cp -r "$top/runs/micro.ini" tiny-micro.ini || return 1
    sed -n '/^## Train on your own text/,/^A run/p' "$readme" | grep '^build/ltm' >lines
    [ "$(wc -l <lines)" = 5 ] || return 1
    sed -e 's/--vocab-size 4096/--vocab-size 320/; s#runs/micro.ini#tiny-micro.ini model.dim=16 model.heads=2 model.kv_heads=2 model.layers=1 latent.count=2 model.sequence=64 run.threads=1#' \
        -e 's/run.tokens=20M/run.tokens=2k/; s/my-text\/$/--separator --- &/; s/eval runs/eval eval.sequences=2 run.threads=1 runs/; s/--prompt/--length 4 &/' lines >scaled
    cat scaled
    bash -e scaled
}
holds 'training on your own text' own_text
finish
