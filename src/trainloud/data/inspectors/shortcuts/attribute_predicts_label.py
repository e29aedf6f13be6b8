"""Does one trivial attribute, such as file size, resolution, brightness or length, alone tell a class from the others?

Why it matters: a network takes the easiest way to the label. Where one class was photographed, saved or collected in
another way, it learns the way, scores high on a test set of the same making, and fails elsewhere.

Remedy: for traces of the making (format, resolution, file size, folder, damage) save all classes in one way, or fetch
them from one source. For traits of the content (brightness, colour, length) decide whether they are what is to be
learned; if not, balance them across the classes or take them away by normalising and augmenting.

Known limits: brightness or length may rightly belong to a class, so these are notes, however well they predict; only
what cannot be content is a warning. File size follows texture and size: it is a warning only if it tells the class no
worse where what the measured look of the pictures explains of it is taken out, as another quality does; otherwise it is
content. Where all pictures are of one size, bytes a pixel are file size and not told again. Traits in combination are
not tried.

Source: Geirhos et al. 2020, "Shortcut Learning in Deep Neural Networks"; Torralba and Efros 2011, "Unbiased Look at
Dataset Bias"; intervals by DeLong, DeLong and Clarke-Pearson 1988, for all attributes and classes together.
"""

from typing import NamedTuple

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.binned import bin_numbers
from trainloud.data.methods.one_against_rest import (
    FEWEST,
    Areas,
    Labelled,
    areas,
    attributes,
    bins_for,
    corrected,
    labelled,
    robust_z,
)
from trainloud.data.survey import Survey

MADE = frozenset(  # what comes of the making of an example, not of what it shows
    [
        "width",
        "height",
        "file size",
        "bytes a pixel",
        "format",
        "colour mode",
        "EXIF orientation",
        "colours",
        "source folder",
        "missing share",
        "garbled sequences",
        "replacement characters",
        "control characters",
        "markup",
    ]
)
STORED = ("file size", "bytes a pixel")  # follow the content, too
WORSE = 0.05  # of the area, by which the rest of a file size may tell a class worse than the whole and be no content
LOOKS = ("sharpness", "entropy", "contrast", "brightness", "colourfulness", "black share", "white share")
TOLD_MADE = 0.75  # area under the ROC curve, lower end of its interval: half way from chance to certainty
TOLD_STORED = 0.85  # the same for the size of a file, less what the look of the picture explains of it
TOLD_CONTENT = 0.85  # the same for what may be content: on clean CIFAR-10 colour reaches .80, on flowers colour .70
SPREAD = 0.02  # of areas between classes, below which a distance is no deviation
SHOWN, EXAMPLES = 4, 4


class _Told(NamedTuple):
    attribute: str
    label: int
    area: float
    low: float
    others: float
    """Median area of the other classes; NaN with two classes."""
    z: float


def judge(survey: Survey) -> Finding:
    if survey.task != "classes":
        return unknown("there are no class labels")
    data = labelled(survey)
    if data is None:
        return unknown(f"fewer than two classes have {FEWEST} labelled training rows")
    columns = attributes(survey, data)
    if not {"width", "height"} & set(columns) and "file size" in columns:
        columns.pop("bytes a pixel", None)  # all pictures are of one size: it is the same again
    found = {k: areas(v, data) for k, v in columns.items()}
    if not found:
        return unknown("no attribute differs between the examples")
    z = corrected(sum(int(np.isfinite(a.area).sum()) for a in found.values()))
    told = [t for k, a in found.items() for t in _told(k, a, z)]
    made = [t for t in told if t.attribute in MADE and t.low >= TOLD_MADE]
    made = [t for t in made if t.attribute not in STORED or _beyond_looks(survey, data, t, z)]
    content = [t for t in told if t.low >= TOLD_CONTENT and (t.attribute not in MADE or t.attribute in STORED)]
    content = [t for t in content if t not in made]
    best = max(told, key=lambda t: t.area)
    if not made and not content:
        return passed(
            f"{len(found)} attributes on {len(data.rows):,} rows: the strongest, {_said(best, data)}",
            attributes=len(found),
            area=best.area,
        )
    shown = _strongest(made or content)
    return fired(
        "; ".join(_said(t, data) for t in shown),
        f"an area under {TOLD_MADE if made else TOLD_CONTENT:.2f} for every class: no trivial attribute alone tells it",
        severity="warning" if made else "note",
        exhibits=[_exhibit(survey, data, t) for t in shown],
        told=[t._asdict() | {"label": data.names[t.label]} for t in sorted(made + content, key=lambda t: -t.low)[:50]],
        areas={k: [None if np.isnan(v) else round(float(v), 4) for v in a.area] for k, a in found.items()},
        classes=list(data.names[:200]),
    )


def _told(attribute: str, found: Areas, z: float) -> list[_Told]:
    """The attribute against each class that is large enough; of two classes the one that it tells better."""
    deviation = robust_z(found.area, SPREAD)
    known = np.flatnonzero(np.isfinite(found.area))
    if len(known) == 2:
        known = known[[int(np.argmax(found.area[known]))]]
    return [
        _Told(
            attribute,
            int(c),
            float(found.area[c]),
            float(found.area[c] - z * found.error[c]),
            float(np.nanmedian(np.delete(found.area, c))) if np.isfinite(found.area).sum() > 2 else float("nan"),
            float(deviation[c]),
        )
        for c in known
    ]


def _beyond_looks(survey: Survey, data: Labelled, told: _Told, z: float) -> bool:
    """Whether the stored size tells the class no worse where what the look of the pictures explains of it is taken out:
    what comes of the content goes with it, while another quality stands out the better."""
    axes = survey.measured.axes
    looks = [np.asarray(axes[k], np.float64)[data.rows] for k in LOOKS if k in axes]
    size = np.log(np.maximum(np.asarray(axes[told.attribute], np.float64)[data.rows], 1e-9))
    x = np.nan_to_num(np.stack([np.ones(len(size)), *looks, *(np.log1p(np.abs(v)) for v in looks)], axis=1))
    x[:, 1:] -= x[:, 1:].mean(axis=0)
    x[:, 1:] /= np.maximum(x[:, 1:].std(axis=0), 1e-9)
    known = np.isfinite(size)
    left = np.full(len(size), np.nan)
    left[known] = size[known] - x[known] @ np.linalg.lstsq(x[known], size[known], rcond=None)[0]
    found = areas(bin_numbers(left, bins_for(len(left))), data)
    area, error = float(found.area[told.label]), float(found.error[told.label])
    return area - z * error >= TOLD_STORED and area >= told.area - WORSE


def _strongest(told: list[_Told]) -> list[_Told]:
    """The strongest of each attribute, strongest first."""
    best: dict[str, _Told] = {}
    for t in told:
        if t.attribute not in best or t.low > best[t.attribute].low:
            best[t.attribute] = t
    return sorted(best.values(), key=lambda t: -t.low)[:SHOWN]


def _said(t: _Told, data: Labelled) -> str:
    others = "" if np.isnan(t.others) else f", the other classes at the median {t.others:.2f}"
    name = data.names[t.label]
    area = f"{t.area:.3f} (at least {max(t.low, 0):.3f})"
    return f"{t.attribute} alone tells {name!r} from the rest, area under the ROC curve {area}{others}"


def _exhibit(survey: Survey, data: Labelled, t: _Told) -> Exhibit:
    """Examples of the class, then of others, each with its value."""
    mine, others = data.rows[data.codes == t.label], data.rows[data.codes != t.label]
    rows = [*survey.sample(EXAMPLES, mine).tolist(), *survey.sample(EXAMPLES, others).tolist()]
    return survey.exhibit(
        f"{t.attribute}: {data.names[t.label]!r}, then others",
        rows,
        [value_of(survey, t.attribute, r) for r in rows],
        len(mine),
    )


def value_of(survey: Survey, attribute: str, row: int) -> str:
    """ "brightness 31.5 grey levels" of one row."""
    if attribute in survey.measured.words:
        codes, words = survey.measured.words[attribute]
        return f"{attribute} {words[codes[row]] if codes[row] >= 0 else 'none'}"
    return f"{attribute} {survey.measured.axes[attribute][row]:.4g}"


INSPECTOR = Inspector(
    fault="attribute-predicts-label",
    severity="warning",
    basis="heuristic",
    judge=judge,
    kinds=("images", "text", "series"),
)


def _write(folder, suffix):
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(0)
    for i in range(60):
        for name in ("ant", "bee", "fly"):
            rough = Image.fromarray(chance.integers(0, 255, (6, 6, 3), np.uint8))
            path = folder / "pictures" / name / f"{i}{suffix if name == 'bee' else '.jpg'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            rough.resize((48, 48), Image.Resampling.BICUBIC).save(path)
    return ["pictures"]


def bad(folder):
    return _write(folder, ".png")


def good(folder):
    return _write(folder, ".jpg")
