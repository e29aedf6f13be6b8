"""Values of series by channel, whatever holds them: short series one by one, or the columns of one long series."""

from dataclasses import dataclass

import numpy as np

from trainloud.data.survey import Survey

VALUES = 4_000_000  # of all channels together that are looked at


@dataclass(frozen=True)
class Channel:
    """One channel of all series that were looked at, end to end."""

    name: str
    values: np.ndarray
    """(v,) float64, NaN for missing."""
    row: np.ndarray
    """(v,) row of the survey of each value."""
    joined: np.ndarray
    """(v - 1,) bool: the value follows the one before it in the same series."""


def channels(survey: Survey) -> list[Channel]:
    """The channels; the columns of numbers where the data is one long series in rows that are ordered in time."""
    return survey.once("channels", lambda: _columns(survey) if survey.data.series is None else _of_series(survey))


def _of_series(survey: Survey) -> list[Channel]:
    read = survey.data.series
    assert read is not None
    readable = np.setdiff1d(np.arange(len(survey)), np.fromiter(survey.measured.errors, int))
    if not len(readable):
        return []
    size = max(int(np.mean([np.asarray(read(int(r))).size for r in readable[:: max(len(readable) // 50, 1)]])), 1)
    rows = survey.sample(max(VALUES // size, 20), readable)
    series = [np.atleast_2d(np.asarray(read(int(r)), np.float64)) for r in rows]
    found = []
    for c in range(max(s.shape[0] for s in series)):
        parts = [(r, s[c]) for r, s in zip(rows, series, strict=True) if c < s.shape[0]]
        row = np.concatenate([np.full(len(v), r) for r, v in parts])
        found.append(Channel(f"channel {c + 1}", np.concatenate([v for _, v in parts]), row, row[1:] == row[:-1]))
    return found


def _columns(survey: Survey) -> list[Channel]:
    """Columns of numbers in the order of time, split by split and group by group. Empty without a time."""
    order = in_time(survey)
    if order is None:
        return []
    group = _group(survey)[order]
    joined = (group[1:] == group[:-1]) & (survey.split[order][1:] == survey.split[order][:-1])
    names = [c for c in survey.data.roles if survey.data.roles[c] == "number" and c != survey.data.recognised.time]
    return [Channel(c, survey.number(c)[order], order, joined) for c in names]


def _group(survey: Survey) -> np.ndarray:
    if survey.group in survey.data.roles:
        return survey.codes(survey.group)[0]
    return np.zeros(len(survey), np.int32)


def in_time(survey: Survey) -> np.ndarray | None:
    """(n,) rows in the order of split, group and time; None without a column of time."""
    time = survey.data.recognised.time
    if not time or survey.data.roles.get(time) not in ("time", "number"):
        return None
    return np.lexsort((survey.number(time), _group(survey), survey.split))


def runs(values: np.ndarray, joined: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values begins, and its length: (k,) int64 each. Missing values are in no run."""
    same = (values[1:] == values[:-1]) & joined
    begin = np.flatnonzero(np.concatenate([[True], ~same])) if len(values) else np.zeros(0, np.int64)
    length: np.ndarray = np.diff(np.append(begin, len(values)))
    known = np.isfinite(values[begin]) if len(begin) else np.zeros(0, bool)
    return begin[known], length[known]
