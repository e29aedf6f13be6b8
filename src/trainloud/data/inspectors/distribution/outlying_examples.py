"""Are there examples that lie far outside of all others?

Why it matters: what is far darker, emptier, longer or shorter than everything else is often no example at all: a
failed download, a scan of the cover, two records run together. Where it is sound, the network will see too few of its
kind to learn it.

Remedy: look at the examples shown, farthest out first; drop what does not belong, and gather more of what does.

Known limits: one axis at a time; an example that is odd only in a combination is not found. On an axis with a heavy
tail only what even that tail would not give is told. Axes whose middle half is one value have no fences. A note: far
out is not wrong.

Source: Hubert and Vandervieren 2008, "An adjusted boxplot for skewed distributions"; Hill 1975, "A simple general
approach to inference about the tail of a distribution".
"""

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.axes import noted, say_range
from trainloud.data.inspector import Inspector
from trainloud.data.methods.outliers import Beyond, beyond
from trainloud.data.survey import Survey

AXES_SHOWN = 6
SHOWN = 12  # examples of an axis
LEFT_OUT = {"width", "height", "aspect ratio"}  # told by uneven-sizes


def judge(survey: Survey) -> Finding:
    found: dict[str, Beyond] = {}
    asked = 0
    for name, values in survey.measured.axes.items():
        far = beyond(values) if name not in LEFT_OUT else None
        asked += far is not None
        if far is not None and len(far.isolated):
            found[name] = far
    if not asked:
        return unknown("no measured axis has a spread from which something could stick out")
    if not found:
        return passed(
            f"none of {len(survey):,} examples lies far out on one of {plural(asked, 'axis', 'axes')}", rows=0
        )
    order = sorted(found, key=lambda name: -_farthest(survey, name, found[name]))
    rows = sorted({int(r) for f in found.values() for r in f.isolated})
    said = "; ".join(_said(survey, name, found[name]) for name in order[:3])
    return fired(
        f"{plural(len(rows), 'example')} of {len(survey):,} far out on {plural(len(found), 'axis', 'axes')}: {said}",
        "every example within the reach of the others",
        exhibits=[_exhibit(survey, name, found[name]) for name in order[:AXES_SHOWN]],
        rows=len(rows),
        axes={name: [int(r) for r in found[name].isolated[:100]] for name in order},
    )


def _farthest(survey: Survey, name: str, far: Beyond) -> float:
    values = np.asarray(survey.measured.axes[name], np.float64)
    return float(far.fences.distance(values[far.isolated[:1]])[0])


def _said(survey: Survey, name: str, far: Beyond) -> str:
    value = float(survey.measured.axes[name][far.isolated[0]])
    return f"{noted(name, value, '')} where the others lie within {say_range(far)}"


def _exhibit(survey: Survey, name: str, far: Beyond) -> Exhibit:
    rows = far.isolated[:SHOWN]
    unit = survey.measured.units.get(name, "")
    notes = [noted(name, float(survey.measured.axes[name][r]), unit) for r in rows]
    caption = f"{name}: the others lie within {say_range(far)}"
    return survey.exhibit(caption, rows.tolist(), notes, total=len(far.isolated))


INSPECTOR = Inspector(
    fault="outlying-examples",
    severity="note",
    basis="heuristic",
    judge=judge,
    kinds=("images", "text", "series"),
)


def bad(folder):
    _pictures(folder, odd=True)
    return ["data"]


def good(folder):
    _pictures(folder, odd=False)
    return ["data"]


def _pictures(folder, odd):
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(200):
        place = folder / "data" / ("cat" if i % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        low = rng.integers(60, 100)
        picture = rng.integers(low, low + rng.integers(70, 90), (16, 16, 3), dtype=np.uint8)
        if odd and i == 31:
            picture = rng.integers(250, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(picture).save(place / f"{i:03d}.png")
