"""Class names that are one class in two spellings."""

import re
from collections.abc import Sequence

import numpy as np

EDGES = " .,;:!'\"`"  # signs that are no part of a word at its ends
CASED = 3  # letters from which case tells nothing: "a" and "A" may be two letters, "CO" and "Co" two substances
SWAPPED = 4  # letters from which two neighbours in the wrong order are a slip: "stpo"
LEFT_OUT = (
    6  # letters of the shorter word from which one left out or put in is a slip; "plane" and "planet" are two words
)
REPLACED = 7  # letters from which another one in one place is a slip; "house" and "horse" are two words


def plain(word: str) -> str:
    """In lower case, white space made one space, EDGES cut off: ">50K." and " >50k" are one, "1.5" and "15" are not."""
    return " ".join(word.casefold().split()).strip(EDGES) or word


def same_spelling(names: Sequence[str]) -> np.ndarray:
    """(k,) for each class the first class that is spelled alike; itself for most."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(plain(name), i) for i, name in enumerate(names)], np.int32)


def folded(word: str) -> str:
    """As `plain`, without the spaces, hyphens and underscores that stand beside a letter: "T_Shirt" and "t-shirt" are
    one, "1-2" and "12", "C" and "C++", ">50K" and "<=50K" are not. A word of fewer than CASED letters is left alone but
    for the white space at its ends."""
    if sum(c.isalpha() for c in word) < CASED:
        return word.strip()
    return re.sub(r"(?<=[^\W\d_])[\s_-]+(?=\w)|(?<=\d)[\s_-]+(?=[^\W\d_])", "", plain(word))


def slip(word: str, other: str) -> bool:
    """Whether one is the other with one slip of the hand (Damerau 1964: a letter left out, put in, replaced, or two
    neighbours swapped), and both are so long that two words of a language seldom differ so.

    Both begin with one letter. A plural is no slip, nor is another ending.
    """
    a, b = sorted((word.casefold(), other.casefold()), key=len)
    if a == b or a[:1] != b[:1] or not (a.isalpha() and b.isalpha()) or len(b) - len(a) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return len(a) >= LEFT_OUT and at < len(a) and a[at:] == b[at + 1 :]
    if len(a) >= SWAPPED and a[at : at + 2] == b[at : at + 2][::-1] and a[at + 2 :] == b[at + 2 :]:
        return True
    return len(a) >= REPLACED and at < len(a) - 1 and a[at + 1 :] == b[at + 1 :]
