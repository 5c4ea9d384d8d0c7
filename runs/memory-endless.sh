#!/bin/bash
# What a token costs as the text grows: a session of a model with a memory writes block after block of 100,000 tokens and is kept in a file between them.
#
#     runs/memory-endless.sh RUN [BLOCKS [section.key=value…]]
#
# A row: tokens written by then, processor time a token in this block, the most memory the program had, bytes of the session's file.
set -euo pipefail
LTM=${LTM:-build/ltm}
state=$(mktemp)
trap 'rm -f "$state"' EXIT
rm "$state" # the first block begins a session
for ((block = 1; block <= ${2:-10}; block++)); do
    printf '\n' | command time -f '%U %S %M' -o "$state.time" "$LTM" generate "$1" --interactive --past-end --length 100000 --threads 1 \
        --state "$state" >"$state.text"
    read -r user system most <"$state.time"
    awk -v n=$block -v u="$user" -v s="$system" -v m="$most" -v b="$(stat -c %s "$state")" \
        'BEGIN { printf "%8d tokens  %5.1f us (%.1f in the system)  %d KB  %d bytes\n", n * 1e5, (u + s) * 10, s * 10, m, b }'
done
rm -f "$state.time" "$state.text"
