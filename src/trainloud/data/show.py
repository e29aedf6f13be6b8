"""Examples made visible: a small picture, a line, the text or the cells, within a budget of bytes for the whole."""

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import quote

import numpy as np

from trainloud.core.example import Example, Exhibit
from trainloud.core.finding import Finding
from trainloud.core.inspection import Axis
from trainloud.data.survey import SEED, Survey

SIDE = 64  # pixels a side of a picture in the report
BUDGET = 1_200_000  # characters of all pictures of one inspection together
A_CLASS = 8  # examples of each class
CLASSES = 24  # classes of which examples are shown
POINTS = 120  # of a line that shows a series


class Showcase:
    """Fills in what examples look like; what no longer fits into the budget stays in words."""

    def __init__(self, survey: Survey, budget: int = BUDGET):
        self._survey = survey
        self._left = budget
        self._kept: dict[int, dict[str, str]] = {}

    def finding(self, found: Finding) -> Finding:
        return replace(
            found,
            exhibits=tuple(self.exhibit(e) for e in found.exhibits),
            symptoms=tuple(self.finding(s) for s in found.symptoms),
        )

    def axis(self, axis: Axis) -> Axis:
        return replace(axis, outliers=self.exhibit(axis.outliers)) if axis.outliers else axis

    def exhibit(self, exhibit: Exhibit) -> Exhibit:
        new = [e.row for e in exhibit.examples if e.row >= 0 and e.row not in self._kept]
        for row, what in zip(new, self._draw(new), strict=True):
            self._kept[row] = what
        return replace(exhibit, examples=tuple(self._shown(e) for e in exhibit.examples))

    def _shown(self, example: Example) -> Example:
        what = self._kept.get(example.row, {})
        return replace(example, picture=what.get("picture", ""), text=what.get("text", ""))

    def _draw(self, rows: list[int]) -> list[dict[str, str]]:
        """For each row its `picture` or `text`."""
        survey = self._survey
        if not rows:
            return []
        if survey.data.pictures is not None:
            pixels = survey.pixels(np.asarray(rows), SIDE) if self._left > 0 else ()
            return [self._priced(picture(p)) for p in pixels] or [{} for _ in rows]
        if survey.data.series is not None:
            return [self._priced(self._line(survey.data.series, r)) for r in rows]
        return [{"text": survey.text_of(r)} for r in rows]

    def _line(self, series: Callable[[int], np.ndarray], row: int) -> str:
        try:
            return line(series(row))
        except (OSError, ValueError):  # one that cannot be read was told while measuring
            return ""

    def _priced(self, uri: str) -> dict[str, str]:
        self._left -= len(uri)
        return {"picture": uri} if self._left > 0 else {}


def samples(survey: Survey) -> tuple[Exhibit, ...]:
    """A few examples of every class, or of the whole, drawn with a fixed seed from the training part."""
    rng = np.random.default_rng(SEED)
    rows = rng.permutation(np.flatnonzero(survey.training))
    if survey.labels is None:
        return (
            (survey.exhibit("examples", np.sort(rows[: 3 * A_CLASS]).tolist(), total=len(rows)),) if len(rows) else ()
        )
    codes, names = survey.labels
    drawn = codes[rows]
    out = []
    for code in range(min(len(names), CLASSES)):
        members = rows[drawn == code]
        if len(members):
            out.append(survey.exhibit(names[code], np.sort(members[:A_CLASS]).tolist(), total=len(members)))
    return tuple(out)


def picture(pixels: np.ndarray) -> str:
    """(side, side, 3) uint8 as a data URI in WebP."""
    from PIL import Image

    with io.BytesIO() as out:
        Image.fromarray(pixels).save(out, "WEBP", quality=72, method=4)
        return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def line(values: np.ndarray) -> str:
    """(channels, time) as a data URI of an SVG line drawing, each channel scaled to its own range."""
    parts = []
    for channel, colour in zip(values[:4], ("#3b6fb6", "#c2571a", "#2f8f5b", "#8a4fb0"), strict=False):
        finite = channel[np.isfinite(channel)]
        if not len(finite):
            continue
        low, high = float(finite.min()), float(finite.max())
        at = np.unique(np.linspace(0, len(channel) - 1, min(len(channel), POINTS)).astype(int))
        x = at / max(len(channel) - 1, 1) * 118 + 1
        y = 46 - (channel[at] - low) / (high - low or 1.0) * 44
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
    body = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 48">{"".join(parts)}</svg>'
    return "data:image/svg+xml," + quote(body)


def illustrated(
    survey: Survey, findings: Iterable[Finding], axes: Iterable[Axis]
) -> tuple[tuple[Finding, ...], tuple[Exhibit, ...], tuple[Axis, ...]]:
    """Findings, samples of each class and axes, with their examples made visible in this order of importance."""
    case = Showcase(survey)
    return (
        tuple(case.finding(f) for f in findings),
        tuple(case.exhibit(e) for e in samples(survey)),
        tuple(case.axis(a) for a in axes),
    )
