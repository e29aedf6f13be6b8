"""Are there numbers in the data that are infinite, or none at all where one must be?

Why it matters: one infinite number makes the mean of its column infinite, its standardised values NaN, and with the
first batch that holds it every weight of the network NaN. A NaN in a picture does the same.

Remedy: find where it comes from (a division by zero, a logarithm of zero, an overflow of float32); write the true limit
or leave the cell empty.

Known limits: of pictures only those that are arrays of decimal numbers are asked. In series a NaN is a gap: see
series-with-gaps. Missing cells are told by missing-values, missing targets by target-missing. Numbers beyond 3.4e38 are
finite here and become infinite as float32: they are told too.

Source: IEEE 754-2019, section 6.1; Goodfellow, Bengio, Courville 2016, "Deep Learning", section 4.1.
"""

from collections.abc import Iterable

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.inspection import Kind
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, listed, looked_at, profile
from trainloud.data.survey import Survey

LARGEST = float(np.finfo(np.float32).max)  # what a network's usual precision can hold
ROWS_SHOWN = 8
KINDS: tuple[Kind, ...] = (*TABLES, "images")


def judge(survey: Survey) -> Finding:
    if survey.kind == "images" and survey.data.pictures is not None:
        return _pictures(survey)
    if survey.kind == "series" and survey.data.series is not None:
        read = survey.data.series
        bad = {r: int((np.abs(read(r)) > LARGEST).sum()) for r in range(len(survey))}  # NaN compares as False
        return _examples(survey, {r: (n, 0) for r, n in bad.items() if n}, "series", len(survey))
    return _columns(survey)


def _pictures(survey: Survey) -> Finding:
    pictures = survey.data.pictures
    assert pictures is not None
    asked: list[int] = []
    for split in survey.splits:
        rows = survey.rows_of(split)
        if len(rows) and not _encoded(survey, int(rows[0])) and pictures.array(int(rows[0])).dtype.kind == "f":
            asked += rows.tolist()
    if not asked:
        return passed("pictures of whole numbers: each is finite", rows=0)
    found: dict[int, tuple[int, int]] = {}
    for row in asked:
        pixels = pictures.array(row)
        if not np.isfinite(pixels).all() or np.abs(pixels).max(initial=0) > LARGEST:
            found[row] = int((np.abs(pixels) > LARGEST).sum()), int(np.isnan(pixels).sum())
    return _examples(survey, found, "picture", len(asked))


def _encoded(survey: Survey, row: int) -> bool:
    assert survey.data.pictures is not None
    try:
        return survey.data.pictures.encoded(row) is not None
    except OSError:
        return True


def _examples(survey: Survey, found: dict[int, tuple[int, int]], one: str, asked: int) -> Finding:
    """`found`: row -> how many of its numbers are infinite, and how many are none (NaN)."""
    many = one if one.endswith("s") else ""
    if not found:
        return passed(f"all numbers of {plural(asked, one, many)} are finite in single precision", rows=0)
    infinite, nan = sum(n for n, _ in found.values()), sum(n for _, n in found.values())
    kinds = [f"{infinite:,} infinite in single precision"] * bool(infinite) + [f"{nan:,} NaN"] * bool(nan)
    rows = list(found)
    parts = np.bincount(survey.split[rows], minlength=len(survey.splits))
    split = [f"{n:,} in {name}" for name, n in zip(survey.splits, parts, strict=True) if n and name]
    return fired(
        f"{len(found):,} of {plural(asked, one, many)} {'holds' if len(found) == 1 else 'hold'} numbers that are not "
        f"finite{' (' + listed(split) + ')' if split else ''}: {listed(kinds)}",
        "finite numbers",
        exhibits=[survey.exhibit("with numbers that are not finite", rows[:ROWS_SHOWN], _notes(found), len(rows))],
        rows=len(rows),
        infinite=infinite,
        nan=nan,
    )


def _notes(found: dict[int, tuple[int, int]]) -> list[str]:
    def told(counts: Iterable[tuple[int, str]]) -> str:
        return listed(f"{n:,} {what}" for n, what in counts if n)

    return [told(((infinite, "infinite"), (nan, "NaN"))) for infinite, nan in list(found.values())[:ROWS_SHOWN]]


def _columns(survey: Survey) -> Finding:
    columns = [c for c in (*looked_at(survey), survey.target) if c and survey.data.roles.get(c) == "number"]
    if not columns or not len(survey):
        return unknown("there is no column of numbers")
    found: dict[str, int] = {}
    first: dict[str, np.ndarray] = {}
    for column in columns:
        seen = profile(survey, column)
        if not seen.infinite and max(map(abs, (*seen.low.values[:1], *seen.high.values[:1])), default=0.0) <= LARGEST:
            continue
        rows = np.flatnonzero(np.abs(survey.number(column)) > LARGEST)  # NaN compares as False
        found[column], first[column] = len(rows), rows
    if not found:
        return passed(f"all numbers of {plural(len(columns), 'column')} are finite in single precision", cells=0)
    total = sum(found.values())
    order = sorted(found, key=lambda c: -found[c])
    exhibits = [survey.exhibit(f"{c} is not finite", first[c][:ROWS_SHOWN].tolist(), total=found[c]) for c in order[:3]]
    return fired(
        f"{plural(total, 'cell')} in {plural(len(found), 'column')} {'is' if total == 1 else 'are'} infinite in "
        f"single precision: " + listed(f"{c} {found[c]:,}" for c in order),
        "finite numbers",
        exhibits=exhibits,
        columns={c: found[c] for c in order[:200]},
    )


INSPECTOR = Inspector(fault="non-finite-values-in-data", severity="error", basis="proof", judge=judge, kinds=KINDS)


def bad(folder):
    rows = [f"{i % 17},{'inf' if i == 77 else i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,ratio,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i % 17},{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,ratio,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
