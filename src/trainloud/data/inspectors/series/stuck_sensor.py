"""Does a series repeat one value for long, though it otherwise changes from step to step?

Why it matters: a sensor that hangs, or a gap that was filled with the last value, looks like data. A model learns that
nothing happening is likely, and forecasts that repeat the last value are rewarded.

Remedy: set long runs to missing and treat them as gaps; look in the log of the sensor for the time.

Known limits: only channels that change at nearly every step are judged, so that a valve or a season, which rightly stay
where they are, are not blamed. Runs of zero, or of the commonest value, are no sign (night, no rain).

Source: Sharma, Golubchik, Govindan 2010, "Sensor faults: detection methods and prevalence in real-world datasets", the
fault "constant".
"""

from typing import NamedTuple

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES
from trainloud.data.methods.waves import Channel, channels, runs
from trainloud.data.survey import Survey

MOVES = 0.8  # share of the steps on which a channel must change to be judged
LONGEST = 12  # steps of a run, and
TIMES = 5.0  # times the run that one in a thousand exceeds
COMMON = 0.01  # share of the values from which one is a state (off, none), not a reading
SHOWN = 6


class _Run(NamedTuple):
    channel: str
    value: float
    length: int
    usual: float
    row: int


def judge(survey: Survey) -> Finding:
    found = channels(survey)
    if not found:
        return unknown("there are no series, and no column of time")
    judged = [c for c in found if _moves(c) >= MOVES]
    if not judged:
        return unknown(f"no channel changes on {MOVES:.0%} of its steps")
    stuck = [r for c in judged for r in _runs(c)]
    if not stuck:
        return passed(
            f"no run of equal values in {plural(len(judged), 'channel')} is {LONGEST} steps and {TIMES:g} times "
            f"the usual "
            "longest",
            channels=len(judged),
        )
    stuck.sort(key=lambda r: -r.length / r.usual)
    notes = [f"{r.channel}, {r.length:,} steps" for r in stuck[:SHOWN]]
    return fired(
        "; ".join(_said(r, survey) for r in stuck[:4]) + (f"; {len(stuck) - 4:,} more such runs" * (len(stuck) > 4)),
        f"runs of at most {LONGEST} steps, or {TIMES:g} times the usual longest",
        exhibits=[survey.exhibit("where it is stuck", [r.row for r in stuck[:SHOWN]], notes, len(stuck))],
        runs=[r._asdict() for r in stuck[:100]],
    )


def _said(r: _Run, survey: Survey) -> str:
    return (
        f"{r.channel} stays at {r.value:g} for {r.length:,} steps from {survey.data.name_of(r.row)} on, where one run "
        f"in a thousand is longer than {r.usual:.0f}"
    )


def _moves(channel: Channel) -> float:
    known = np.isfinite(channel.values[1:]) & np.isfinite(channel.values[:-1]) & channel.joined
    return float((channel.values[1:] != channel.values[:-1])[known].mean()) if known.any() else 0.0


def _runs(channel: Channel) -> list[_Run]:
    begin, length = runs(channel.values, channel.joined)
    usual = max(float(np.quantile(length, 0.999)), 1.0)
    long = np.flatnonzero((length >= LONGEST) & (length >= TIMES * usual))
    value = channel.values[begin[long]]
    known = int(np.isfinite(channel.values).sum())
    # A state returns in many runs; a sensor that hangs stays at a reading that is otherwise as rare as any.
    elsewhere = np.array([(channel.values == v).sum() - n for v, n in zip(value, length[long], strict=True)])
    state = (elsewhere > COMMON * known) | (value == 0)
    return [
        _Run(channel.name, float(v), int(n), usual, int(channel.row[b]))
        for v, n, b in zip(value[~state], length[long][~state], begin[long][~state], strict=True)
    ]


INSPECTOR = Inspector(fault="stuck-sensor", severity="note", basis="heuristic", judge=judge, kinds=TABLES)


def _write(folder, stuck):
    import numpy as np

    chance = np.random.default_rng(0)
    lines = ["@problemName waves", "@univariate true", "@classLabel true up down", "@data"]
    for i in range(60):
        series = np.cumsum(chance.normal(size=100))
        if stuck and i == 8:
            series[30:70] = series[30]
        lines.append(",".join(f"{v:.4f}" for v in series) + (":up" if i % 2 else ":down"))
    (folder / "waves.ts").write_text("\n".join(lines) + "\n")
    return ["waves.ts"]


def bad(folder):
    return _write(folder, stuck=True)


def good(folder):
    return _write(folder, stuck=False)
