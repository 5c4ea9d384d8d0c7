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

# Debian's packages: an apt-get that makes small ones in place of fetching them.
if command -v python3 >/dev/null && command -v pod2text >/dev/null && command -v dpkg-deb >/dev/null; then
    mkdir -p packages programs
    cat >programs/apt-get <<'END'
#!/bin/sh
for name do case $name in *=* | -* | download) continue ;; esac; dpkg-deb -b "$PACKAGES/$name" "./${name}_1_all.deb" >/dev/null || exit; done
END
    cat >programs/apt-cache <<'END'
#!/bin/sh
shift
for name do echo "$name"; [ "$name" != linux-source ] || echo '  Depends: linux-source-9.9'; done
END
    chmod +x programs/*
    package() { # NAME: its folder, in $folder
        folder=$PWD/packages/$1
        mkdir -p "$folder/DEBIAN" "$folder/usr"
        printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n' "$1" >"$folder/DEBIAN/control"
    }
    from_packages() { PACKAGES=$PWD/packages PATH=$PWD/programs:$PATH recipe "$1" 420; }

    page() { # TITLE BODY: a page of the usual trimmings
        printf '<html><head><title>no</title></head><body><div class="navheader">NAV</div><div class="toc"><p>NAV</p></div><h1>%s' "$1"
        printf '<a class="headerlink" href="#x">NAV</a></h1>%s<ul><li><a href="a">NAV</a><li><a href="b">NAV</a></ul>' "$2"
        printf '<div class="legalnotice"><p>NAV</p></div><script>NAV</script></body></html>\n'
    }
    sed -n '/^    cat <<.END/,/^END/p' "$top/corpora/debian-docs/build" | grep '^[a-z].* ' | grep -v 'cat <<' >rows
    while read -r name pattern _; do
        package "$name"
        case $pattern in
            . | *pod*) place=pod ;;
            */manual/en/) place=manual/en ;;
            /en-US/) place=en-US ;;
            /en/) place=en ;;
            */octave*) place=octave.html ;;
            */\(notation*) place=usage ;;
            *) place=book ;;
        esac
        mkdir -p "$folder/usr/$place"
        pages=$((${pages:-0} + 1))
        text=$(sentences $((20 + pages)) | sed 's|^|<p>|')
        page "About $name" "$text" >"$folder/usr/$place/page.html"
        page "More of $name" "$text<p>and a line more" >"$folder/usr/$place/near.html"
        page index 'NAV' >"$folder/usr/$place/genindex.html"
    done <rows
    printf '<h2>Rows &amp; lists</h2><table><tr><td>a<td>b</tr></table><ol><li>one<ul><li>under</ul><li>two</ol><dl><dt>word<dd>what it\n is' \
        >body
    printf '</dl><pre>if (x)\n    y &lt; 1;</pre><p>In a\n line <b>bold</b>.</p>' >>body
    page Cleaned "$(cat body)$(sentences 15 | sed 's|^|<p>|')" >packages/debian-faq/usr/pod/cleaned.html
    { printf '=head1 NAME\n\nperlx - a page\n\n'; sentences 16 | sed 's/$/\n/'; } >packages/perl-doc/usr/pod/perlx.pod
    docs() {
        from_packages debian-docs && ! grep -n NAV debian-docs/documents.txt && ! ls -d debian-docs/unpacked.* &&
            [ "$(wc -l <debian-docs/packages.txt)" = "$(wc -l <rows)" ] &&
            grep -qx 'perlx - a page' debian-docs/documents.txt && ! grep -q '^About' debian-docs/documents.txt &&
            jq -e ".train.documents + .heldout.documents == $(($(wc -l <rows) + 2))" debian-docs/corpus/corpus.json
    }
    holds "Debian's manuals, a page a document, without near-duplicates" docs
    cat >cleaned.txt <<'END'
Cleaned

Rows & lists

a | b

1. one
  - under
2. two

word
  what it is

if (x)
    y < 1;

In a line bold.
END
    cleaned() { sed -n '/^Cleaned$/,/bold/p' debian-docs/documents.txt | diff - cleaned.txt; }
    holds 'a page keeps its headings, rows, lists, programs and paragraphs' cleaned

    package linux-source-9.9
    mkdir -p "$folder/usr/src" linux/drivers
    code() { sentences "$1" | sed 's/ .$/;/; s/^/\tcall /'; }
    { printf '// SPDX-License-Identifier: GPL-2.0\n/*\n * A driver for x\n *\n * Copyright (C) 2001 N N\n *\n'
      printf ' * This program is free software; NAV\n */\n\nint f(void)\n{\n'; code 30; printf '}\n'; } >linux/drivers/x.c
    { code 30; code 9; } >linux/drivers/longer.c
    { code 40; code 5; } >linux/drivers/y.h
    for i in $(seq 60); do printf '#define NAV_%d 0x%x\n' "$i" "$i"; done >linux/drivers/numbers.h
    code 50 >linux/drivers/x_sh_mask.h
    for i in $(seq 30); do code $((60 + i)) >"linux/f$i.c"; done
    sentences 90 >linux/README
    tar -cJf "$folder/usr/src/linux-source-9.9.tar.xz" --transform 's|^linux|linux-source-9.9|' linux
    source_files() {
        from_packages linux-source && ! grep -n NAV linux-source/documents.txt && ! grep -q Copyright linux-source/documents.txt &&
            jq -e '.train.documents + .heldout.documents == 32' linux-source/corpus/corpus.json &&
            mv linux-source all && MB=0.05 from_packages linux-source &&
            [ "$(wc -c <linux-source/documents.txt)" -gt 20000 ] && [ "$(wc -c <linux-source/documents.txt)" -lt 52000 ] &&
            cmp -n "$(wc -c <linux-source/documents.txt)" linux-source/documents.txt all/documents.txt
    }
    holds "the kernel's C files, smaller corpora the beginnings of larger ones" source_files
    licence() {
        python3 -c "import sys; sys.path.insert(0, '$top/corpora/linux-source'); import sources
print(sources.document('linux/drivers/x.c')[:70])" | head -n 4 >head.txt
        printf '/* SPDX-License-Identifier: GPL-2.0 */\n/* A driver for x */\n\nint f(void)\n' | sed '1s|/\* \(.*\) \*/|// \1|' | diff head.txt -
    }
    holds 'of the comment before the code its licence and copyright go' licence

    package dict-gcide
    mkdir -p "$folder/usr/share/dictd"
    { printf '00-database-info\n   NAV\n\n'
      printf 'Climb \\Climb\\ (kl[imac]m), v. i. [imp. Clomb (kl[o^]m).] [AS. climban.]\n   1. To ascend; -- see {Ascend}.\n      [1913 Webster]\n\n'
      printf '   2. (Bot.) To creep\n      upward. [R.]\n      [1913 Webster + PJC] Creep\n\n'; } >dictionary.txt
    awk -v start=25 -v size="$(wc -c <dictionary.txt)" 'BEGIN {
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        number = size - start
        place = substr(digits, start + 1, 1)
        length_ = substr(digits, int(number / 64) + 1, 1) substr(digits, number % 64 + 1, 1)
        printf "00-database-info\tA\tc\nclimb\t%s\t%s\nclimbing\t%s\t%s\n", place, length_, place, length_ }' >words.index
    entries() {
        gzip -c dictionary.txt >words.dict.dz && python3 "$top/corpora/dictionary/entries.py" words.index words.dict.dz |
            diff - <(printf 'Climb, v. i. [imp. Clomb.] [AS. climban.]\n1. To ascend; -- see Ascend.\n2. (Bot.) To creep upward. [R.]\n')
    }
    holds 'an entry of the dictionary, once, without marks of its source' entries
    unfetched() { printf '#!/bin/sh\nexit 100\n' >programs/apt-get && run from_packages dictionary && [ "$code" = 1 ] && grep -q 'apt-get cannot fetch' err; }
    holds 'a package that cannot be fetched is said' unfetched
fi

for corpus in wikitext-103 tinystories openwebtext; do
    missing() { rm -rf "$corpus"; run recipe "$corpus"; [ "$code" = 1 ] && grep -q 'what to fetch' err; }
    holds "$corpus says what to fetch" missing
done
finish
