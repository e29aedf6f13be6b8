"""Class names that are one class in two spellings."""

from collections.abc import Sequence

import numpy as np

EDGES = " .,;:!'\"`"  # signs that are no part of a word at its ends


def plain(word: str) -> str:
    """In lower case, white space made one space, EDGES cut off: ">50K." and " >50k" are one, "1.5" and "15" are not."""
    return " ".join(word.casefold().split()).strip(EDGES) or word


def same_spelling(names: Sequence[str]) -> np.ndarray:
    """(k,) for each class the first class that is spelled alike; itself for most."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(plain(name), i) for i, name in enumerate(names)], np.int32)
