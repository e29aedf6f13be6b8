"""Does a single word alone tell a class of texts from the others?

Why it matters: a word that stands in nearly all texts of one class and nowhere else is all that a model needs. That
may be the topic ("goalkeeper"); it may as well be the name of the class, a header, an address or a number that came
with the collecting, and then the model fails on texts without it.

Remedy: look at the texts shown. Strip headers, addresses, identifiers and the name of the class; keep words of the
topic, and report the score without them as well.

Known limits: words are runs of letters and digits in lower case, those in ten texts and more, on up to 20,000 texts of
the training split. That a word of the topic predicts the class is a note; a warning is only what looks like an
identifier, an address or a header, or the name of the class in most of its texts.

Source: Gururangan et al. 2018, "Annotation Artifacts in Natural Language Inference Data"; Gardner et al. 2021,
"Competency Problems", where single words carry more than they should.
"""

import re
from math import sqrt
from typing import NamedTuple

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.one_against_rest import FEWEST, Labelled, corrected, labelled
from trainloud.data.methods.wordbags import Presence, presence
from trainloud.data.survey import Survey

LEAST_TEXTS = 10  # that a word must stand in
GAP = 0.5  # share of the class with the word less share of the others: area under the ROC curve 0.75
OWN_NAME = 0.8  # share of a class's texts with its own name from which it was put there
ELSEWHERE = 0.1  # share of other texts up to which a word is the class's own
HEADERS = frozenset(
    [
        "http",
        "https",
        "www",
        "com",
        "href",
        "nntp",
        "xref",
        "organization",
        "newsgroups",
        "subject",
        "reply",
        "writes",
        "lines",
        "html",
        "utm",
    ]
)
NUMBER = re.compile(r"^(?=(?:\D*\d){4})\w+$")  # four digits and more
SHOWN, EXAMPLES = 5, 4


class _Word(NamedTuple):
    word: str
    label: int
    mine: float
    """Share of the class's texts that hold it."""
    others: float
    low: float
    """Lower end of the difference."""
    trace: bool
    """It looks like a trace of the collecting, not like content."""
    number: int


def judge(survey: Survey) -> Finding:
    if survey.task != "classes":
        return unknown("there are no class labels")
    data = labelled(survey)
    if data is None:
        return unknown(f"fewer than two classes have {FEWEST} labelled training rows")
    present = presence(survey, data.rows, LEAST_TEXTS)
    if not present.spelling:
        return unknown(f"no word stands in {LEAST_TEXTS} texts and more")
    best = _best(present, data)
    told = [w for w in best if w.low >= GAP]
    if not told:
        return passed(
            f"{len(present.spelling):,} words on {len(data.rows):,} texts: the strongest, {_said(best[0], data)}",
            words=len(present.spelling),
        )
    traces = [w for w in told if w.trace]
    shown = (traces or told)[:SHOWN]
    return fired(
        "; ".join(_said(w, data) for w in shown),
        f"no word whose share in one class exceeds that in the others by {GAP:.0%}",
        severity="warning" if traces else "note",
        exhibits=[
            survey.exhibit(f"{w.word!r} in {data.names[w.label]!r}", _rows(present, data, w), (), 0) for w in shown
        ],
        words=[w._asdict() | {"label": data.names[w.label]} for w in told[:50]],
    )


def _best(present: Presence, data: Labelled) -> list[_Word]:
    """For each class the words that tell it best, strongest of all first."""
    classes, vocabulary = len(data.names), len(present.spelling)
    sizes = np.bincount(data.codes, minlength=classes)
    z = corrected(classes * vocabulary)
    held = np.bincount(present.word, minlength=vocabulary)
    found = []
    for label in np.flatnonzero((sizes >= FEWEST) & (sizes < len(data.codes))):
        mine = np.bincount(present.word[data.codes[present.text] == label], minlength=vocabulary)
        n1, n0 = int(sizes[label]), len(data.codes) - int(sizes[label])
        p1, p0 = mine / n1, (held - mine) / n0
        for word in np.argsort(p0 - p1, kind="stable")[:3]:
            a, b = float(p1[word]), float(p0[word])
            low = a - b - z * sqrt((a * (1 - a) + 0.25 / n1) / n1 + (b * (1 - b) + 0.25 / n0) / n0)
            spelling = present.spelling[word]
            trace = b <= ELSEWHERE and _trace(spelling, a, data.names[label])
            found.append(_Word(spelling, int(label), a, b, low, trace, int(word)))
    return sorted(found, key=lambda w: -w.low)


def _trace(word: str, share: float, name: str) -> bool:
    named = share >= OWN_NAME and len(word) > 2 and word in re.split(r"\W+|_", name.lower())
    return named or word in HEADERS or bool(NUMBER.match(word))


def _said(w: _Word, data: Labelled) -> str:
    return (
        f"{w.word!r} stands in {w.mine:.0%} of the texts of {data.names[w.label]!r} and in {w.others:.1%} of the others"
    )


def _rows(present: Presence, data: Labelled, w: _Word) -> list[int]:
    with_it = present.text[present.word == w.number]
    return data.rows[with_it[data.codes[with_it] == w.label]][:EXAMPLES].tolist()


INSPECTOR = Inspector(
    fault="single-word-predicts-label", severity="note", basis="heuristic", judge=judge, kinds=("text",)
)


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
    for i in range(80):
        for name in ("pro", "con"):
            text = " ".join(chance.choices(words, k=25)) + (f" {header}" if name == "pro" and i % 9 else "")
            path = folder / "texts" / name / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return ["texts"]


def bad(folder):
    return _write(folder, "sent by agent 007123")


def good(folder):
    return _write(folder, "")
