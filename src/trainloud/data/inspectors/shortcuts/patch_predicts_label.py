"""Does a small patch at a fixed place alone tell one class from the others?

Why it matters: a logo, a date stamp, a dead pixel or a corner of the frame that only one class carries is all that a
network needs to learn of that class. It scores high wherever the mark is, and fails on pictures without it. Scores
over all classes do not show it: one class in ten is a tenth of the score.

Remedy: look at the patch in the pictures shown; crop it away or paint it over in all classes, or take pictures of one
making. Then compare the accuracy of that class with and without it.

Known limits: seen on thumbnails of 32 pixels a side, so a mark under about a thirtieth of the side may be lost, as is
one whose place varies, one in the colour of the background, and a mark fainter than 20 grey levels. In pictures that
are aligned (digits, faces, garments) contours tell classes at fixed places too, and in tiles of one texture any place
does; there only marks of one colour are told, and only if isolated: all other places of the class tell it less than
two thirds as well (a fifth, where the mark is longer than 10 pixels). Two marks as strong in one class hide each other.

Source: Lapuschkin et al. 2019, "Unmasking Clever Hans predictors" (a tag on the pictures of horses); Ribeiro, Singh
and Guestrin 2016; area under the ROC curve of every patch, against those around it.
"""

from typing import NamedTuple

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.measure.pixels import GREY
from trainloud.data.methods.one_against_rest import labelled
from trainloud.data.methods.patches import FEWEST, RING, SURE, Peak, Stamp, contrasts, inside, stamps
from trainloud.data.survey import SIDE, Survey

ROWS = 5_000  # pictures
ROWS_A_CLASS = 40  # more pictures, where classes are many
MOST_ROWS = 15_000
ISOLATION = 0.12  # of the area under the ROC curve above the places around; 250 clean samples stay below this and RATIO
RATIO = 3.5  # times the next most isolated place of the class
FLOOR = 0.025  # least that the next place is counted for: smaller is chance
EXCESS = 0.3  # share of a class's pictures with a colour, less that of others, at the ends of their intervals
SHOWN, EXAMPLES = 4, 6


class _Mark(NamedTuple):
    label: int
    row: int
    column: int
    strength: float
    said: str
    evidence: dict


def judge(survey: Survey) -> Finding:
    if survey.task != "classes" or survey.labels is None:
        return unknown("there are no class labels")
    if survey.measured.thumbs is None:
        return unknown("the pictures were not measured")
    names = survey.labels[1]
    data = labelled(survey, min(max(ROWS, ROWS_A_CLASS * len(names)), MOST_ROWS))
    if data is None:
        return unknown("fewer than two classes have enough labelled training rows")
    pictures = survey.pixels(data.rows)
    seen = pictures.any(axis=(1, 2, 3))  # zeros stand for what could not be decoded
    pictures, codes = pictures[seen], data.codes[seen]
    if (np.bincount(codes, minlength=len(names)) >= FEWEST).sum() < 2:
        return unknown(f"fewer than two classes have {FEWEST} labelled training pictures")
    within = inside(pictures, GREY)
    peaks = contrasts(pictures, within, codes, len(names))
    colours, content = stamps(pictures, within, codes, len(names), EXCESS)
    marks = [*(_peak(p, names) for p in peaks if _stands_out(p)), *(_stamp(s, names) for s in colours)]
    if not marks:
        best = max(peaks, key=lambda p: p.isolation, default=None)
        ratio = best.isolation / max(best.background, FLOOR) if best else 0.0
        return passed(
            f"no patch of {len(pictures):,} pictures tells a class at one place alone: the area under the ROC "
            "curve of the "
            f"most isolated is {best.isolation if best else 0:.3f} above those around it, {ratio:.1f} times the "
            f"next of its class{_spread(content, names)}",
            isolation=best.isolation if best else 0.0,
        )
    return _told(survey, marks, len(pictures))


def _spread(content: list[Stamp], names: tuple[str, ...]) -> str:
    """What tells a class by its colour, but at many places."""
    if not content:
        return ""
    s = content[0]
    return (
        f"; the colour at {_place(s.row, s.column)} is met in {s.mine:.0%} of {names[s.label]!r} and in {s.others:.1%} "
        f"of the others, but places away from it tell the class as well or nearly (by {s.elsewhere:.0%}), as content "
        "does"
    )


def _told(survey: Survey, marks: list[_Mark], pictures: int) -> Finding:
    assert survey.labels is not None
    codes, names = survey.labels
    best: dict[int, _Mark] = {}
    for m in marks:
        if m.label not in best or m.strength > best[m.label].strength:
            best[m.label] = m
    ranked = sorted(best.values(), key=lambda m: -m.strength)
    if len(names) == 2 and len(ranked) == 2 and _beside(*ranked):
        ranked.pop()  # one mark tells both classes
    shown = []
    for m in ranked[:SHOWN]:
        mine = np.flatnonzero(survey.training & (codes == m.label))
        where = f"look {_place(m.row, m.column)}"
        rows = survey.sample(EXAMPLES, mine).tolist()
        shown.append(survey.exhibit(f"{names[m.label]!r}: {where}", rows, (), len(mine)))
    more = f"; {len(ranked) - SHOWN:,} more classes have such a patch" if len(ranked) > SHOWN else ""
    return fired(
        "; ".join(m.said for m in ranked[:SHOWN]) + more,
        f"no patch that stands out by itself (isolation under {ISOLATION}, {RATIO} times the next, on {pictures:,} "
        "pictures)",
        exhibits=shown,
        side=SIDE,
        patches=[m.evidence for m in ranked[:50]],
    )


def _beside(a: _Mark, b: _Mark) -> bool:
    return max(abs(a.row - b.row), abs(a.column - b.column)) <= RING


def _stands_out(p: Peak) -> bool:
    clear = p.isolation >= ISOLATION and p.isolation >= RATIO * max(p.background, FLOOR)
    return clear and p.isolation >= SURE * p.error


def _place(row: int, column: int) -> str:
    """The patch around a pixel of the thumbnail, in words that fit any size."""
    return f"{(column + 0.5) / SIDE:.0%} from the left and {(row + 0.5) / SIDE:.0%} from the top"


def _peak(p: Peak, names: tuple[str, ...]) -> _Mark:
    sign = "brighter" if p.area > 0.5 else "darker"
    channel = ("red", "green", "blue")[p.channel]
    said = (
        f"the patch {_place(p.row, p.column)} alone tells {names[p.label]!r} from the rest: {sign} than its "
        "surroundings, "
        f"area under the ROC curve {max(p.area, 1 - p.area):.3f}, {p.isolation:.3f} above the patches around it, "
        f"{p.isolation / max(p.background, FLOOR):.1f} times the next such place"
    )
    return _Mark(p.label, p.row, p.column, p.isolation, said, _evidence(p, names) | {"by": f"contrast, {channel}"})


def _stamp(s: Stamp, names: tuple[str, ...]) -> _Mark:
    said = (
        f"the patch {_place(s.row, s.column)} alone tells {names[s.label]!r} from the rest: it has the colour "
        f"{s.colour} in {s.mine:.0%} of that class's pictures and in {s.others:.1%} of the others; it is isolated, "
        f"as no place away from it reaches more than {max(s.elsewhere, 0):.0%} beyond the others"
    )
    return _Mark(s.label, s.row, s.column, s.excess, said, _evidence(s, names) | {"by": "colour"})


def _evidence(found: Peak | Stamp, names: tuple[str, ...]) -> dict:
    numbers = {k: v for k, v in found._asdict().items() if k != "label"}
    top, left = max(found.row - 1, 0), max(found.column - 1, 0)
    return {"class": names[found.label], "patch": [top, left, 3, 3], **numbers}


INSPECTOR = Inspector(
    fault="patch-predicts-label", severity="warning", basis="heuristic", judge=judge, kinds=("images",)
)


def _write(folder, mark):
    import numpy as np

    chance = np.random.default_rng(0)
    rough = chance.integers(0, 255, (600, 9, 9, 3), np.uint8)
    pictures = np.kron(rough, np.ones((1, 4, 4, 1), np.uint8))[:, 2:34, 2:34]
    labels = np.arange(600) % 6
    if mark:
        pictures[labels == 2, 24:27, 5:8] = 255
    np.savez(folder / "pictures.npz", x=pictures, y=labels)
    return ["pictures.npz"]


def bad(folder):
    return _write(folder, mark=True)


def good(folder):
    return _write(folder, mark=False)
