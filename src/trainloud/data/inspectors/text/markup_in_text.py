"""Are tags or entities of HTML left in the texts?

Why it matters: "&lt;", "#39;" and "<br />" become tokens of their own. They take up room in the vocabulary and in the
context, split words ("don#39;t"), and where only some sources carry them they say where a text comes from.

Remedy: `html.unescape` and a parser's text (`BeautifulSoup(text).get_text(" ")`) before tokenising, the same for
training and use; keep the markup if the model is to read or write it.

Known limits: tags are told by the names of HTML's elements, entities by their form "&...;" (and "#39;", which has lost
its "&"). Source code and texts about HTML hold them rightly.

Source: HTML Living Standard, sections 4 and 13.5.
"""

import re
from collections import Counter

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.measure.text import MARKUP
from trainloud.data.survey import Survey

LEAST_SHARE = 0.005  # of the texts; below, somebody wrote about markup
LEAST = 5  # texts
SHOWN = 8
COUNTED = 2000  # texts with markup in which the kinds are counted
_MARKUP = re.compile(MARKUP)


def judge(survey: Survey) -> Finding:
    if "markup" not in survey.measured.axes:
        return unknown("the markup in the texts was not counted")
    found = np.nan_to_num(survey.measured.axes["markup"])
    rows = np.flatnonzero(found > 0)
    n = len(survey)
    said = (
        f"{len(rows):,} of {plural(n, 'text')} ({len(rows) / max(n, 1):.2%}) "
        f"{'holds' if len(rows) == 1 else 'hold'} tags or entities of HTML"
    )
    if len(rows) < max(LEAST, LEAST_SHARE * n):
        return passed(said, rows=len(rows))
    kinds: Counter[str] = Counter()
    for text in survey.texts.take(survey.sample(COUNTED, rows)).to_pylist():
        kinds.update(m.split()[0].rstrip(">") + ">" * m.startswith("<") for m in _MARKUP.findall(text or ""))
    common = ", ".join(f"{k!r} {c:,}" for k, c in kinds.most_common(6))
    worst = rows[np.argsort(-found[rows], kind="stable")][:SHOWN]
    notes = [f"{int(found[r]):,} tags and entities" for r in worst]
    return fired(
        f"{said}, {int(found.sum()):,} in all, most often {common}",
        "texts without markup, or markup that is meant to be learned",
        exhibits=[survey.exhibit("texts with most markup", worst.tolist(), notes, len(rows))],
        rows=len(rows),
        kinds=dict(kinds.most_common(50)),
    )


INSPECTOR = Inspector(fault="markup-in-text", severity="note", basis="proof", judge=judge, kinds=("text",))


def bad(folder):
    for i in range(40):
        for name in ("good", "poor"):
            path = folder / "texts" / name / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"The film was {name}.<br /><br />It ran {i} minutes &amp; I didn&#39;t sleep")
    return ["texts"]


def good(folder):
    for i in range(40):
        for name in ("good", "poor"):
            path = folder / "texts" / name / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"The film was {name}; if a < b & b > c, it ran {i} minutes & I <3 it (AT&T; R&D)")
    return ["texts"]
