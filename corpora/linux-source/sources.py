"""C files of a kernel's source tree, a document a file, for corpora/linux-source/build.

    sources.py TREE MB >TEXT        MB: megabytes of text at most, or all

Files are taken in the order of a hash of their paths, so that a smaller corpus is the beginning of a larger one, and without
near-duplicates (distinct.py, over the whole tree). Left out are descriptions of registers and files more than half of whose lines
are definitions of numbers or rows of numbers. Of the comments before the first line of code the licence and copyright lines go, but
not the line with the SPDX identifier.
"""

import hashlib
import multiprocessing
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from distinct import distinct, line_hashes

SEPARATOR = "<|endoftext|>"
SHORTEST = 300
MOST_NUMBERS = 0.5

REGISTERS = re.compile(r"/asic_reg/|_(offset|sh_mask|d|default|enum)\.h$|/nvif/cl[0-9a-f]+\.h$|/regs?[-_][^/]*\.h$|_regs?\.h$")
NUMBERS = re.compile(r"\s*(#\s*define\s+\w+\s+\(?-?(0x[0-9a-fA-F]+|\d+)[uUlL]*\)?\s*(/\*.*)?$|[{}\s,]*(0[xX][0-9a-fA-F]+|-?\d+)"
                     r"([{}\s,uUlL]+(0[xX][0-9a-fA-F]+|-?\d+))*[{}\s,;uUlL]*(/\*.*\*/)?\s*$)")
COMMENT = re.compile(r"\s*(/\*.*?\*/[ \t]*\n?|//[^\n]*\n?)", re.S)
SPDX = re.compile(r"SPDX-License-Identifier:[^*\n]*")
LICENCE = re.compile(r"licen[cs]e|warrant|redistribut|permission|general public|free software|endorse|liabl|without notice"
                     r"|provided \"?as.is|disclaim|DAMAGES|above copyright|copyright notice", re.I)
COPYRIGHT = re.compile(r"copyright|\(c\)\s*\d{4}|\u00a9|all rights reserved|^\W*authors?\b|^\W*written by|@[\w.-]+\.\w+", re.I)


def without_licence(comment):
    """A comment before the code without its paragraphs on the licence and its lines on copyright; empty if no words stay."""
    if SPDX.search(comment):
        line = SPDX.search(comment).group().strip()
        rest = without_licence(SPDX.sub("", comment))
        return ("// %s\n" if comment.startswith("//") else "/* %s */\n") % line + rest
    kept = []
    for paragraph in re.split(r"\n(?:[ \t]*[*#/-]*[ \t]*\n)+", comment):
        if not LICENCE.search(paragraph):
            lines = [line for line in paragraph.split("\n") if not COPYRIGHT.search(line)]
            if re.search(r"[A-Za-z]{2}", "".join(lines)):
                kept.append("\n".join(lines))
    if not kept:
        return ""
    if not comment.startswith("/*"):
        return "\n".join(kept) + "\n"
    text = re.sub(r"^\s*(/\*)?[*\s]*|[*\s]*(\*/)?\s*$", "", "\n *\n".join(kept))
    return "/*\n * %s\n */\n" % text if "\n" in text else "/* %s */\n" % text


def cleaned(text):
    """A C file's text, or nothing if it is mostly numbers."""
    head = []
    while True:
        comment = COMMENT.match(text)
        if not comment:
            break
        head.append(without_licence(comment.group(1).rstrip() + "\n").rstrip("\n"))
        text = text[comment.end():]
    text = "\n".join(part for part in head if part) + "\n\n" + text.lstrip("\n")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")
    lines = [line for line in text.split("\n") if line]
    if len(text) < SHORTEST or sum(bool(NUMBERS.match(line)) for line in lines) > MOST_NUMBERS * len(lines):
        return ""
    return text


def document(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        return cleaned(data.decode("utf-8").replace(SEPARATOR, "").replace("\r", "").replace("\f", ""))
    except UnicodeDecodeError:
        return ""


def measured(path):
    text = document(path)
    return len(text.encode()), line_hashes(text)


def main():
    tree, limit = sys.argv[1], float("inf") if sys.argv[2] == "all" else float(sys.argv[2]) * 1e6
    paths = []
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith((".c", ".h")) and os.path.isfile(path) and not os.path.islink(path) and not REGISTERS.search(path):
                paths.append(path)
    paths.sort(key=lambda path: hashlib.sha256(os.path.relpath(path, tree).encode()).digest())
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        found = pool.map(measured, paths, chunksize=64)
    keep = distinct(found)
    sys.stdout.reconfigure(encoding="utf-8")
    written = 0
    for path, (size, _), kept in zip(paths, found, keep):
        if not kept or not size:
            continue
        if written and written + size > limit:
            break
        print(("%s\n" % SEPARATOR if written else "") + document(path))
        written += size


if __name__ == "__main__":
    main()
