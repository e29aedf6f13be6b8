"""Does one class stand under several spellings?

Why it matters: "positive" and "Positive" are two outputs of the network. It is punished for giving the one where the
other is written, rows of one class are counted as two, and the rare spelling is never predicted.

Remedy: bring the class names to one spelling where the data is read: white space cut off, one case, slips of the hand
mended in the file.

Known limits: told by the words alone. Names of one split are compared; those of two splits are asked about by
label-map-differs-between-splits. Words of one or two letters may differ in their case. A slip is told only of words of
letters, where the misspelled class is rare; plurals and synonyms ("car", "automobile") are not seen.

Source: Damerau 1964, "A technique for computer detection and correction of spelling errors", Communications of the ACM
7(3).
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.finding import Basis, Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed
from trainloud.data.methods.spelling import folded, slip
from trainloud.data.survey import Survey

RARE = 0.05  # size of a misspelled class in that of the class it is meant for, and of the middle class, at most
MOST_CLASSES = 2_000  # classes that are compared with one another; of more, names are often alike by chance
ROWS_SHOWN = 4

Counts = dict[str, int]


def judge(survey: Survey) -> Finding:
    if survey.labels is None:
        return unknown("there are no class labels")
    codes, names = survey.labels
    if not len(names):
        return unknown("no example has a class")
    padded = _padded(survey)
    groups: dict[tuple[str, ...], Counts] = {}
    slips: dict[tuple[str, str], Counts] = {}
    for split in range(len(survey.splits)):
        counts = np.bincount(codes[survey.split == split] + 1, minlength=len(names) + 1)[1:]
        there = {names[i]: int(counts[i]) for i in np.flatnonzero(counts)}
        for words in _alike(there):
            groups.setdefault(words, {w: there[w] for w in words})
        for pair in _slips(there):
            slips.setdefault(pair, {w: there[w] for w in pair})
    if not (padded or groups or slips):
        return passed(f"{plural(len(names), 'class', 'classes')}: no two are one word in two spellings", classes=0)
    parts = []
    if padded:
        parts.append(f"white space at the ends makes another class of {_all_told(padded.values())}, cut off here")
    if groups:
        parts.append(f"one but for case, spaces and punctuation: {_all_told(groups.values())}")
    if slips:
        parts.append(f"one letter apart, the first of them rare: {_all_told(slips.values())}")
    sure: Basis = "proof" if padded or groups else "heuristic"
    shown = [w for words in [*groups, *slips] for w in words][:6]
    cut = sum(len(forms) - 1 for forms in padded.values())
    spare = cut + sum(len(words) - 1 for words in groups) + len(slips)
    return fired(
        f"{spare:,} of {plural(len(names) + cut, 'class name')} as written {'is' if spare == 1 else 'are'} another "
        f"spelling of one that is there: {'; '.join(parts)}",
        "one spelling of each class",
        basis=sure,
        exhibits=[_exhibit(survey, names.index(w)) for w in shown],
        padded=list(padded.values())[:100],
        alike=list(groups.values())[:100],
        slips=list(slips.values())[:100],
    )


def _exhibit(survey: Survey, code: int):  # type: ignore[no-untyped-def]
    assert survey.labels is not None
    codes, names = survey.labels
    rows = np.flatnonzero(codes == code)
    return survey.exhibit(f'"{names[code]}"', rows[:ROWS_SHOWN].tolist(), total=len(rows))


def _all_told(groups: Iterable[Counts]) -> str:
    return listed(" and ".join(f'"{w}" ({n:,})' for w, n in words.items()) for words in groups)


def _padded(survey: Survey) -> dict[str, Counts]:
    """Class -> its spellings as they stand in the file, for those that stand there with and without white space."""
    cells = survey.data.cells
    if cells is None or survey.target not in cells.column_names:
        return {}
    column = cells.column(survey.target)
    column = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    one = column.unify_dictionaries().combine_chunks()
    one = one.chunk(0) if isinstance(one, pa.ChunkedArray) and one.num_chunks else one
    if not isinstance(one, pa.DictionaryArray):
        return {}
    codes = pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes[codes >= 0], minlength=len(one.dictionary))
    written: dict[str, Counts] = {}
    for word, n in zip(one.dictionary.to_pylist(), counts.tolist(), strict=True):
        # A number is read as one whatever stands around it.
        if word is not None and n and any(c.isalpha() for c in word):
            written.setdefault(word.strip(), {})[word] = n
    return {word: forms for word, forms in written.items() if len(forms) > 1}


def _alike(there: Counts) -> list[tuple[str, ...]]:
    """Classes of one split that are one word but for case, spaces and punctuation."""
    groups: dict[str, list[str]] = {}
    for word in there:
        groups.setdefault(folded(word), []).append(word)
    return [tuple(sorted(words, key=lambda w: -there[w])) for words in groups.values() if len(words) > 1]


def _slips(there: Counts) -> list[tuple[str, str]]:
    """(rare, frequent) classes of one split that differ by one slip of the hand."""
    sizes: Counts = {}
    first: dict[str, str] = {}
    for word in sorted(there, key=lambda w: -there[w]):
        one = first.setdefault(folded(word), word)
        sizes[one] = sizes.get(one, 0) + there[word]
    if not 2 < len(sizes) <= MOST_CLASSES:
        return []
    middle = float(np.median(list(sizes.values())))
    rare = [w for w, n in sizes.items() if n <= RARE * middle and w.isalpha()]
    found = []
    for word in rare:
        near = [w for w, n in sizes.items() if sizes[word] <= RARE * n and slip(word, w)]
        if near:
            found.append((word, max(near, key=lambda w: sizes[w])))
    return found


INSPECTOR = Inspector(fault="label-spelling", severity="warning", basis="proof", judge=judge)


def bad(folder):
    rows = [
        f"{i % 17},{i * 7 % 13},{'Positive' if i % 40 == 0 else ('positive', 'negative')[i % 2]}" for i in range(200)
    ]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i % 17},{i * 7 % 13},{('T-shirt', 'Shirt', 'class1', 'class2')[i % 4]}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
