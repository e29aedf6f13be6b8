"""Whether the rows of a table are steps in time: which column, or which together, say when, and how regularly."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from trainloud.data.dataset import Role

FEWEST = 30  # rows below which a regular step says nothing
REGULAR = 0.7  # share of steps of one length: business days have 78 %
ALIKE = 0.15  # by which steps may differ from their median: months and years
TIME_NAMES = ("timestamp", "datetime", "date_time", "date", "time", "ts", "ds", "day")  # most telling first
PARTS = {
    "year": "Y", "yr": "Y", "yyyy": "Y", "month": "M", "mnth": "M", "mon": "M", "mo": "M", "mm": "M",
    "day": "D", "dd": "D", "dom": "D", "day_of_month": "D", "hour": "h", "hr": "h", "hh": "h",
    "minute": "m", "min": "m", "second": "s", "sec": "s",
}  # fmt: skip
RANGES = {"Y": (1700, 2300), "M": (1, 12), "D": (1, 31), "h": (0, 24), "m": (0, 59), "s": (0, 60)}


@dataclass(frozen=True)
class Steps:
    """When the rows are."""

    name: str
    """The column of time."""
    parts: tuple[str, ...]
    """The columns that say when: one of times, or year, month, day ..."""
    made: pa.ChunkedArray | None
    """timestamp[us] that was put together of several columns; None where there is such a column."""
    regular: bool
    """The rows follow each other at one step."""
    why: str


def time_column(columns: Mapping[str, pa.ChunkedArray], roles: Mapping[str, Role]) -> str:
    """The column of times that orders the rows best: "" for none."""
    times = [n for n, r in roles.items() if r == "time"]
    if not times:
        return ""
    return min(times, key=lambda n: (not _ascending(_stamps(columns[n])), _rank(n), times.index(n)))


def _rank(name: str) -> int:
    low = name.strip().lower()
    return next((i for i, t in enumerate(TIME_NAMES) if t == low), len(TIME_NAMES))


def _stamps(cells: pa.ChunkedArray) -> np.ndarray:
    """(n,) float64 seconds, NaN for missing."""
    stamps = cells.cast(pa.timestamp("us")).to_numpy().astype("M8[us]")
    seconds = stamps.astype(np.int64) / 1e6
    seconds[np.isnat(stamps)] = np.nan
    return seconds


def _ascending(seconds: np.ndarray) -> bool:
    return bool(len(seconds)) and bool((np.diff(seconds) >= 0).all())


def steps_of(columns: Mapping[str, pa.ChunkedArray], roles: Mapping[str, Role], time: str) -> Steps | None:
    """The steps of the rows; None where nothing says when a row was."""
    numbers = [n for n, r in roles.items() if r == "number"]
    if time:
        if roles[time] not in ("time", "number"):
            return None
        own = _stamps(columns[time]) if roles[time] == "time" else columns[time].to_numpy()
        unit = "s" if roles[time] == "time" else ""
        regular, why = _regular(own, unit, f"{time!r} rises")
        return Steps(time, (time,), None, regular and len(numbers) > (time in numbers), why)
    found: dict[str, str] = {}
    for name in numbers:
        part = PARTS.get(name.strip().lower().replace(" ", "_"))
        if part and part not in found:
            found[part] = name
    if not {"Y", "M"} <= found.keys() or len(numbers) == len(found):
        return None
    stamps = _assembled({p: columns[n].to_numpy() for p, n in found.items()})
    if stamps is None:
        return None
    made = pa.chunked_array([pa.array(stamps, pa.timestamp("us"))])
    parts = tuple(found[p] for p in PARTS_IN_ORDER if p in found)
    named = ", ".join(parts)
    regular, why = _regular(_stamps(made), "s", f"the columns {named} together rise")
    return Steps(" ".join(parts), parts, made, regular, why)


PARTS_IN_ORDER = ("Y", "M", "D", "h", "m", "s")


def _assembled(parts: dict[str, np.ndarray]) -> np.ndarray | None:
    """(n,) datetime64[us]; None where the numbers are no years, months, days ..."""
    for part, values in parts.items():
        low, high = RANGES[part]
        if np.isnan(values).any() or (values != np.floor(values)).any() or values.min() < low or values.max() > high:
            return None
    whole: dict[str, np.ndarray] = {p: v.astype(np.int64) for p, v in parts.items()}
    months = ((whole["Y"] - 1970) * 12 + whole["M"] - 1).astype("M8[M]")
    stamps = (months.astype("M8[D]") + (whole.get("D", 1) - 1)).astype("M8[us]")
    if (stamps.astype("M8[M]") != months).any():
        return None
    for part in "hms":
        if part in whole:
            stamps = stamps + whole[part].astype(f"m8[{part}]")
    return stamps


def _regular(when: np.ndarray, unit: str, rises: str) -> tuple[bool, str]:
    """Whether the rows follow each other at one step, and the sentence that says so."""
    if len(when) < FEWEST or np.isnan(when).any():
        return False, ""
    steps = np.diff(when)
    if not (steps > 0).all():
        return False, ""
    lengths, counts = np.unique(steps, return_counts=True)
    step, share = float(lengths[counts.argmax()]), float(counts.max() / len(steps))
    middle = float(np.median(steps))
    alike = float((np.abs(steps - middle) <= ALIKE * middle).mean())
    if share < REGULAR and alike < 1:
        return False, ""
    length = _spoken(step if share >= REGULAR else middle) if unit else f"{step:g}"
    about = "" if share == 1 else f" ({share:.1%} of the steps)" if share >= REGULAR else ", about"
    return True, f"{rises} by {length} from row to row{about}"


def _spoken(seconds: float) -> str:
    for size, name in ((31_536_000, "year"), (2_592_000, "month"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds / size
            return f"{count:.3g} {name}{'s' if round(count, 2) != 1 else ''}"
    return f"{seconds:g} seconds"
