# shellcheck shell=sh
# What the recipes share; each sources this file. Settings from the environment:
#   LTM    the program (build/ltm of this tree)
#   DATA   where the recipe reads and writes (data/ beside the recipe)
#   VOCAB  pieces of the tokenizer (each recipe has its own default)

set -eu
recipe=$(cd "$(dirname "$0")" && pwd)
LTM=${LTM:-$recipe/../../build/ltm}
DATA=${DATA:-$recipe/data}
SEPARATOR='<|endoftext|>'

stop() {
    echo "$(basename "$recipe"): $*" >&2
    exit 1
}

command -v "$LTM" >/dev/null || stop "$LTM is not there; build it with make, or name it with LTM=…"

# part FILE COMMAND…: the command's output becomes FILE when the command has succeeded, so no half file stays.
part() {
    file=$1
    shift
    "$@" >"$file.part" || { rm -f "$file.part"; stop "cannot make $file"; }
    mv "$file.part" "$file"
}

# corpus NAME TOKENIZER INPUT… [option…]: DATA/NAME from text whose documents end with a separator line.
corpus() {
    name=$1 tokenizer=$2
    shift 2
    "$LTM" corpus build -o "$DATA/$name" --tokenizer "$tokenizer" --separator "$SEPARATOR" "$@"
}
