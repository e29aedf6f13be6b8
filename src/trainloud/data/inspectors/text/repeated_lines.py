"""Would a random split of the lines put the same line on both sides?

Why it matters: a model of language is judged on lines that it has not seen. Where many lines stand there twice (names,
titles, commands), the held-out loss is partly one of memory, and lower than on new lines.

Remedy: split the different lines, not all of them (`sorted(set(lines))` before shuffling), or count repeated ones with
weights; and report the loss on lines that are new.

Known limits: lines are compared exactly. That frequent items repeat is their nature: repeating is a fault of the
split, not of the data.

Source: Lee et al. 2022, "Deduplicating Training Data Makes Language Models Better", section 1; Karpathy, makemore,
whose names.txt is split at random.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.survey import Survey

HELD_OUT = 0.1  # share of the lines that a split at random holds out
LEAST = 0.02  # share of held-out lines that also stand in the training part, from which the loss is noticeably lower
SHOWN = 10


def judge(survey: Survey) -> Finding:
    if survey.measured.content is None:
        return unknown("the contents were not measured")
    n = len(survey)
    _, first, inverse, times = np.unique(
        survey.measured.content, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    inverse = inverse.ravel()
    repeated = n - len(times)
    said = (
        f"{repeated:,} of {plural(n, 'row')} {'repeats' if repeated == 1 else 'repeat'} another ({len(times):,} "
        f"different)"
    )
    if len(survey.splits) > 1:
        share, how = _given(survey, inverse), "of the rows outside the training split"
    else:
        share = float((1 - HELD_OUT ** (times[inverse] - 1.0)).mean()) if n else 0.0
        how = f"of the rows that a random split of {HELD_OUT:.0%} holds out"
    said += f"; {share:.1%} {how} also stand in the training part"
    if share < LEAST:
        return passed(said, repeated=repeated, shared=share)
    most = np.argsort(-times, kind="stable")[:SHOWN]
    return fired(
        said,
        f"less than {LEAST:.0%} {how}",
        exhibits=[
            survey.exhibit(
                "most often", first[most].tolist(), [f"{times[i]:,} times" for i in most], int((times > 1).sum())
            )
        ],
        repeated=repeated,
        different=len(times),
        shared=share,
    )


def _given(survey: Survey, inverse: np.ndarray) -> float:
    """Share of the rows outside the training split whose content is in it."""
    trained: np.ndarray = np.zeros(int(inverse.max()) + 1, bool)
    trained[inverse[survey.training]] = True
    others = inverse[~survey.training]
    return float(trained[others].mean()) if len(others) else 0.0


INSPECTOR = Inspector(fault="repeated-lines", severity="note", basis="proof", judge=judge, kinds=("characters",))


def bad(folder):
    names = [f"{a}{b}{c}" for a in ("ma", "lo", "ki", "se") for b in ("ra", "ni", "to") for c in ("na", "la", "s")]
    (folder / "names.txt").write_text("\n".join(names + names[::3]) + "\n")
    return ["names.txt"]


def good(folder):
    names = [f"{a}{b}{c}" for a in ("ma", "lo", "ki", "se") for b in ("ra", "ni", "to") for c in ("na", "la", "s")]
    (folder / "names.txt").write_text("\n".join(names) + "\n")
    return ["names.txt"]
