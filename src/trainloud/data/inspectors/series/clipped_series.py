"""Do values pile up at the ends of their range, as where a sensor or a file format cuts them off?

Why it matters: above the limit all values are one; peaks become plateaus, and what would tell a strong event from a
very strong one is gone. A model of the values learns the limit of the instrument.

Remedy: record again with a wider range, or mark clipped stretches and leave them out of the loss; a network that
forecasts clipped values needs a loss that knows of the limit.

Known limits: told where the extreme value stands far more often than the values next to it, and in runs. A zero that
is the least possible value (rain, counts) is no clipping. Coarsely rounded values cannot be judged.

Source: Tobin 1958 for censored variables; Hansen et al. 2021, "Is there clipping in my audio?", for the histogram's
ends.
"""

from typing import NamedTuple

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.waves import Channel, channels, runs
from trainloud.data.survey import Survey

LEAST_SHARE = 0.002  # of a channel's values
LEAST = 20  # values at the extreme
EXCESS = 20.0  # times as many as at one of the values next to it
NEXT = 20  # values next to the extreme that it is compared with
IN_RUNS = 0.5  # share of them that stand in runs of two and more: a plateau, not single peaks
COARSE = 200  # different values below which a channel is rounded or counted
SHOWN = 6


class _Clip(NamedTuple):
    channel: str
    end: str
    value: float
    times: int
    share: float
    usual: float
    longest: int
    rows: np.ndarray


def judge(survey: Survey) -> Finding:
    found = channels(survey)
    if not found:
        return unknown("there are no series, or no column of time")
    judged = [c for c in found if len(np.unique(c.values[np.isfinite(c.values)][:100_000])) >= COARSE]
    if not judged:
        return unknown(f"no channel has {COARSE} different values: they are counted or rounded")
    clips = [clip for c in judged for clip in _clips(c)]
    if not clips:
        return passed(
            f"{plural(len(judged), 'channel')}: in none do values pile up at an end of the range", channels=len(judged)
        )
    clips.sort(key=lambda c: -c.share)
    return fired(
        "; ".join(
            f"{c.channel}: {c.times:,} values ({c.share:.2%}) are exactly the {c.end}, {c.value:g}; each of the "
            f"values next to it stands there {c.usual:.1f} times; the longest run is {c.longest:,} steps"
            for c in clips[:4]
        ),
        "as many values at the ends of the range as just inside",
        exhibits=[
            survey.exhibit(
                f"{c.channel} at its {c.end}", np.unique(c.rows)[:SHOWN].tolist(), (), len(np.unique(c.rows))
            )
            for c in clips[:4]
        ],
        clipped=[c._asdict() | {"rows": np.unique(c.rows)[:100].tolist()} for c in clips[:50]],
    )


def _clips(channel: Channel) -> list[_Clip]:
    values = channel.values[np.isfinite(channel.values)]
    distinct, counts = np.unique(values, return_counts=True)
    begin, length = runs(channel.values, channel.joined)
    found = []
    for end, at, beside in (("largest", -1, slice(-1 - NEXT, -1)), ("smallest", 0, slice(1, 1 + NEXT))):
        value, count, usual = float(distinct[at]), int(counts[at]), float(counts[beside].mean())
        if end == "smallest" and value == 0:
            continue
        if count < max(LEAST, LEAST_SHARE * len(values)) or count < EXCESS * usual:
            continue
        those = channel.values[begin] == value
        plateau = int(length[those][length[those] > 1].sum())
        if plateau >= IN_RUNS * count:
            rows = channel.row[begin[those]]
            found.append(
                _Clip(channel.name, end, value, count, count / len(values), usual, int(length[those].max()), rows)
            )
    return found


INSPECTOR = Inspector(fault="clipped-series", severity="note", basis="heuristic", judge=judge, kinds=("series",))


def _write(folder, most):
    import numpy as np

    chance = np.random.default_rng(0)
    lines = ["@problemName waves", "@univariate true", "@classLabel true up down", "@data"]
    for i in range(60):
        series = 3 * np.sin(np.arange(80) / (6 + i % 5)) + chance.normal(size=80) * 0.2
        lines.append(",".join(f"{v:.4f}" for v in np.minimum(series, most)) + (":up" if i % 2 else ":down"))
    (folder / "waves.ts").write_text("\n".join(lines) + "\n")
    return ["waves.ts"]


def bad(folder):
    return _write(folder, most=2.0)


def good(folder):
    return _write(folder, most=100.0)
