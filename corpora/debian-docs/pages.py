"""The text of HTML pages (and of .txt files as they are), a document a page, for corpora/debian-docs/build.

    pages.py <FILES >TEXT           FILES: a path a line; TEXT: documents with a line <|endoftext|> between them

Of a page its main part is read, without navigation, tables of contents, indexes and legal notices. A paragraph is one line;
preformatted text keeps its lines; an item of a list begins with "- " or its number; the cells of a row stand between " | ".
Pages that are mostly links, not English, or shorter than SHORTEST characters are left out, and near-duplicates (distinct.py).
"""

import multiprocessing
import os
import re
import sys
from html.parser import HTMLParser

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from distinct import distinct, line_hashes

SEPARATOR = "<|endoftext|>"
SHORTEST = 300
MOST_LINKED = 0.5
MOST_FOREIGN = 0.05

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
LISTS = {"ul", "ol", "dl"}
PARAGRAPHS = LISTS | {"h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "blockquote", "table", "figure", "caption",
                      "figcaption"}
LINES = {"div", "section", "article", "main", "tr", "dt", "dd", "li", "br", "hr", "center", "address", "details", "summary"}

# What is left out: elements by tag, by id, by class and, for what stands within a line, by class.
LEFT_OUT_TAGS = {"script", "style", "head", "nav", "header", "footer", "aside", "button", "form", "select", "svg", "noscript",
                 "template", "iframe", "object"}
LEFT_OUT_IDS = {"toc", "footer", "page-header", "quickview", "comments_section", "tocframe", "hd", "ft"}
LEFT_OUT_CLASSES = set("""
    navheader navfooter docnav nav nav_table toc contents shortcontents local-toc toctree-wrapper sphinxsidebar related footer
    header breadcrumbs linenos indextable index genindex printindex menu mainmenu submenu searchmenu tagline section-toc
    mini-toc detailmenu menu-comment nav-panel toplang bottomlang fancy_toc legalnotice copyright authorgroup revhistory
    list-of-figures list-of-tables list-of-examples
""".split())
LEFT_OUT_WITHIN_LINES = {"headerlink", "viewcode-link", "copiable-anchor", "copiable-link", "MAC", "producttitle"}
BOILERPLATE = re.compile(r"This page last modified on |This document was generated on|Download the ebook$|main help file$"
                         r"|top - main help file|Vim documentation: |Part of the git\(1\) suite|GIT$|Categories: |Zsh version"
                         r"|Apache > |Copyright: see|(- )?Copyright (\u00a9|\([Cc]\)) |Permission is granted to (make|copy) ")
# Where the main part of a page begins: the first of these that the page has.
MAIN = [("role", "main"), ("class", "yui-b"), ("tag", "main"), ("tag", "article"), ("id", "DisplayArea"), ("tag", "body")]


def has_value(attributes, name, values):
    return any(value in values for value in (attributes.get(name) or "").split())


def left_out(tag, attributes):
    if tag in {"a", "span"}:
        return has_value(attributes, "class", LEFT_OUT_WITHIN_LINES)
    return (tag in LEFT_OUT_TAGS or attributes.get("id") in LEFT_OUT_IDS or has_value(attributes, "class", LEFT_OUT_CLASSES))


class Page(HTMLParser):
    """Reads the part of a page that begins with an element of the given kind."""

    def __init__(self, main):
        super().__init__(convert_charrefs=True)
        self.main = main
        self.inside = []  # [tag, depth] of the main part, then of what is left out in it; elements of that tag are counted
        self.found = False
        self.out = []
        self.line = []  # pieces of the line begun
        self.breaks = 0  # line ends before the next line
        self.lists = []  # those open: [next number or 0, where it began in out, characters, linked characters, indent]
        self.indent = 0
        self.pre = self.cells = self.links = 0
        self.characters = self.linked = 0
        self.marker = ""

    def end_line(self, breaks):
        text = "".join(self.line)
        self.line = []
        if self.pre:
            rows = [row.rstrip() for row in text.expandtabs().strip("\n").split("\n")]
        else:
            rows = [re.sub(r"\s+", " ", text).strip()]
        if not any(rows):
            self.breaks = max(self.breaks, breaks)
            return
        lead = "  " * self.indent
        first = "  " * (self.indent - 1) + self.marker if self.marker else lead
        self.marker = ""
        self.out.append("\n" * self.breaks + first + ("\n" + lead).join(rows))
        self.breaks = breaks

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if not self.found:
            name, value = self.main
            self.found = tag == value if name == "tag" else has_value(attributes, name, {value})
            if self.found:
                self.inside = [[tag, 1]]
            return
        if not self.inside or tag in VOID - {"br", "hr", "img"}:
            return
        if len(self.inside) == 1 and tag != "body" and left_out(tag, attributes):
            self.inside.append([tag, 1])
            return
        if self.inside[-1][0] == tag:
            self.inside[-1][1] += 1
        if len(self.inside) == 1:
            self.begin(tag, attributes)

    def begin(self, tag, attributes):
        if tag == "br" and self.pre:
            self.line.append("\n")
        elif self.cells and tag in (PARAGRAPHS | LINES) - {"tr", "table"}:
            self.line.append(" ")
        elif tag in LISTS and self.lists:
            self.end_line(1)
        elif tag in PARAGRAPHS:
            self.end_line(2)
        elif tag in LINES:
            self.end_line(1)
        if tag in LISTS:
            self.lists.append([1 if tag == "ol" else 0, len(self.out), self.characters, self.linked, self.indent])
            self.indent += tag != "dl"
        elif tag in {"td", "th"}:
            self.line.append(" | " if self.cells else "")
            self.cells = 1
        elif tag == "a":
            self.links = "href" in attributes
        elif tag == "img" and has_value(attributes, "class", {"math"}):
            self.line.append(attributes.get("alt") or "")
        elif self.cells:
            pass
        elif tag == "pre":
            self.pre = 1
        elif tag in {"dt", "dd"} and self.lists:
            self.indent = self.lists[-1][4] + (tag == "dd")
        elif tag == "li":
            self.marker = "- "
            if self.lists and self.lists[-1][0]:
                self.marker = "%d. " % self.lists[-1][0]
                self.lists[-1][0] += 1

    def handle_endtag(self, tag):
        if not self.inside:
            return
        if self.inside[-1][0] == tag:
            self.inside[-1][1] -= 1
            if self.inside[-1][1] == 0:
                self.inside.pop()
                return
        if len(self.inside) == 1:
            self.end(tag)

    def end(self, tag):
        if tag in {"tr", "table"}:
            self.cells = 0
        if self.cells and tag in PARAGRAPHS | LINES:
            self.line.append(" ")
        elif tag in LISTS and len(self.lists) > 1:
            self.end_line(1)
        elif tag in PARAGRAPHS:
            self.end_line(2)
        elif tag in LINES:
            self.end_line(1)
        if tag == "pre":
            self.pre = 0
        elif tag == "dd" and self.lists and not self.cells:
            self.indent = self.lists[-1][4]
        elif tag == "a":
            self.links = 0
        elif tag in LISTS and self.lists:
            self.marker = ""
            _, began, characters, linked, self.indent = self.lists.pop()
            if self.linked - linked > 0.9 * (self.characters - characters):
                del self.out[began:]  # a list of links

    def handle_data(self, data):
        if len(self.inside) == 1:
            self.line.append(data)
            length = len(data.strip())
            self.characters += length
            self.linked += length if self.links else 0


def page_text(html):
    """The page's main part as text, empty if the page is mostly links."""
    for main in MAIN:
        page = Page(main)
        page.feed(html)
        page.close()
        if page.found:
            break
    page.end_line(2)
    return "" if page.linked > MOST_LINKED * page.characters else "".join(page.out)


def is_english(text):
    return len(re.findall(r"[^\W\d_a-zA-Z\u00c0-\u024f\u0370-\u03ff]", text)) <= MOST_FOREIGN * len(text)


def document(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = text.replace("\r", "")
    if not path.endswith(".txt"):
        text = page_text(text)
    text = re.sub("[\u00ad\u200b-\u200d\u2060\ufeff\u00b6]", "", text.replace("\u00a0", " ")).replace(SEPARATOR, "")
    text = "\n".join(line.rstrip() for line in text.split("\n") if not BOILERPLATE.match(line.strip()))
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    if len(text) < SHORTEST or not is_english(text):
        text = ""
    return text, line_hashes(text)


def main():
    paths = sys.stdin.read().splitlines()
    sys.stdout.reconfigure(encoding="utf-8")
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        documents = [found for found in pool.imap(document, paths, chunksize=16) if found[0]]
    keep = distinct([(len(text), hashes) for text, hashes in documents])
    print(("\n%s\n" % SEPARATOR).join(text for (text, _), kept in zip(documents, keep) if kept))


if __name__ == "__main__":
    main()
