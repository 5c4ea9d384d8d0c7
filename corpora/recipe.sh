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

# scratch_folder: a new folder beside the data, named in $scratch, which goes when the recipe ends.
scratch_folder() {
    mkdir -p "$DATA"
    scratch=$(mktemp -d "$DATA/unpacked.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 1' INT TERM
}

# unpack FOLDER NAME…: Debian's packages, not installed, only unpacked into FOLDER/NAME each; their versions go to
# DATA/packages.txt. A name without a version (linux-source) stands for the package that it depends on (linux-source-6.1).
unpack() {
    folder=$1
    shift
    for program in apt-get dpkg-deb; do
        command -v $program >/dev/null || stop "the program $program is not there; the text comes from Debian's packages"
    done
    apt-cache depends "$@" | awk '
        /^[^ ]/ { if (name) print name, package; name = package = $1 }
        /^ *Depends: (python3\.|postgresql-doc-|linux-(doc|source)-)[0-9]/ { package = $2 }
        END { print name, package }' >"$folder/names"
    (cd "$folder" && cut -d ' ' -f 2 names | xargs apt-get -qq -o APT::Sandbox::User="$(id -un)" download) >&2 ||
        stop "apt-get cannot fetch the packages; apt-get update may help"
    while read -r name package; do
        dpkg-deb -W "$folder/${package}_"*.deb
        { dpkg-deb -x "$folder/${package}_"*.deb "$folder/$name" && rm "$folder/${package}_"*.deb; } ||
            stop "cannot unpack $package"
    done <"$folder/names" >"$DATA/packages.txt"
}
