"""Does fine detail matter, or may examples be made coarser?

Why it matters: cost grows with the square of the side of a picture, with the length of a text and with the number of
words that are told apart. Detail that carries nothing is paid for in every step of training; detail that is thrown
away for speed sets a bound that no network passes.

Remedy: train at the coarsest form that loses nothing here, at least for all experiments before the last.

Known limits: relative to the probe: a deep network may read fine detail that fixed random filters do not, so a "no"
is where to start and not where to end. Pictures are looked at up to 128 pixels a side; what lies beyond is not seen.

Source: Touvron, Vedaldi, Douze, Jégou 2019, "Fixing the train-test resolution discrepancy", section 5, for accuracy
against resolution; Ethayarajh, Choi, Swayamdipta 2022 for usable information.
"""

from collections.abc import Sequence

from trainloud.core.answer import Answer
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import (
    UNIT,
    Step,
    by_kind,
    evidence,
    opposite,
    points,
    points_of,
    predicted,
    ruled,
    step,
)  # fmt: skip
from trainloud.data.methods.appearance import LARGEST, looked, pictures, view
from trainloud.data.methods.convolution import resized
from trainloud.data.methods.retention import Bench, Trial
from trainloud.data.survey import SIDE, Survey

ORDER = 5
SMALLEST = 2  # pixels a side


def knee(tried: Sequence[Step]) -> Step | None:
    """The coarsest condition that loses nothing, all finer ones losing nothing either; `tried` is finest first."""
    found = None
    for at in tried:
        if at.kept.ruling != "not needed":
            break
        found = at
    return found


def coarser(
    found: Bench, whole: Trial, tried: Sequence[Step], said: str, axis: str, ingredient: str, full: float, gain: str
) -> Answer:
    """The answer of a curve from fine to coarse. `said` names the data as it is, `gain` what the knee saves."""
    at = knee(tried)
    verdict = opposite(ruled(tried[:1])) if tried else "undecided"
    shown = at or tried[0]
    change = found.change(shown.trial, whole)
    words = f"{said} ({found.metric} {whole.value:.3f}, best constant {found.chance:.3f}, {len(found):,} examples)"
    if at is not None:
        statement = f"{at.words} keep {at.kept} of what the probe tells from {words}"
        coarse = tried[tried.index(at) + 1 :]
        statement += f"; {coarse[0].words} {coarse[0].kept}." if coarse else "."
        follows = f"Train on {at.words} first: {gain}, at no loss that this probe can measure."
    elif verdict == "yes":
        statement = f"{shown.words} keep only {shown.kept} of what the probe tells from {words}."
        follows = f"Keep {said}: {shown.words} {points_of(change, found.metric)} here."
    else:
        statement = f"{shown.words} keep {shown.kept} of what the probe tells from {words}: the interval holds both."
        follows = f"Keep {said} for results, and take {shown.words} for quick experiments only."
    return Answer(
        "", "", verdict, statement[:1].upper() + statement[1:], follows, shown.kept.value, shown.kept.low,
        shown.kept.high, UNIT, points(whole, [*tried][::-1], full), axis, found.metric, found.chance, whole.value,
        (predicted(f"{ingredient}={shown.at:g}", found.metric, change),) if shown.at is not None else (),
        evidence(found, tried) | {"knee": at.at if at is not None else None},
    )  # fmt: skip


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    """Accuracy against the side of the picture; the knee is the smallest side that loses nothing."""
    seen = view(survey)
    found, full = seen.bench, min(seen.native, LARGEST)
    whole = looked(found, full, lambda: pictures(survey, found.rows, full))
    halvings = [round(min(full, SIDE) / 2**k) for k in range(1, 7)]
    tried = []
    for side in [s for s in (2 * SIDE, SIDE) if s < full] + [s for s in halvings if s >= SMALLEST]:
        trial = looked(found, side, lambda s=side: resized(seen.images, s))
        tried.append(step(found, trial, whole, float(side)))
    at = knee(tried)
    saved = (full / (at.at or full)) ** 2 if at else 1
    said = f"pictures of {full} pixels a side"
    if seen.native > LARGEST:
        said += f" (they are {seen.native}; more than {LARGEST} was not looked at)"
    return coarser(found, whole, tried, said, "side of the picture in pixels", "input-size", float(full),
                   f"{saved:.0f} times fewer pixels")  # fmt: skip


ask = by_kind({"images": of_images})
QUESTION = Question("detail", ask, ("images",))
