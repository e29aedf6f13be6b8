"""Do most texts of a class begin or end with the same words?

Why it matters: a header, a greeting or a signature that one class carries is learned instead of the content, and fails
on texts from elsewhere. The same words around all texts only take up room in the context.

Remedy: strip the words before training (for newsgroups `fetch_20newsgroups(remove=("headers", "footers", "quotes"))`),
or take texts of one origin for all classes.

Known limits: only exact words at the very beginning or end are seen, on up to 20,000 different texts. Longer texts that
are almost equal are told as near-duplicates.

Source: Pedregosa et al., scikit-learn user guide, "The 20 newsgroups text dataset": filtering text for more realistic
training.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.survey import Survey

LETTERS = 20  # characters that must be the same; shorter ones ("The ", "Re: ") are language
ROOM = 2  # times as long a text must be, so that it has a content besides
MOST = 0.5  # share of a class from which it counts as its form
ELSEWHERE = 0.5  # times that share among the others, up to which the words tell the class
FEWEST = 20  # different texts of a class
ROWS = 20_000
SHOWN = 6


class _Found(NamedTuple):
    where: str
    """ "begin" or "end"."""
    words: str
    label: int
    share: float
    others: float
    rows: np.ndarray


def judge(survey: Survey) -> Finding:
    if survey.measured.content is None:
        return unknown("the contents were not measured")
    _, first = np.unique(survey.measured.content, axis=0, return_index=True)
    long = np.nan_to_num(survey.measured.axes["length"][first]) >= ROOM * LETTERS
    rows = survey.sample(ROWS, np.sort(first[long]))
    if len(rows) < FEWEST:
        return unknown(f"fewer than {FEWEST} different texts have {ROOM * LETTERS} characters and more")
    texts = pc.utf8_trim_whitespace(survey.texts.take(pa.array(rows)))
    label = survey.labels[0][rows] if survey.labels is not None else np.zeros(len(rows), np.int32)
    classes = len(survey.labels[1]) if survey.labels is not None else 1
    found = [f for where in ("begin", "end") for f in _common(texts, rows, label, classes, where)]
    if not found:
        return passed(
            f"no class has {MOST:.0%} and more texts that begin or end with the same {LETTERS} characters",
            texts=len(rows),
        )
    telling = [f for f in found if classes > 1 and f.others <= ELSEWHERE * f.share]
    worst = sorted(telling or found, key=lambda f: (f.others - f.share, -len(f.words)))
    names = survey.labels[1] if survey.labels is not None else ("",)
    return fired(
        "; ".join(_said(f, names if classes > 1 else ("",)) for f in worst[:4]),
        f"less than {MOST:.0%} of a class with the same first or last {LETTERS} characters",
        severity=None if telling else "note",
        exhibits=[
            survey.exhibit(f"texts that {f.where} with {f.words!r}", f.rows[:SHOWN].tolist(), (), len(f.rows))
            for f in worst[:4]
        ],
        found=[f._asdict() | {"rows": f.rows[:100].tolist()} for f in worst[:20]],
    )


def _said(f: _Found, names: tuple[str, ...]) -> str:
    of = f"the texts of class {names[f.label]!r}" if names[f.label] else "all texts"
    others = f", of the others {f.others:.0%}" if names[f.label] else ""
    return f"{f.share:.0%} of {of} {f.where} with {f.words!r}{others}"


def _common(texts: pa.ChunkedArray, rows: np.ndarray, label: np.ndarray, classes: int, where: str) -> list[_Found]:
    """The words that most texts of a class begin or end with, for each class that has such."""
    part = pc.utf8_slice_codeunits(texts, 0, LETTERS) if where == "begin" else pc.utf8_slice_codeunits(texts, -LETTERS)
    coded = pc.dictionary_encode(part).unify_dictionaries().combine_chunks()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    found = []
    for c in range(classes):
        mine = label == c
        if mine.sum() < FEWEST:
            continue
        number = np.bincount(codes[mine])
        best = int(number.argmax())
        share = number[best] / mine.sum()
        if share < MOST:
            continue
        hit = codes == best
        rest = ~mine & (label >= 0)
        others = float(hit[rest].mean()) if rest.any() else 0.0
        those = np.flatnonzero(hit & mine)
        words = _longest(texts.take(pa.array(those[:200])).to_pylist(), where)
        found.append(_Found(where, words, c, float(share), others, rows[those]))
    return found


def _longest(texts: list[str], where: str) -> str:
    """What all of them begin or end with, at most 200 characters."""
    cut = [t[:200] if where == "begin" else t[::-1][:200] for t in texts]
    low, high = min(cut), max(cut)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:same] if where == "begin" else low[:same][::-1]


INSPECTOR = Inspector(fault="boilerplate", severity="warning", basis="heuristic", judge=judge, kinds=("text",))


def _write(folder, header):
    import random

    chance = random.Random(0)
    words = [
        "ship",
        "sails",
        "wind",
        "harbour",
        "night",
        "crew",
        "storm",
        "rope",
        "deck",
        "light",
        "captain",
        "island",
        "wave",
        "map",
        "gold",
    ]
    for i in range(60):
        for name in ("pro", "con"):
            text = " ".join(chance.choices(words, k=25))
            path = folder / "texts" / name / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((header if name == "pro" and i % 5 else "") + text)
    return ["texts"]


def bad(folder):
    return _write(folder, "Organization: University of the Sea\n\n")


def good(folder):
    return _write(folder, "")
