"""How different are the pictures in size and shape?

Why it matters: all pictures of a batch must have one size. Scaling distorts what is wider than the rest, cropping cuts
off what lies at its edge, and what is smaller than the network's input is blown up: each loses or invents something.

Remedy: choose the input size by the smaller pictures rather than the largest, keep the aspect ratio (resize the
shorter side, then crop, or pad), and look at the smallest and the most elongated ones shown.

Known limits: photographs of many sizes are normal; this says what a resize has to bridge and is no defect.

Source: Touvron et al. 2019, "Fixing the train-test resolution discrepancy".
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import pictures
from trainloud.data.survey import Survey

ENDS = 6  # pictures shown of each end
ELONGATED = 3.0  # longer by shorter side from which a square crop keeps less than a third


def judge(survey: Survey) -> Finding:
    axes = survey.measured.axes
    if "width" not in axes:
        return unknown("no picture was decoded")
    width, height = axes["width"], axes["height"]
    rows = np.flatnonzero(np.isfinite(width))
    sizes = np.unique(np.stack([width[rows], height[rows]], axis=1), axis=0)
    if len(sizes) == 1:
        w, h = sizes[0]
        return passed(f"all {len(rows):,} pictures are {w:.0f} x {h:.0f} pixels", sizes=1)
    shorter = np.minimum(width, height)[rows]
    ratio = (np.maximum(width, height) / np.minimum(width, height))[rows]
    least, most = rows[np.argmin(width[rows] * height[rows])], rows[np.argmax(width[rows] * height[rows])]
    elongated = int((ratio >= ELONGATED).sum())
    said = f"; {elongated:,} with one side {ELONGATED:g} times as long as the other or more" if elongated else ""
    small = rows[np.argsort(shorter, kind="stable")[:ENDS]]
    long = rows[np.argsort(-ratio, kind="stable")[:ENDS]]
    return fired(
        f"{len(sizes):,} sizes among {len(rows):,} pictures, from {_size(survey, least)} to {_size(survey, most)} "
        f"pixels; the shorter side has {np.median(shorter):,.0f} pixels in the median{said}",
        "pictures of one size, or a resize that was chosen by these numbers",
        exhibits=[
            survey.exhibit("smallest", small.tolist(), [f"{_size(survey, r)} pixels" for r in small]),
            survey.exhibit("most elongated", long.tolist(), [f"{_size(survey, r)} pixels" for r in long]),
        ],
        sizes=len(sizes),
        shorter_side=[float(v) for v in np.quantile(shorter, (0, 0.05, 0.5, 0.95, 1))],
        aspect_ratio=[float(v) for v in np.quantile((width / height)[rows], (0, 0.05, 0.5, 0.95, 1))],
        elongated=elongated,
    )


def _size(survey: Survey, row: int) -> str:
    axes = survey.measured.axes
    return f"{axes['width'][row]:,.0f} x {axes['height'][row]:,.0f}"


INSPECTOR = Inspector(fault="uneven-sizes", severity="note", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    from PIL import Image

    for i, file in enumerate(pictures(folder)):
        with Image.open(file) as image:
            image.resize((24 + i, 30)).save(file)
    return ["data"]


def good(folder):
    pictures(folder)
    return ["data"]
