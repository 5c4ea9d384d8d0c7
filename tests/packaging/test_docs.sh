#!/bin/bash
# Pages of the public API: doxygen has nothing to complain of in the headers, and their comments are in the pages.
set -euo pipefail
command -v doxygen >/dev/null || exit 77
VERSION=0 DOCS=$TMPDIR doxygen .ci/Doxyfile
grep -q 'samples of each prompt' "$TMPDIR/html/structltm__generate__options.html"
grep -q 'completions' "$TMPDIR/html/serve_8h.html"
