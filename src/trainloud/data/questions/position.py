"""Does it matter where something stands, or may it be averaged out?

Why it matters: where place does not matter, averaging over it (global pooling, a bag) costs nothing, saves parameters
and makes the network indifferent to shifts; where it does, averaging throws away what the task needs, and a network
that ends in a global average stays below what the data allows.

Remedy: if place matters, keep a grid before the last layer or give positions to the network, and do not move examples
around in augmentation; if it does not, average, and move them.

Known limits: relative to the probe. Averaged probes get as many features as the ones that keep the place (fewer were
taken for a loss of position by earlier experiments), and their edges are joined so that no filter can tell the border;
a deep network with borders can recover some place even under global pooling. Place counts as needed only when both
experiments lose: averaging, and moving every example at random.

Source: Lin, Chen, Yan 2014, "Network In Network", section 3.2 for global average pooling; Kayhan and van Gemert 2020,
"On Translation Invariance in CNNs: Convolutional Layers can Exploit Absolute Spatial Location", for borders.
"""

from collections.abc import Sequence

from trainloud.core.answer import Answer, Verdict
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import (
    UNIT,
    Step,
    best,
    by_kind,
    enough,
    evidence,
    points,
    points_of,
    predicted,
    step,
)
from trainloud.data.methods.appearance import glance, jolted, reaches, view, windows
from trainloud.data.methods.retention import Bench, Trial
from trainloud.data.survey import Survey

ORDER = 4
MOVED = 0.25  # of the side: what is moved by up to a quarter in both directions has left its cell of the grid


def ruling(averaged: Sequence[Step], moved: Step) -> Verdict:
    """yes: place matters, all experiments lose without it; no: some average over places loses nothing."""
    if enough(averaged) is not None:
        return "no"
    return "yes" if all(s.kept.ruling == "needed" for s in (*averaged, moved)) else "undecided"


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    seen = view(survey)
    found, side = seen.bench, seen.side
    averaged = []
    for reach in reaches(side)[:-1][-2:] or [1]:
        name = f"windows of {reach} of {side} pixels without their place"
        trial = found.trial(name, lambda r=reach: windows(seen.images, r, False))
        averaged.append(step(found, trial, seen.whole))
    name = f"moved at random by up to {MOVED:.0%} of the side"
    moved = step(found, found.trial(name, lambda: glance(jolted(seen.images, MOVED))), seen.whole)
    verdict, shown = ruling(averaged, moved), enough(averaged) or best(averaged)
    change = found.change(shown.trial, seen.whole)
    said = (
        f"Averaged over all places, {shown.words.removesuffix(' without their place')} keep {shown.kept} of what the "
        f"probe tells with places ({points_of(change, found.metric)}); pictures {moved.words} keep {moved.kept}."
    )
    follows = {
        "no": "End the network in a global average over places: it saves parameters and costs nothing measurable.",
        "yes": f"Keep a grid of places before the last layer: a global average pool {points_of(change, found.metric)} "
        "here, and moving pictures far in augmentation takes away what the task needs.",
        "undecided": "Compare a global average with a kept grid on the real network; this probe cannot tell.",
    }[verdict]
    return whereabouts(verdict, said, follows, found, seen.whole, [*averaged, moved], shown)


def whereabouts(
    verdict: Verdict, said: str, follows: str, found: Bench, whole: Trial, tried: Sequence[Step], shown: Step
) -> Answer:
    """The answer, whatever the kind of data."""
    return Answer(
        "", "", verdict, said, follows, shown.kept.value, shown.kept.low, shown.kept.high, UNIT,
        points(whole, tried), "what is done to places", found.metric, found.chance, whole.value,
        (predicted("pooling=average", found.metric, found.change(shown.trial, whole)),), evidence(found, tried),
    )  # fmt: skip


ask = by_kind({"images": of_images})
QUESTION = Question("position", ask, ("images",))
