"""Which of many documents are near-duplicates; debian-docs and linux-source share it.

Longest first, a document is dropped when more than half of its lines stand in documents kept before it, so that a page is not
kept beside a longer one that holds most of it. Lines are compared in lower case, runs of anything but letters and digits as one
space and every digit as 0; lines shorter than 20 characters then are not counted. A document without lines to count is dropped
when the whole of it, compared so, stands in another.
"""

import re
import zlib
from array import array

SHORTEST_LINE = 20
BITS = 30  # the set of lines seen is 2^30 bits: with 20 million lines in it, one unseen line in 50 is taken for a seen one


def normalised(text):
    return re.sub(r"[\W_]+", " ", re.sub(r"\d", "0", text.lower())).strip()


def line_hashes(text):
    """A number below 2^BITS for each line that counts."""
    lines = [line for line in map(normalised, text.split("\n")) if len(line) >= SHORTEST_LINE] or [normalised(text)]
    return array("I", [zlib.crc32(line.encode()) >> (32 - BITS) for line in lines])


def distinct(documents):
    """DOCUMENTS: (length, line_hashes) each. Whether each is kept; of two of one length the first."""
    seen = bytearray(1 << (BITS - 3))
    keep = [False] * len(documents)
    for i in sorted(range(len(documents)), key=lambda i: (-documents[i][0], i)):
        hashes = documents[i][1]
        keep[i] = sum(seen[h >> 3] >> (h & 7) & 1 for h in hashes) * 2 <= len(hashes)
        if keep[i]:
            for h in hashes:
                seen[h >> 3] |= 1 << (h & 7)
    return keep
