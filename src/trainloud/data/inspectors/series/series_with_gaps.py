"""Are values missing inside the series?

Why it matters: one NaN in a batch turns the loss and then all weights into NaN. Filled with 0 it is a value like
others, a jump that was never there; and where one class or split has more gaps, the gaps tell it.

Remedy: fill gaps knowingly (interpolate short ones, keep a mask as a further channel), leave out series that are
mostly gaps, and do the same in training and in use.

Known limits: values that are missing at the end of all channels of a series are taken for padding of a shorter series.
Gaps that were filled before (zeros, repeated values) look like values; see stuck-sensor.

Source: Che et al. 2018, "Recurrent Neural Networks for Multivariate Time Series with Missing Values".
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.survey import Survey

SHOWN = 10


def judge(survey: Survey) -> Finding:
    n, length = len(survey), survey.measured.axes.get("length")
    if length is None:
        return unknown("no series were measured")
    share = np.nan_to_num(survey.measured.axes.get("missing share", np.zeros(n)))
    rows = np.flatnonzero(share > 0)
    empty = int((length == 0).sum())
    if not len(rows) and not empty:
        return passed(f"no value is missing inside any of {n:,} series", rows=0)
    worst = rows[np.argsort(-share[rows], kind="stable")][:SHOWN]
    said = (
        [
            f"{len(rows):,} of {n:,} series {'has' if len(rows) == 1 else 'have'} gaps, {share[rows].mean():.1%} "
            f"of their values on average"
        ]
        if len(rows)
        else []
    )
    said += [f"{empty:,} series {'has' if empty == 1 else 'have'} no value at all"] * bool(empty)
    if len(survey.splits) > 1 and len(rows):
        said.append(
            ", ".join(f"{name} {share[survey.rows_of(name)].mean():.2%}" for name in survey.splits) + " missing"
        )
    return fired(
        "; ".join(said),
        "series without missing values, or a plan for them",
        severity="warning" if empty else None,
        exhibits=[
            survey.exhibit(
                "series with most gaps", worst.tolist(), [f"{share[r]:.0%} missing" for r in worst], len(rows)
            )
        ]
        if len(rows)
        else (),
        rows=len(rows),
        empty=empty,
    )


INSPECTOR = Inspector(fault="series-with-gaps", severity="note", basis="proof", judge=judge, kinds=("series",))


def _write(folder, gaps):
    import numpy as np

    chance = np.random.default_rng(0)
    lines = ["@problemName waves", "@univariate true", "@missing true", "@classLabel true up down", "@data"]
    for i in range(60):
        words = [f"{v:.3f}" for v in np.cumsum(chance.normal(size=30))]
        if gaps and i % 10 == 3:
            words[7:12] = ["?"] * 5
        lines.append(",".join(words) + (":up" if i % 2 else ":down"))
    (folder / "waves.ts").write_text("\n".join(lines) + "\n")
    return ["waves.ts"]


def bad(folder):
    return _write(folder, gaps=True)


def good(folder):
    return _write(folder, gaps=False)
