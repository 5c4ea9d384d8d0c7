#!/bin/bash
# Files of puzzles as a user meets them.
# shellcheck source=tests/cli/cli.sh disable=SC2154,SC2317,SC2015
. "$(dirname "$0")/../cli/cli.sh"

counted() {
    "$LTM" corpus synth sudoku4 -o four --documents 30 --items 40 --train-items 60 >out 2>err && run "$LTM" inspect four/train.jsonl
    [ "$code" = 0 ] && grep -q '^puzzles  *60$' out && grep -q 'kind sudoku, rows 4, columns 4, difficulty 2, puzzles [0-9]' out || return 1
    run "$LTM" inspect --json four/test.jsonl
    [ "$code" = 0 ] && jq -e '.kind == "puzzles" and ([.sorts[].puzzles] | add) == 40' out >/dev/null
}
holds 'inspect counts puzzles by kind, size and difficulty' counted

as_text() { # a token a cell, and room for the whole answer and what ends it
    "$LTM" corpus synth sudoku4 -o words --documents 900 --items 3 --vocab-size 280 --threads 1 >out 2>err || { cat err; return 1; }
    printf ' 2 0 3 0 1 4' | "$LTM" tokenizer encode words/tokenizer.model >ids && [ "$(wc -w <ids)" = 6 ] &&
        grep -q '^length = 17$' words/task.ini
}
holds 'as text a cell is a token' as_text

bad() {
    local good='{"puzzle": "0001310202030000", "solution": "2431314242131324", "difficulty": 2, "kind": "sudoku", "rows": 4, "columns": 4}'
    printf '%s\n' "$good" "${good/0001310/0000000}" >two.jsonl
    printf '%s\n' "$good" "$good" "${good/0001310/0003310}" >none.jsonl
    printf '%s\n' "${good/\"rows\": 4/\"rows\": 5}" >size.jsonl
    printf '%s\n' '{"text": "no puzzle"}' >text.jsonl
    refused 1 'line 2 of two.jsonl: the puzzle has more than one solution; it must have one' "$LTM" inspect two.jsonl &&
        refused 1 'line 3 of none.jsonl: the puzzle has no solution; it must have one' "$LTM" inspect none.jsonl &&
        refused 1 'line 1 of size.jsonl: a sudoku of 5 by 4 is of the wrong size; it must be 4 by 4' "$LTM" inspect size.jsonl &&
        refused 1 'line 1 of text.jsonl: a puzzle needs "puzzle", a text' "$LTM" inspect text.jsonl &&
        refused 1 'fewest = 9 is more than givens = 8' "$LTM" corpus synth sudoku4 -o x fewest=9 && [ ! -e x ]
}
holds 'bad puzzles are refused by line, in words' bad

finish
