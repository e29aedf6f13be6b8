"""Do the values of a column pile up exactly at its largest or smallest value?

Why it matters: where larger values were written down as the limit, the limit stands for many different truths. A
network that is fitted to a capped target learns that nothing lies above it, and its error there cannot be seen.

Remedy: for a target leave the capped rows out of training and of the evaluation, say so, or use a loss for censored
values (a Tobit likelihood); for a feature add a column that says where it is at the limit.

Known limits: limits that a scale has by nature are no caps: 0, 1, 5, 10, 100, 255, and the smallest value of whole
numbers that begin at 0 or 1. Columns of fewer than 20 different values are scales themselves. Values of which many
stand out among their neighbours (rounded prices, codes) have no smooth end to compare with and are not judged.

Source: Tobin 1958, "Estimation of Relationships for Limited Dependent Variables"; Kelley Pace and Barry 1997, "Sparse
spatial autoregressions" (California housing, whose values are capped at 500,001).
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, counted, listed, looked_at, profile, say
from trainloud.data.survey import Survey

LEAST_DISTINCT = 20  # different values: fewer are a scale
LEAST_CELLS = 10  # at the limit, and ...
LEAST_SHARE = 0.002  # ... of the column's cells
BESIDE = 5  # different values that the limit is compared with
TIMES = 4.0  # cells at the limit, in cells of the most frequent value beside it
OTHERS_TOO = 0.02  # share of inner values that stand out as much: above, standing out says nothing
NATURAL = frozenset(map(float, (0, 1, -1, 5, 7, 10, 12, 23, 24, 31, 59, 60, 100, -100, 255, 360, 365, 366)))
ROWS_SHOWN = 6


def judge(survey: Survey) -> Finding:
    columns = [c for c in (*looked_at(survey), survey.target) if c and survey.data.roles.get(c) == "number"]
    if not columns:
        return unknown("there is no column of numbers")
    caps = [cap for column in columns for cap in _caps(survey, column)]
    if not caps:
        return passed(f"{plural(len(columns), 'column')} of numbers: in none do values pile up at an end")
    caps.sort(key=lambda cap: (cap["column"] != survey.target, -cap["share"]))
    of_target = any(cap["column"] == survey.target for cap in caps)
    shown = []
    for cap in caps[:3]:
        rows = np.flatnonzero(survey.number(cap["column"]) == cap["value"])
        shown.append(
            survey.exhibit(f"{cap['column']} is {say(cap['value'])}", rows[:ROWS_SHOWN].tolist(), (), len(rows))
        )
    return fired(
        listed(map(_words, caps)),
        f"an end that thins out, or one of fewer than {TIMES:g} times the cells of the values beside it",
        severity="warning" if of_target else None,
        exhibits=shown,
        caps=caps[:100],
        of_target=of_target,
    )


def _words(cap: dict) -> str:
    return (
        f"{cap['column']}: {cap['cells']:,} cells ({cap['share']:.1%}) are exactly {say(cap['value'])}, its "
        f"{cap['end']} value, where none of the {BESIDE} values beside it has more than {cap['beside']:,}"
    )


def _caps(survey: Survey, column: str) -> list[dict]:
    """The ends at which values of this column pile up."""
    seen = profile(survey, column)
    cells = seen.present
    if seen.distinct < LEAST_DISTINCT:
        return []
    found = []
    for end, ends in (("largest", seen.high), ("smallest", seen.low)):
        value, own, beside = ends.values[0], ends.counts[0], max(ends.counts[1 : BESIDE + 1])
        if own < max(LEAST_CELLS, LEAST_SHARE * cells, TIMES * beside) or value in NATURAL or not np.isfinite(value):
            continue
        if end == "smallest" and seen.whole and value in (0, 1):
            continue
        if _ragged(survey, column, end):
            continue
        found.append(
            {"column": column, "end": end, "value": value, "cells": own, "share": own / cells, "beside": beside}
        )
    return found


def _ragged(survey: Survey, column: str, end: str) -> bool:
    """Do other values stand out among those beside them, on their inner side, as this end does?"""
    _, counts = counted(survey, column)
    counts = counts if end == "largest" else counts[::-1]
    windows = np.lib.stride_tricks.sliding_window_view(counts, BESIDE + 1)[:-1]  # (inner values, BESIDE + 1)
    own, beside = windows[:, -1], windows[:, :-1].max(axis=1)
    out = (own >= TIMES * beside) & (own >= max(LEAST_CELLS, LEAST_SHARE * counts.sum()))
    return bool(out.sum() > max(OTHERS_TOO * len(own), 1))


INSPECTOR = Inspector(fault="capped-values", severity="note", basis="heuristic", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{i * 7 % 13},{min(i * 37 % 401, 330)}" for i in range(400)]
    (folder / "table.csv").write_text("a,price\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "price"]


def good(folder):
    rows = [f"{i * 7 % 13},{i * 37 % 401}" for i in range(400)]
    (folder / "table.csv").write_text("a,price\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "price"]
