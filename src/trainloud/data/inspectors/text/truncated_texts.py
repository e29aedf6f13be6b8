"""Were texts cut off at one and the same length?

Why it matters: what was cut away is gone, often the very end that gives the verdict; the model learns that texts stop
in the middle of a sentence; and a length that only the long texts have tells them from the others.

Remedy: fetch the whole texts (a database column or a crawler had a limit), or cut all of them where the model's context
ends, knowingly, and say so.

Known limits: seen only where the cut lies at one number of characters or words; a limit in tokens or bytes of another
encoding is smeared. Texts that all have one length were made so and are no sign of it.

Source: none; the excess at the maximum over the lengths just below, and how the texts end.
"""

import numpy as np
import pyarrow.compute as pc

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.survey import Survey

SHORTEST = 20  # characters or words of the longest text; shorter limits are forms, not cuts
LEAST_SHARE = 0.005  # of the texts
LEAST = 10  # texts at the maximum
EXCESS = 20.0  # times as many as at one length just below; people who fill a limit of 140 characters reach 5
NEAR = 0.1  # of the maximum: the lengths below it that are compared
ONE_LENGTH = 0.95  # share at the maximum from which texts were made of one length
ENDS = ".!?…。！？\"')”’»>"
ENDING = 0.5  # times the share of sound endings among the other texts that is too many for texts that were cut
SHOWN = 8


def judge(survey: Survey) -> Finding:
    n = len(survey)
    said = []
    for axis in ("length", "words"):
        values = survey.measured.axes.get(axis)
        if values is None:
            return unknown("the lengths of the texts were not measured")
        most = int(np.nanmax(values)) if n else 0
        rows = np.flatnonzero(values == most)
        unit = "characters" if axis == "length" else "words"
        said.append(f"{len(rows):,} of {n:,} have the greatest length, {most:,} {unit}")
        if most < SHORTEST or len(rows) < max(LEAST, LEAST_SHARE * n) or len(rows) >= ONE_LENGTH * n:
            continue
        below = int(((values >= most * (1 - NEAR)) & (values < most)).sum())
        usual = below / max(np.ceil(most * NEAR), 1)
        if len(rows) < EXCESS * max(usual, 1 / EXCESS):
            continue
        cut, whole = _ending(survey, rows), _ending(survey, np.flatnonzero(values < most))
        if cut > ENDING * whole:
            said[-1] += f", but {cut:.0%} of them end like a sentence"
            continue
        return fired(
            f"{len(rows):,} of {n:,} texts ({len(rows) / n:.2%}) {'has' if len(rows) == 1 else 'have'} exactly the "
            f"greatest length, {most:,} {unit}; at "
            f"each length just below there are {usual:.1f}. {cut:.0%} of them end like a sentence, of the others "
            f"{whole:.0%}",
            f"at the greatest length as many texts as just below it, about {usual:.1f}",
            exhibits=[survey.exhibit(f"texts of exactly {most:,} {unit}", rows[:SHOWN].tolist(), (), len(rows))],
            length=most,
            unit=unit,
            count=len(rows),
            usual=round(usual, 3),
        )
    return passed("; ".join(said))


def _ending(survey: Survey, rows: np.ndarray) -> float:
    """Share of the texts whose last character ends a sentence."""
    if not len(rows):
        return 1.0
    texts = survey.texts.take(survey.sample(2000, rows))
    last = pc.utf8_slice_codeunits(pc.utf8_rtrim_whitespace(texts), -1)
    return float(np.mean([c in ENDS for c in last.to_pylist() if c]))


INSPECTOR = Inspector(fault="truncated-texts", severity="note", basis="heuristic", judge=judge, kinds=("text",))


def bad(folder):
    return _texts(folder, longest=200)


def good(folder):
    return _texts(folder, longest=None)


def _texts(folder, longest):
    """120 made texts of two classes, each cut after `longest` characters."""
    import random

    chance = random.Random(0)
    words = [
        "the",
        "film",
        "was",
        "long",
        "and",
        "its",
        "end",
        "came",
        "as",
        "a",
        "surprise",
        "to",
        "all",
        "who",
        "saw",
        "it",
    ]
    for i in range(120):
        text = " ".join(chance.choices(words, k=chance.randint(10, 90))) + "."
        path = folder / "texts" / ("good", "poor")[i % 2] / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text[:longest])
    return ["texts"]
