"""Do the series differ in length, and does the length tell the class?

Why it matters: a batch needs one length. What is padded must be masked, or the network learns from padding; what is
cut loses its end; and where the length goes with the label, padding gives it away.

Remedy: put series of like length into one batch, pad and mask (`pack_padded_sequence`, a mask for attention, masked
means), and compare the score with all series cut to one length.

Known limits: values missing at the end of all channels count as padding. Whether the length may tell the class is for
you to say: a long call may be another kind of call.

Source: none; the spread of lengths, and the area under the ROC curve of the length for each class, out of sample.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.binned import bin_numbers
from trainloud.data.methods.one_against_rest import areas, bins_for, corrected, labelled
from trainloud.data.survey import Survey

TELLS = 0.6  # area under the ROC curve, lower end, from which the length says something of a class
SHOWN = 4


def judge(survey: Survey) -> Finding:
    length = survey.measured.axes.get("length")
    if length is None or not len(length):
        return unknown("no series were measured")
    low, middle, high = (int(v) for v in np.quantile(length, [0, 0.5, 1]))
    if low == high:
        return passed(f"each of {len(length):,} series has {low:,} steps", length=low)
    padding = 1 - float(length.mean()) / high
    order = np.argsort(length, kind="stable")
    rows = [*order[:SHOWN].tolist(), *order[-SHOWN:].tolist()]
    told, numbers = _told(survey)
    return fired(
        f"{len(length):,} series have {low:,} to {high:,} steps (median {middle:,}); padded to the longest, "
        f"{padding:.0%} of a batch is padding{told}",
        "series of one length, or padding that is masked",
        exhibits=[survey.exhibit("the shortest and the longest", rows, [f"{int(length[r]):,} steps" for r in rows])],
        low=low,
        median=middle,
        high=high,
        padding=padding,
        **numbers,
    )


def _told(survey: Survey) -> tuple[str, dict]:
    """What the length tells of the class, in words and numbers."""
    data = labelled(survey)
    if data is None:
        return "", {}
    length = np.asarray(survey.measured.axes["length"], np.float64)[data.rows]
    found = areas(bin_numbers(length, bins_for(len(length))), data)
    known = np.isfinite(found.area)
    best = int(np.nanargmax(found.area))
    low = float(found.area[best] - corrected(int(known.sum())) * found.error[best])
    if low < TELLS:
        return "; the length tells no class", {}
    said = f"; the length alone tells class {data.names[best]!r} best, area under the ROC curve {found.area[best]:.2f}"
    return f"{said} (at least {max(low, 0):.2f})", {"class": data.names[best], "area": float(found.area[best])}


INSPECTOR = Inspector(fault="series-lengths-uneven", severity="note", basis="proof", judge=judge, kinds=("series",))


def _write(folder, spread):
    import numpy as np

    chance = np.random.default_rng(0)
    lines = ["@problemName waves", "@univariate true", "@classLabel true up down", "@data"]
    for i in range(60):
        steps = 30 + (i * 7 % 11 if spread else 0)
        lines.append(",".join(f"{v:.3f}" for v in chance.normal(size=steps)) + (":up" if i % 2 else ":down"))
    (folder / "waves.ts").write_text("\n".join(lines) + "\n")
    return ["waves.ts"]


def bad(folder):
    return _write(folder, spread=True)


def good(folder):
    return _write(folder, spread=False)
