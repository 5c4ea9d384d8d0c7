"""The entries of a dictionary in the form of dictd (an index beside a compressed file), a document an entry.

    entries.py INDEX DICT.dz >TEXT

Respellings, pronunciations and marks of the source go, codes of accented letters become letters, and a paragraph is one line:

    Lariat, n. [Sp. la reata the rope; la the + reata rope. Cf. Reata.]
    A long, slender rope made of hemp or strips of hide, …

Repeated entries are left out (distinct.py).
"""

import gzip
import os
import re
import sys
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from distinct import distinct, line_hashes

SEPARATOR = "<|endoftext|>"
SHORTEST = 30
DIGITS = {c: i for i, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}

# Codes in brackets: marks beside a letter, and whole letters.
MARKS = {"=": "\u0304", "-": "\u0304", "^": "\u0302", "~": "\u0303", "'": "\u0301", "`": "\u0300", '"': "\u0308", ",": "\u0327",
         "um": "\u0308", "acute": "\u0301", "grave": "\u0300", "cir": "\u0302", "tilde": "\u0303", "mac": "\u0304",
         "cedil": "\u0327", "ced": "\u0327", "breve": "\u0306", "dot": "\u0307", "ring": "\u030a", "sl": "\u0304"}
LETTERS = {"ae": "\u00e6", "AE": "\u00c6", "oe": "\u0153", "OE": "\u0152", "deg": "\u00b0", "th": "\u00fe", "thorn": "\u00fe",
           "ng": "ng", "add": "a", ".a": "\u0227", ".r": "r", "*a": "a", "alpha": "\u03b1", "beta": "\u03b2", "phi": "\u03c6",
           "eth": "\u00f0", "edh": "\u00f0", "pound": "\u00a3", "root": "\u221a", "frac12": "\u00bd", "frac14": "\u00bc",
           "'e": "\u00e9", "mdash": "\u2014", "sect": "\u00a7", "times": "\u00d7", "yogh": "\u021d", "asl": "a", "esl": "e",
           "isl": "i", "osl": "o", "usl": "u", "~n": "\u00f1", "hand": "", "\\'95": "", "\\'d8": "", "\\'bd": ""}
# A mark of the source, and the name of the next entry where it stands behind the mark.
SOURCE = re.compile(r"\s*\[(?:[^\[\]]*\b(?:1913 (?:Webster|Suppl)|Webster(?: 1913)? Suppl|Webster 1913|WordNet|PJC|Century Dict"
                    r"|RHUD|MW10|Encyc\. Brit)\b[^\[\]]*|RH|RDH|JMC|AS|CD|BAR)\](?: [\w' -]+$)?", re.M)
FORMS = re.compile(r"\[(?:imp|pl|p|compar)\.[^\[\]]*\]", re.I)  # [imp. & p. p. Climbed (kl[=i]md); ...]
DERIVED = re.compile(r"(?<=-- )[A-Z][A-Za-z]*[\"*`][\w\"*`'-]*")  # -- Mock"er*y, n.


def number(text):
    value = 0
    for digit in text:
        value = value * 64 + DIGITS[digit]
    return value


def letter(match):
    code = match.group(1)
    if code in LETTERS:
        return LETTERS[code]
    if len(code) == 2 and code[0].isalpha() and code[1] == "^":  # [a^] is a short a, [^a] has a circumflex
        return unicodedata.normalize("NFC", code[0] + "\u0306")
    for base, mark in ((code[:1], code[1:]), (code[-1:], code[:-1]), (code[:2], code[2:]), (code[-2:], code[:-2])):
        if base.isalpha() and mark in MARKS:
            base = LETTERS.get(base, base)
            return unicodedata.normalize("NFC", base[0] + MARKS[mark] + base[1:])
    return match.group()


def balanced(text):
    return text.count("[") == text.count("]") and text.count("(") == text.count(")")


def cleaned(text):
    text = SOURCE.sub("", text)
    text = re.sub(r" ?\\[^\\\n]*\\(?=[\s,;(]|$)", "", text)  # \Lar"i*at\
    text = re.sub(r'\A([^\n(\[]*?) \((?:[^()]|\([^()]*\)){1,80}?\)(?=,| (?:n|a|v|adv)\.)', r"\1", text)  # (l[a^]r"[i^]*[a^]t)
    text = re.sub(r"\[([^\s\[\]]{2,7})\]", letter, text)
    text = FORMS.sub(lambda forms: re.sub(r"\s\([^()]*\)", "", forms.group()), text)
    text = DERIVED.sub(lambda word: re.sub(r"[\"*`]", "", word.group()), text)
    text = text.replace("{", "").replace("}", "").replace(SEPARATOR, "")
    text = re.sub(r"[\u2560-\u256c]|\[\?\]|<[/\w]+>", "", text)
    lines = []
    for paragraph in re.split(r"\n\s*\n", text):
        begin = True
        for line in paragraph.split("\n"):
            line = " ".join(line.split()).replace(" ,", ",")
            if not line:
                continue
            # A new line: at a sense, a note, and after the head of the entry, which ends with what stands in brackets or a dot.
            head = len(lines) == 1 and balanced(lines[0]) and lines[0][-1] in "].)"
            if begin or head or re.match(r"(\d+\.|Note:|Syn:|\([a-z]\)) ", line):
                lines.append(line)
            else:
                lines[-1] += " " + line
            begin = False
    return "\n".join(lines)


def main():
    with gzip.open(sys.argv[2]) as file:
        data = file.read()
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    places = sorted({(number(row[1]), number(row[2])) for row in rows if len(row) >= 3 and not row[0].startswith("00")})
    texts = [cleaned(data[start:start + length].decode("utf-8", "replace")) for start, length in places]
    texts = [text for text in texts if len(text) >= SHORTEST and not text.startswith("00")]
    keep = distinct([(len(text), line_hashes(text)) for text in texts])
    sys.stdout.reconfigure(encoding="utf-8")
    print(("\n%s\n" % SEPARATOR).join(text for text, kept in zip(texts, keep) if kept))


if __name__ == "__main__":
    main()
