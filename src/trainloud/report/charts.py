"""The geometry of a line chart: scales, ticks, paths and the table of its numbers. `chart.svg` draws it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

POINTS = 600  # drawn a line, at most
ROWS = 50  # of the table of numbers, at most
DECADES = 2.0  # range, in powers of ten, from which a scale is logarithmic by itself
CHARACTER = 7.0  # pixels of one character of a tick label
SMALLEST, LARGEST = 5e-324, 1.79e308  # floats that a scale can still reach
TOP, RIGHT, BOTTOM = 24, 14, 38  # pixels around the plot


@dataclass(frozen=True)
class Line:
    """One curve. Values that are not finite, or None, leave a gap. `style` is a CSS class of the template."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    style: str = "main"


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare with."""

    name: str
    y: float


@dataclass(frozen=True)
class Curve:
    name: str
    style: str
    path: str


@dataclass(frozen=True)
class Table:
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    """Rows there are; `rows` are sampled evenly from them."""


@dataclass(frozen=True)
class Chart:
    """All that the template draws, in pixels of the view box."""

    title: str
    x_label: str
    y_label: str
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    curves: tuple[Curve, ...]
    levels: tuple[tuple[float, str], ...]
    log: bool
    gaps: int
    """Values left out because they are not finite (or not positive on a logarithmic scale)."""
    table: Table


def chart(
    lines: Sequence[Line],
    title: str,
    x_label: str,
    y_label: str,
    *,
    levels: Sequence[Level] = (),
    width: int = 760,
    height: int = 300,
    log: bool | None = None,
    span: tuple[float, float] | None = None,
    points: int = POINTS,
) -> Chart:
    """`log` None: logarithmic where all values are positive and span decades. `span`: a fixed range of y."""
    values = [y for line in lines for y in line.ys if y is not None and math.isfinite(y)]
    values += [level.y for level in levels if math.isfinite(level.y)] + list(span or ())
    use_log = spans_decades(values) if log is None else log
    if use_log:
        values = [v for v in values if v > 0]
    low, high = _padded(values, use_log)
    y_marks = _log_ticks(low, high) if use_log else ticks(low, high, max(2, round(height / 42)))
    left = 12 + CHARACTER * max((len(number(v)) for v in y_marks), default=1)
    xs = [x for line in lines for x in line.xs] or [0.0, 1.0]
    first, last = (min(xs), max(xs)) if max(xs) > min(xs) else (min(xs) - 0.5, max(xs) + 0.5)
    box = (left, width - RIGHT, TOP, height - BOTTOM)
    to_x = _scale(first, last, box[0], box[1], False)
    to_y = _scale(low, high, box[3], box[2], use_log)

    def drawable(y: float | None) -> bool:
        return y is not None and math.isfinite(y) and (y > 0 or not use_log)

    curves = tuple(Curve(ln.name, ln.style, _path(_decimated(ln, points, drawable), to_x, to_y)) for ln in lines)
    x_marks = [x for x in ticks(first, last, max(2, round(width / 85))) if min(xs) <= x <= max(xs)]
    shown = [lv for lv in levels if drawable(lv.y)]
    return Chart(
        title, x_label, y_label, width, height, *box,
        x_ticks=tuple((round(to_x(x), 1), number(x)) for x in x_marks),
        y_ticks=tuple((round(to_y(y), 1), number(y)) for y in y_marks),
        curves=curves,
        levels=tuple((round(to_y(lv.y), 1), lv.name) for lv in shown),
        log=use_log,
        gaps=sum(not drawable(y) for line in lines for y in line.ys),
        table=table(lines, x_label),
    )  # fmt: skip


def spans_decades(values: Sequence[float]) -> bool:
    """All positive, and the greatest at least 100 times the least."""
    return bool(values) and min(values) > 0 and math.log10(max(values)) - math.log10(min(values)) >= DECADES


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) inside [low, high]."""
    raw = (high - low) / max(wanted, 1)
    if not (math.isfinite(raw) and raw > 0):
        return []
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    start = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) if step > 1e-9 else i * step for i in range(start, math.floor(high / step + 1e-9) + 1)]


def number(value: float | None) -> str:
    """Four significant digits; whole numbers in full with thin groups of thousands up to a million."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e7:
        return f"{int(value):,}"
    return f"{value:.4g}"


def table(lines: Sequence[Line], x_label: str) -> Table:
    """The numbers of a chart, one column a line, at up to ROWS places; short lines keep all of theirs."""
    chosen: set[float] = set()
    ranked = sorted(lines, key=lambda line: len(line.xs))
    for left, line in zip(range(len(ranked), 0, -1), ranked, strict=True):
        chosen.update(sample(list(line.xs), max((ROWS - len(chosen)) // left, 1)))
    at = [dict(zip(line.xs, line.ys, strict=True)) for line in lines]
    places = sorted(chosen)[:ROWS]
    rows = tuple((number(x), *(number(a[x]) if x in a else "" for a in at)) for x in places)
    return Table((x_label, *(line.name for line in lines)), rows, len({x for line in lines for x in line.xs}))


def sample(values: list[float], most: int) -> list[float]:
    """Up to `most` of the values, evenly spread, first and last among them."""
    if len(values) <= most:
        return values
    if most == 1:
        return values[-1:]
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


def _padded(values: Sequence[float], log: bool) -> tuple[float, float]:
    if not values:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = min(values), max(values)
    if log:
        margin = (high / low) ** 0.04 if high > low else 2.0
        return max(low / margin, SMALLEST), min(high * margin, LARGEST)
    margin = (high / 2 - low / 2) * 0.1 if high > low else abs(high) * 0.1 or 1.0
    return max(low - margin, -LARGEST), min(high + margin, LARGEST)


def _log_ticks(low: float, high: float) -> list[float]:
    bottom, top = math.floor(math.log10(low)), min(math.ceil(math.log10(high)), 308)
    every = max(1, round((top - bottom) / 6))
    multiples = (1, 2, 5) if top - bottom <= 2 else (1,)
    marks = [m * 10.0**p for p in range(bottom, top + 1, every) for m in multiples]
    return [m for m in marks if low <= m <= high]


def _scale(low: float, high: float, start: float, end: float, log: bool) -> Callable[[float], float]:
    exponent = math.log10(low) if log else 0.0

    def linear(value: float) -> float:
        return start + (end - start) * ((value / 2 - low / 2) / (high / 2 - low / 2))  # halves do not overflow

    def logarithmic(value: float) -> float:
        return start + (end - start) * (math.log10(value) - exponent) / (math.log10(high) - exponent)

    return logarithmic if log else linear


Point = tuple[float, float] | None


def _decimated(line: Line, points: int, drawable: Callable[[float | None], bool]) -> list[Point]:
    """At most `points` points, None for a gap: of each bucket the least and the greatest, so that no peak is lost."""
    pairs = list(zip(line.xs, line.ys, strict=True))
    if len(pairs) <= points:
        return [(x, y) if drawable(y) and y is not None else None for x, y in pairs]
    size = math.ceil(len(pairs) / (points // 2))
    out: list[Point] = []
    for i in range(0, len(pairs), size):
        bucket = [(x, y) for x, y in pairs[i : i + size] if drawable(y) and y is not None]
        if bucket:
            ends = {min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])}
            out += sorted(ends)
        if len(bucket) < len(pairs[i : i + size]):
            out.append(None)
    return out


def _path(points: Sequence[Point], to_x: Callable[[float], float], to_y: Callable[[float], float]) -> str:
    """SVG path data; a point between two gaps becomes a dot (a line of no length with round ends)."""
    parts: list[str] = []
    fresh = True
    for i, point in enumerate(points):
        if point is None:
            fresh = True
            continue
        parts.append(f"{'M' if fresh else 'L'}{to_x(point[0]):.1f} {to_y(point[1]):.1f}")
        if fresh and (i + 1 == len(points) or points[i + 1] is None):
            parts.append("h0")
        fresh = False
    return "".join(parts)
