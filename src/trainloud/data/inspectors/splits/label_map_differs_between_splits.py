"""Are the classes spelled or numbered differently in the splits?

Why it matters: ">50K." in the test data is another class than ">50K" in the training data. No prediction is ever right
there, or the label encoder that was fitted anew gives the same number to another class; and rows that stand in both
splits hide, because their labels differ.

Remedy: bring the class names to one spelling where the data is read, in all splits, and fit the mapping from names to
numbers once, on the training split.

Known limits: told by the names: those that never meet across splits although they agree without punctuation, case and
spaces, or whole numberings that are shifted. Equal names with another meaning are not seen.

Source: UCI Adult, whose test labels end in a dot; Northcutt, Athalye, Mueller 2021, "Pervasive Label Errors in Test
Sets".
"""

import re
from collections.abc import Callable

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed
from trainloud.data.survey import Survey

ROWS_SHOWN = 4


def _number(word: str) -> str:
    try:
        return f"{float(word):.12g}"
    except ValueError:
        return word.casefold().strip()


# From the mildest to the boldest; the first under which names of one split stay apart and meet those of the other.
SPELLINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("but for case and spaces at the ends", lambda w: w.strip().casefold()),
    ("as numbers", _number),
    ("but for punctuation at the ends", lambda w: w.strip().casefold().strip(" .,;:!?'\"()[]{}_-*#")),
    ("but for spaces, hyphens and underscores", lambda w: re.sub(r"[\W_]*$|^[^\w<>=+-]*|[\s_-]+", "", w.casefold())),
    ("but for everything that is no letter or digit", lambda w: re.sub(r"[\W_]+", "", w.casefold())),
)


def judge(survey: Survey) -> Finding:
    if survey.labels is None:
        return unknown("there are no class labels")
    codes, names = survey.labels
    present: dict[str, dict[str, int]] = {}
    for split in survey.splits:
        counts = np.bincount(codes[survey.rows_of(split)] + 1, minlength=len(names) + 1)[1:]
        if counts.any():
            present[split] = {names[i]: int(counts[i]) for i in np.flatnonzero(counts)}
    if len(present) < 2:
        return unknown("fewer than two splits have labels")
    first = "train" if "train" in present else next(iter(present))
    for split in present:
        if split != first:
            found = _between(survey, first, present[first], split, present[split])
            if found is not None:
                return found
    shared = set.intersection(*(set(p) for p in present.values()))
    return passed(f"{plural(len(shared), 'class', 'classes')} of {len(names):,} are named alike in all splits")


def _between(survey: Survey, a: str, ours: dict[str, int], b: str, theirs: dict[str, int]) -> Finding | None:
    only_a, only_b = set(ours) - set(theirs), set(theirs) - set(ours)
    if not only_a or not only_b:
        return None
    for how, spelled in SPELLINGS:
        pairs = _pairs(sorted(only_a), sorted(only_b), set(ours), set(theirs), spelled)
        if pairs:
            return _told(survey, a, ours, b, theirs, pairs, how)
    shift = _shifted(set(ours), set(theirs))
    if shift:
        return fired(
            f"{len(ours):,} classes are numbered from {min(ours, key=float)} to {max(ours, key=float)} in {a} and from "
            f"{min(theirs, key=float)} to {max(theirs, key=float)} in {b}: shifted by {shift:+g}",
            "one numbering in all splits",
            basis="heuristic",
            shift=shift,
        )
    if not set(ours) & set(theirs):
        return fired(
            f"{plural(len(theirs), 'class', 'classes')} in {b} ({listed(sorted(theirs), 3)}), none of which is "
            f"among the "
            f"{len(ours):,} in {a} ({listed(sorted(ours), 3)})",
            "the same classes in all splits",
            splits={a: sorted(ours)[:100], b: sorted(theirs)[:100]},
        )
    return None


def _pairs(
    only_a: list[str], only_b: list[str], ours: set[str], theirs: set[str], spelled: Callable[[str], str]
) -> list[tuple[str, str]]:
    """(name, name) of classes that are one and the same in this spelling; none where the spelling merges classes of
    one split."""
    for names in (ours, theirs):
        if len({spelled(w) for w in names}) < len(names) or "" in map(spelled, names):
            return []
    other = {spelled(w): w for w in only_b}
    return [(w, other[spelled(w)]) for w in only_a if spelled(w) in other]


def _told(
    survey: Survey,
    a: str,
    ours: dict[str, int],
    b: str,
    theirs: dict[str, int],
    pairs: list[tuple[str, str]],
    how: str,
) -> Finding:
    alike = set(ours) & set(theirs)
    rows = sum(theirs[w] for _, w in pairs)
    shown = []
    assert survey.labels is not None
    codes, names = survey.labels
    for w, v in pairs[:3]:
        mine = np.flatnonzero((codes == names.index(w)) & (survey.split == survey.splits.index(a)))[:ROWS_SHOWN]
        others = np.flatnonzero((codes == names.index(v)) & (survey.split == survey.splits.index(b)))[:ROWS_SHOWN]
        shown.append(survey.exhibit(f'"{w}" in {a}, "{v}" in {b}', [*mine.tolist(), *others.tolist()]))
    return fired(
        f"{plural(len(pairs), 'class', 'classes')} of {len(ours):,} in {a} "
        f"{'is' if len(pairs) == 1 else 'are'} named otherwise in {b}, {how}: "
        + listed(f'"{w}" and "{v}"' for w, v in pairs)
        + f"; these are {rows:,} of {sum(theirs.values()):,} labelled {b} examples; "
        f"{plural(len(alike), 'class', 'classes')} {'has' if len(alike) == 1 else 'have'} one "
        "name in both",
        "one name for each class in all splits",
        exhibits=shown,
        pairs=pairs[:200],
        rows=rows,
    )


def _shifted(ours: set[str], theirs: set[str]) -> float:
    """By how much the whole numbers of one split lie beside those of the other; 0 where they are no such numbering."""
    try:
        a, b = sorted(map(float, ours)), sorted(map(float, theirs))
    except ValueError:
        return 0.0
    if len(a) != len(b) or len(a) < 2 or any(x != int(x) for x in a + b):
        return 0.0
    steps = {y - x for x, y in zip(a, b, strict=True)}
    dense = a[-1] - a[0] == len(a) - 1
    return steps.pop() if len(steps) == 1 and dense else 0.0


INSPECTOR = Inspector(
    fault="label-map-differs-between-splits",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("class-missing-in-split",),
)


def bad(folder):
    for part, dot in (("train", ""), ("test", ".")):
        rows = [f"{i * 7 % 13},{'>50K' if i % 3 else '<=50K'}{dot}" for i in range(200)]
        (folder / f"{part}.csv").write_text("a,income\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "income"]


def good(folder):
    for part in ("train", "test"):
        rows = [f"{i * 7 % 13},{'>50K' if i % 3 else '<=50K'}" for i in range(200)]
        (folder / f"{part}.csv").write_text("a,income\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "income"]
