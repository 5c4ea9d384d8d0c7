#!/bin/bash
# corpora/*/build on small files of the form that each expects.
# shellcheck source=tests/cli/cli.sh disable=SC1091,SC2154,SC2317,SC2015,SC2016,SC2094
. "$(dirname "$0")/../cli/cli.sh"
export LTM DATA
recipe() { DATA=$PWD/$1 VOCAB=${2:-330} "$top/corpora/$1/build"; }
documents() { jq -e ".$2.documents == $3" "$1/corpus.json"; }
sentences() { # COUNT: lines of made-up words, each another
    awk -v count="$1" 'BEGIN {
        srand(count); n = split("the and of to that in he sha ll un for hi s a th ey be ra men ka lo su ti go", part)
        for (i = 0; i < count; i++) {
            for (j = 0; j < 9; j++) printf "%s%s ", part[1 + int(rand() * n)], part[1 + int(rand() * n)]
            print "."
        }
    }'
}
command -v jq >/dev/null || { echo '1..0 # SKIP jq is not there'; exit 77; }

if command -v bible >/dev/null; then
    kjv() {
        recipe kjv 2048 && [ "$(grep -c '^<|endoftext|>$' kjv/kjv.txt)" = 1188 ] &&
            jq -e '.train.documents + .heldout.documents == 1189 and .vocab == 2048' kjv/corpus/corpus.json &&
            [ "$(sed -n 3p kjv/kjv.txt)" = 'In the beginning God created the heaven and the earth.' ] &&
            grep -qx 'Song of Solomon 8' kjv/kjv.txt && lacks -qE '^ |[0-9] [A-Z]' <(grep -vE '^[A-Z1-3].* [0-9]+$' kjv/kjv.txt)
    }
    holds 'the King James Bible, a chapter a document' kjv
fi

mkdir wikitext-103 tinystories openwebtext
wiki() { for i in $(seq "$1"); do printf ' \n = Article %d = \n \n' "$i"; sentences 20; printf ' \n = = Section = = \n \n'; sentences $((20 + i)); done; }
wiki 40 >wikitext-103/wiki.train.raw
wiki 5 >wikitext-103/wiki.valid.raw
wikitext() {
    recipe wikitext-103 && documents wikitext-103/valid heldout 5 && documents wikitext-103/valid train 0 &&
        jq -e '.train.documents + .heldout.documents == 40' wikitext-103/corpus/corpus.json && [ ! -e wikitext-103/test ]
}
holds 'WikiText-103, an article a document' wikitext

for i in $(seq 50); do sentences $((10 + i)); echo '<|endoftext|>'; done >tinystories/TinyStoriesV2-GPT4-train.txt
{ sentences 9; echo '<|endoftext|>'; sentences 8; } >tinystories/TinyStoriesV2-GPT4-valid.txt
stories() {
    recipe tinystories && documents tinystories/valid heldout 2 &&
        jq -e '.train.documents + .heldout.documents == 50' tinystories/corpus/corpus.json
}
holds 'TinyStories, a story a document' stories

mkdir -p openwebtext/subsets/openwebtext pages
for part in 1 2; do
    rm -f pages/*
    for i in $(seq 12); do sentences $((part * 20 + i)) >"pages/$i-0123456789abcdef.txt"; done
    tar -cJf "openwebtext/subsets/openwebtext/urlsql_subset00-${part}_data.xz" -C pages .
done
pages_corpus() { recipe openwebtext && jq -e '.train.documents + .heldout.documents == 24' openwebtext/corpus/corpus.json; }
holds 'OpenWebText, a page a document' pages_corpus
cut_part() {
    rm openwebtext/text/*-2_data.txt.gz
    truncate -s 300 openwebtext/subsets/openwebtext/urlsql_subset00-2_data.xz
    ! recipe openwebtext && [ "$(ls openwebtext/text)" = urlsql_subset00-1_data.txt.gz ]
}
holds 'a damaged part is not taken' cut_part

for corpus in wikitext-103 tinystories openwebtext; do
    missing() { rm -rf "$corpus"; run recipe "$corpus"; [ "$code" = 1 ] && grep -q 'what to fetch' err; }
    holds "$corpus says what to fetch" missing
done
finish
