"""Can the splits be told apart by what is in them?

Why it matters: a score on validation data holds for data like it. Where a classifier tells training from test rows,
they come from different sources, times or filters, and a network that is best on one need not be best on the other.

Remedy: find out what differs and why, at the columns named: another unit or scale, columns that changed places, another
source, another time. Mend that where it is a mistake. Split anew only where the rows are independent and come from one
source; where the splits differ on purpose (by time, by hospital, by scene), validate on data that is as far from
training as use will be.

Known limits: columns (of pictures, texts and series what was measured of them; of texts also their frequent words) are
looked at one by one and in sum, not how they hang together. Identifiers, the target, the group and the column of time
are left out. The labels may drift too: see the classes. A drift that is sure but small (an area under 0.6, no column
0.1 apart) is said in passing and is no finding. Rows are taken to be independent of each other: a few scenes of many
frames, or a few patients of many rows, differ without any fault, and the interval is then too narrow.

Source: Lopez-Paz and Oquab 2017, "Revisiting Classifier Two-Sample Tests"; DeLong et al. 1988 (the interval); Rabanser,
Günnemann, Lipton 2019, "Failing Loudly: An Empirical Study of Methods for Detecting Dataset Shift".
"""

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed, say
from trainloud.data.methods.drift import APART, SMALL, Drift, drifts
from trainloud.data.survey import Survey

LARGE = 0.8  # area under the ROC curve from which the splits are plainly two things
COLUMNS_TOLD = 4
ROWS_SHOWN = 8


def judge(survey: Survey) -> Finding:
    found = drifts(survey)
    if isinstance(found, str):
        return unknown(found)
    one = "column" if survey.kind == "table" else "attribute"
    told = [d for d in found if (d.test.sure and d.test.area >= SMALL) or d.apart]
    if not told:
        worst = max(found, key=lambda d: d.test.area)
        return passed(
            f"a classifier tells {worst.split} from {worst.first} rows with an area of {_area(worst)}; none of "
            f"{plural(worst.columns, one)} is surely {APART:g} apart",
            area=worst.test.area,
        )
    told.sort(key=lambda d: -d.test.area)
    large = any(d.test.sure and d.test.area >= LARGE for d in told)
    in_order = [d for d in told if d.in_order]
    words = "; ".join(_words(d, one) for d in told)
    if len(in_order) == len(told):
        words += "; the splits follow one another in time, so that a drift is to be expected"
    return fired(
        words,
        "an area about 0.5: splits that cannot be told apart",
        severity="warning" if large and len(in_order) < len(told) else "note",
        exhibits=[_exhibit(survey, d) for d in told[:2]],
        splits={
            d.split: {
                "area": d.test.area,
                "low": d.test.low,
                "high": d.test.high,
                "columns": {s.name: s.distance for s in d.apart[:20]},
            }
            for d in told
        },
    )


def _area(drift: Drift) -> str:
    return f"{drift.test.area:.3f} (95 % interval {drift.test.low:.3f} to {drift.test.high:.3f})"


def _words(drift: Drift, one: str) -> str:
    words = (
        f"a classifier over {plural(drift.columns, one)} tells {drift.split} from {drift.first} rows with an area "
        f"under the ROC curve of {_area(drift)}"
    )
    if not drift.apart:
        return f"{words}; no {one} is {APART:g} apart by itself"
    each = [f"{s.name} ({s.distance:.2f} apart{_middles(drift, s.name)})" for s in drift.apart]
    return f"{words}, by {listed(each, COLUMNS_TOLD)}"


def _middles(drift: Drift, name: str) -> str:
    middle = drift.middles.get(name)
    if middle is None:
        return ""
    if isinstance(middle, str):
        return f": {middle}"
    a, b, role = middle
    return f": median {say(a, role)} in {drift.first}, {say(b, role)} in {drift.split}"


def _exhibit(survey: Survey, drift: Drift) -> Exhibit:
    """The rows that are least like the other split."""
    rows = [int(r) for r in drift.typical[:ROWS_SHOWN]]
    return survey.exhibit(f"most unlike {drift.first}, in {drift.split}", rows, total=len(rows))


INSPECTOR = Inspector(fault="split-drift", severity="warning", basis="experiment", judge=judge)


def bad(folder):
    for part, off in (("train", 0), ("test", 30)):
        rows = [f"{off + i * 37 % 101},{i * 7 % 13},{i % 2}" for i in range(400)]
        (folder / f"{part}.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "answer"]


def good(folder):
    for part, off in (("train", 0), ("test", 3)):
        rows = [f"{(off + i) * 37 % 101},{i * 7 % 13},{i % 2}" for i in range(400)]
        (folder / f"{part}.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "answer"]
