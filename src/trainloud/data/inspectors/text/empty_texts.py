"""Are there texts without any text?

Why it matters: an empty text still has a label, so the network learns to guess from nothing; as padding alone it makes
attention and means over words divide by zero; and it usually stands for something that was lost in reading.

Remedy: look where they come from (a failed download, a column that was cut, a deleted message) and drop them, or give
them a class of their own if emptiness is an answer.

Known limits: a text of signs alone ("...", ":)") is a text. White space is what Unicode calls so.

Source: none; Karpathy 2019, "A Recipe for Training Neural Networks", step 1: look for corrupted examples.
"""

import numpy as np
import pyarrow.compute as pc

from trainloud.core.finding import Finding, fired, passed
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.survey import Survey

FEW = 0.001  # share of the texts up to which it is worth knowing but spoils nothing
SHOWN = 12


def judge(survey: Survey) -> Finding:
    n = len(survey)
    trimmed = pc.binary_length(pc.utf8_trim_whitespace(pc.fill_null(survey.texts, "")))
    rows = np.flatnonzero(trimmed.to_numpy() == 0)
    if not len(rows):
        return passed(f"each of {n:,} texts holds more than white space", rows=0)
    missing = int(survey.texts.null_count)
    share = len(rows) / n
    kinds = f" ({missing:,} of them missing altogether)" if missing else ""
    per_class = _classes(survey, rows)
    return fired(
        f"{len(rows):,} of {plural(n, 'text')} ({share:.2%}) {'is' if len(rows) == 1 else 'are'} empty or white "
        f"space{kinds}{per_class}",
        "no text without a letter or sign",
        severity="note" if share <= FEW else None,
        exhibits=[survey.exhibit("empty texts", rows[:SHOWN].tolist(), total=len(rows))],
        rows=rows[:1000].tolist(),
        count=len(rows),
    )


def _classes(survey: Survey, rows: np.ndarray) -> str:
    """The class that most of them have, in words; "" where that says nothing."""
    if survey.labels is None:
        return ""
    codes, names = survey.labels
    told = np.bincount(codes[rows][codes[rows] >= 0], minlength=len(names))
    best = int(told.argmax()) if len(told) else 0
    return f", {told[best]:,} of them labelled {names[best]!r}" if len(told) and told[best] else ""


INSPECTOR = Inspector(fault="empty-texts", severity="warning", basis="proof", judge=judge, kinds=("text",))


def bad(folder):
    for i in range(40):
        for name, words in (("good", "a fine day with sun"), ("poor", "a grey day with rain")):
            path = folder / "texts" / name / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("  \n" if i == 7 else f"{words}, number {i}")
    return ["texts"]


def good(folder):
    for i in range(40):
        for name, words in (("good", "a fine day with sun"), ("poor", "a grey day with rain")):
            path = folder / "texts" / name / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("..." if i == 7 else f"{words}, number {i}")
    return ["texts"]
