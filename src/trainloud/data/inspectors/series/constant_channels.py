"""Are there series, or channels of them, in which nothing ever changes?

Why it matters: a flat series is a sensor that was off or a recording that failed; it has a label all the same. Scaling
it by its own deviation divides by zero. A channel that is flat everywhere costs weights and says nothing.

Remedy: look where the flat series come from and drop them; drop channels that are flat in all series; add a small
number to deviations before dividing by them.

Known limits: flat means equal to the last digit. A channel of events (0 almost always) may rightly be flat in most
series, so channels are told only where they are flat in nearly all.

Source: none; Dau et al. 2019, "The UCR Time Series Archive", section 3, on flawed recordings that were left in.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.waves import channels
from trainloud.data.survey import Survey

DEAD = 0.99  # share of the series in which a channel is flat, from which it is dead
SHOWN = 10


def judge(survey: Survey) -> Finding:
    width = survey.measured.axes.get("range")
    if width is None:
        return unknown("no series were measured")
    n = len(survey)
    flat = np.flatnonzero((width == 0) & (survey.measured.axes["length"] > 1))
    dead = _dead(survey) if len(flat) < n else []
    if not len(flat) and not dead:
        return passed(f"something changes in each of {n:,} series, and in every channel", flat=0)
    said = (
        [
            f"{len(flat):,} of {n:,} series ({len(flat) / n:.2%}) {'is' if len(flat) == 1 else 'are'} flat in all "
            f"channels"
        ]
        if len(flat)
        else []
    )
    said += [f"{name} is flat in {share:.1%} of the series" for name, share in dead[:5]]
    shown = [survey.exhibit("flat series", flat[:SHOWN].tolist(), (), len(flat))] if len(flat) else []
    return fired(
        "; ".join(said),
        "series that change",
        exhibits=shown,
        rows=flat[:1000].tolist(),
        channels=[name for name, _ in dead],
    )


def _dead(survey: Survey) -> list[tuple[str, float]]:
    """Channels that are flat in nearly all series, and in what share of them."""
    found = []
    for channel in channels(survey):
        known = np.isfinite(channel.values)
        values, row = channel.values[known], channel.row[known]
        if not len(values):
            continue
        starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
        spread = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
        several = np.diff(np.append(starts, len(row))) > 1
        if several.any() and (spread[several] == 0).mean() >= DEAD:
            found.append((channel.name, float((spread[several] == 0).mean())))
    return found


INSPECTOR = Inspector(fault="constant-channels", severity="warning", basis="proof", judge=judge, kinds=("series",))


def _write(folder, flat):
    import numpy as np

    chance = np.random.default_rng(0)
    lines = ["@problemName waves", "@univariate true", "@classLabel true up down", "@data"]
    for i in range(60):
        series = np.cumsum(chance.normal(size=30)) * (0 if flat and i in (5, 17) else 1)
        lines.append(",".join(f"{v:.3f}" for v in series) + (":up" if i % 2 else ":down"))
    (folder / "waves.ts").write_text("\n".join(lines) + "\n")
    return ["waves.ts"]


def bad(folder):
    return _write(folder, flat=True)


def good(folder):
    return _write(folder, flat=False)
