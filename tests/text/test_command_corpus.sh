#!/bin/bash
# ltm tokenizer and ltm corpus: text comes back to the byte, bad input gets one sentence, old corpora stay.
# shellcheck source=tests/cli/cli.sh disable=SC1091,SC2154,SC2317,SC2015,SC2016,SC2094
. "$(dirname "$0")/../cli/cli.sh"
small_corpus || { cat err; exit 1; }

same_text() { "$LTM" tokenizer encode tok.model <"$1" >ids && "$LTM" tokenizer decode tok.model <ids | cmp - "$1"; }
printf 'one\ttwo  three \r\n\n \342\226\201 \342\226\205 </s> <0x41>\n\303\251\360\237\230\200 no newline' >odd.txt
printf 'nul \0 here\n' >nul.txt
: >empty.txt
holds 'text comes back' same_text text.txt
holds 'odd text comes back' same_text odd.txt
holds 'NUL comes back' same_text nul.txt
holds 'no text comes back as none' same_text empty.txt
lines() { "$LTM" tokenizer encode tok.model <text.txt >ids && [ "$(wc -l <ids)" = "$(wc -l <text.txt)" ]; }
holds 'a line of numbers for a line of text' lines
joined() { "$LTM" tokenizer encode tok.model <text.txt | tr '\n' ' ' | "$LTM" tokenizer decode tok.model | cmp - text.txt; }
holds 'white space between numbers means nothing' joined

printf 'ok\nbad \377\n' >bad.txt
invalid() { run "$LTM" tokenizer encode tok.model <bad.txt; [ "$code" = 1 ] && grep -q 'line 2: .*0xFF' err; }
holds 'invalid UTF-8 is named by line' invalid
words() { run "$LTM" tokenizer decode tok.model <<<'5 six'; [ "$code" = 1 ] && grep -q '"six" is not a token id' err; }
holds 'a word among numbers is named' words
range() { run "$LTM" tokenizer decode tok.model <<<'5 320'; [ "$code" = 1 ] && grep -q 'outside the vocabulary of 320' err; }
holds 'a number out of range is named' range
holds 'a missing tokenizer' refused 1 'nowhere.model' "$LTM" tokenizer encode nowhere.model
holds 'a file that is no tokenizer' refused 1 'text.txt is not a valid SentencePiece model' "$LTM" tokenizer decode text.txt
holds 'an unknown verb' refused 2 'not "tarin"' "$LTM" tokenizer tarin
holds 'training without a place' refused 2 '-o FILE' "$LTM" tokenizer train text.txt
holds 'training without text' refused 2 'text to learn from' "$LTM" tokenizer train -o x.model
holds 'a kind that is none' refused 2 'unigram or bpe' "$LTM" tokenizer train -o x.model --type word text.txt
holds 'a vocabulary that is no number' refused 2 'whole number' "$LTM" tokenizer train -o x.model --vocab-size many text.txt
holds 'a vocabulary that is too large' refused 1 'use at most' "$LTM" tokenizer train -o x.model --vocab-size 60000 text.txt
holds 'one that no corpus could name' refused 1 '65537 pieces is out of range: 260 to 65536' "$LTM" tokenizer train -o x.model --vocab-size 65537 text.txt
holds 'an option without its value' refused 2 'needs a value' "$LTM" tokenizer train text.txt -o

holds 'a place that cannot be written, before the text is read' refused 1 'text.txt' "$LTM" tokenizer train -o text.txt/x.model text.txt
parents() { "$LTM" tokenizer train -o new/folder/x.model --vocab-size 320 text.txt >out 2>err && [ -s new/folder/x.model ] && rm -r new; }
holds 'folders are made' parents
build() { "$LTM" corpus build --tokenizer tok.model "$@"; }
holds 'no folder to build' refused 2 '-o DIR' build text.txt
holds 'no text' refused 2 'text to read' build -o new
holds 'a share above one' refused 2 'out of range' build -o new --heldout 2 text.txt
holds 'a missing file' refused 1 'none.txt: No such file' build -o new none.txt
holds 'an empty file' refused 1 'no text in empty.txt' build -o new empty.txt
holds 'invalid UTF-8 by file and byte' refused 1 'bad.txt is not UTF-8 text: byte 7 is 0xFF' build -o new bad.txt
printf '{"txt": "a"}\n' >keys.jsonl
holds 'a line without the field' refused 1 'line 1 of keys.jsonl' build -o new keys.jsonl
holds 'a folder that is no corpus' refused 1 'contains no corpus' build -o . text.txt
mkfifo pipe.txt
holds 'a pipe, which cannot be read twice' refused 1 'pipe.txt is not a regular file' build -o new pipe.txt
holds 'nothing was left behind' test ! -e new -a ! -e new.building
json() { run build -o keyed --field txt --json keys.jsonl text.txt && jq -e '.train.documents == 1 and .heldout.documents == 1' out; }
command -v jq >/dev/null && holds 'another field, and the result as JSON' json

no_separator() { # one that is nowhere is told, one that is there is not
    run build -o parted --separator '=====' text.txt
    [ "$code" = 0 ] && grep -q 'no line equals the separator "=====": each .txt file is one document' err || return 1
    run build -o parted --separator --- text.txt
    [ "$code" = 0 ] && ! grep -q 'equals the separator' err
}
holds 'a separator that is nowhere in the text is told' no_separator

validation() { # a file of one's own to score, its documents left out of training on demand
    head -n 30 text.txt >val.txt
    run build -o own --heldout-files val.txt --separator --- text.txt
    [ "$code" = 0 ] && grep -q '^heldout  2 documents' out && grep -q '^train    60 documents' out &&
        grep -q '1 document of the training text is in the held-out files too (--dedupe leaves them out' err || return 1
    run build -o own --heldout-files val.txt --separator --- --dedupe text.txt
    [ "$code" = 0 ] && grep -q '^heldout  2 documents' out && grep -q '^train    59 documents' out || return 1
    mkdir both && cp text.txt val.txt both && run build -o own --heldout-files both/val.txt both
    [ "$code" = 0 ] && grep -q '^heldout  1 document,' out && grep -q '^train    1 document,' out || return 1
    : >none.txt && refused 1 'there is no text in none.txt' build -o own2 --heldout-files none.txt text.txt &&
        refused 1 'there is no text in none.txt' build -o own2 --heldout-files text.txt none.txt &&
        refused 2 'either --heldout or --heldout-files' build -o own2 --heldout-files val.txt --heldout 0.1 text.txt
}
holds 'held-out files of one'"'"'s own' validation
unscored() { # a corpus without held-out text is trained on without scores
    run build -o c0 --heldout 0 --separator --- text.txt
    [ "$code" = 0 ] && refused 1 'contains no held-out text.*set run.eval_every = 0' "$LTM" train tiny.ini data.corpus=c0 run.dir=r0 || return 1
    run "$LTM" train tiny.ini data.corpus=c0 run.eval_every=0 run.dir=r0
    [ "$code" = 0 ] && [ -e r0/report.html ] && lacks bound out && [ "$(grep -c '"loss"' r0/log.jsonl)" = 8 ] || { cat err; return 1; }
    run "$LTM" eval r0 corpus eval.sequences=2
    [ "$code" = 0 ]
}
holds 'a corpus of which nothing is held out is trained on' unscored
kinds() { # damaged lines and files, and text by other names
    mkdir mixed && cp bad.txt keys.jsonl text.txt mixed && echo 'int x;' >mixed/x.c && echo '# x' >mixed/x.md
    run build -o odd --on-bad skip --as-text .c,.md mixed
    [ "$code" = 0 ] && grep -q '1 file and 1 line are left out: .*bad.txt is not UTF-8.*; and more' err || { cat err; return 1; }
    [ "$(awk '$3 ~ /^documents?,/ { n += $2 } END { print n }' out)" = 3 ] || { cat out; return 1; }
    run build -o odd --on-bad replace --as-text '.c .md' mixed
    [ "$code" = 0 ] && grep -q '^0 files and 1 line are left out' err && grep -q '1 byte that is not UTF-8 is replaced by U+FFFD' err || { cat err; return 1; }
    run "$LTM" tokenizer train -o odd.model --vocab-size 300 --on-bad replace --as-text .c,.md mixed
    [ "$code" = 0 ] && grep -q '1 byte that is not' err && refused 2 'refuse, skip or replace' build -o odd --on-bad leave mixed
}
holds 'damaged text is left out or mended on demand; other names are text on demand' kinds
named() { # patterns, a list, standard input
    mkdir many && for i in 1 2 3; do echo "text $i" >"many/$i.txt"; done
    run build -o gathered 'many/[12].*' && [ "$code" = 0 ] && [ "$(wc -l <out)" = 3 ] && grep -q '^train    1 doc' out || { cat err; return 1; }
    printf 'many/1.txt\r\n\nmany/3.txt\n' >list && run build -o gathered2 --list list 'many/2*' && [ "$code" = 0 ] || { cat err; return 1; }
    [ "$(awk '$3 ~ /^documents?,/ { n += $2 } END { print n }' out)" = 3 ] || { cat out; return 1; }
    gzip -c keys.jsonl | run build -o gathered3 --stdin-as .jsonl.gz --field txt - many/1.txt && [ "$code" = 0 ] || { cat err; return 1; }
    grep -q '^heldout  1 document,' out && "$LTM" tokenizer train -o piped.model --vocab-size 300 - <text.txt >out 2>err || { cat err; return 1; }
    printf 'caf\351\n' >latin.txt && run build -o gathered4 --encoding latin-1 latin.txt && [ "$code" = 0 ] &&
        printf 'id,body\n1,one\n2,two\n' >t.csv && run build -o gathered5 --column body t.csv && [ "$code" = 0 ] &&
        refused 1 'no file matches many/\*.md' build -o new 'many/*.md' && refused 1 'gone: No such file' build -o new --list gone &&
        refused 1 'no encoding "runes"' build -o new --encoding runes latin.txt &&
        refused 1 'standard input is not UTF-8' build -o new - <latin.txt &&
        refused 2 'a file name extension' build -o new --stdin-as jsonl - <latin.txt && [ ! -e new ]
}
holds 'inputs are patterns, lists and standard input too' named

cp -r corpus before
killed() {
    yes 'a line of text that is repeated very often' | head -n 2000000 >large.txt
    # Not by the function: a kill would reach the shell that runs it, and leave the program writing.
    "$LTM" corpus build --tokenizer tok.model -o corpus large.txt 2>/dev/null >out &
    for _ in $(seq 500); do [ -e corpus.building ] && break; sleep 0.01; done
    kill -9 $!
    wait $!
    diff -r corpus before
}
holds 'a killed build leaves the old corpus' killed
again() { build -o corpus --separator --- --heldout 0.1 text.txt >out 2>err && [ ! -e corpus.building ] && diff -r corpus before; }
holds 'and the next build is not hindered' again
finish
