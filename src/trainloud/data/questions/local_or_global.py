"""Are very local features enough, without global context?

Why it matters: it decides the receptive field, and with it the family of the network. Where windows of a few pixels or
words tell all, a small convolutional net or a bag of n-grams is enough, and attention over the whole input is cost
without gain; where they do not, a network that never sees the whole cannot learn the task however long it trains.

Remedy: give the network a receptive field of the smallest window that loses nothing here, and start with the simplest
family that has it; widen it only when the training set itself cannot be fitted.

Known limits: all is relative to the probe, fixed random features and a ridge regression on some thousand examples. A
window counts as enough when one of two families of probes loses nothing with it, and as too small only when both lose;
what neither can read (a relation of distant parts that the whole probe misses too) is not seen. Answers of windows
are added up, so a relation between two windows is beyond them by design.

Source: Brendel and Bethge 2019, "Approximating CNNs with Bag-of-local-Features Models Works Surprisingly Well on
ImageNet"; Ethayarajh, Choi, Swayamdipta 2022, "Understanding Dataset Difficulty with V-usable Information"; Chen and
Goodman 1999 for n-grams of characters; Lou, Caruana, Gehrke, Hooker 2013 for columns and their pairs.
"""

from trainloud.core.answer import Answer
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import UNIT, Step, best, by_kind, enough, evidence, points, predicted, ruled, step
from trainloud.data.methods.appearance import View, glance, reaches, shuffled, view, windows
from trainloud.data.survey import Survey

ORDER = 1
PIECES = 4  # a side: sixteen pieces in random order keep windows of a quarter of the side and nothing beyond


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    seen = view(survey)
    found, side = seen.bench, seen.side
    sizes = reaches(side)
    tried: list[Step] = []
    for reach in sizes[:-1] or sizes:
        tried.append(_window(seen, reach, True))
        if tried[-1].kept.ruling == "not needed":
            break
    bags = [_window(seen, reach, False) for reach in sizes[:-1][-2:]]
    mixed = found.trial(f"{PIECES * PIECES} pieces in random order", lambda: glance(shuffled(seen.images, PIECES)))
    extra = [step(found, mixed, seen.whole, side / PIECES)] if side >= 2 * PIECES else []
    local = sorted([*bags, *tried], key=lambda s: s.at or 0)  # where both are enough, the simpler one is named
    verdict, shown = ruled(local), enough(local) or best(local)
    bag = best(bags) if bags else shown
    said = (
        f"Of what the probe tells from whole pictures ({found.metric} {seen.whole.value:.3f}, best constant "
        f"{found.chance:.3f}, {len(found):,} pictures), {shown.words} keep {shown.kept}"
    )
    said += f"; {bag.words} {bag.kept}." if bag is not shown else "."
    change = found.change(shown.trial, seen.whole)
    return Answer(
        "", "", verdict, said, _for_images(verdict, shown, seen),
        shown.kept.value, shown.kept.low, shown.kept.high, UNIT,
        points(seen.whole, [*local, *extra], float(side)), f"side of the window in pixels of a picture of {side}",
        found.metric, found.chance, seen.whole.value,
        (predicted(f"receptive-field={int(shown.at or side)}/{side}", found.metric, change),) if verdict != "undecided" else (),
        evidence(found, [*local, *extra]),
    )  # fmt: skip


def _window(seen: View, reach: int, place: bool) -> Step:
    words = f"windows of {reach} of {seen.side} pixels {'with' if place else 'without'} their place"
    trial = seen.bench.trial(words, lambda: windows(seen.images, reach, place))
    return step(seen.bench, trial, seen.whole, float(reach))


def _for_images(verdict: str, shown: Step, seen: View) -> str:
    reach = round((shown.at or 0) * seen.native / seen.side)
    if verdict == "yes":
        rest = "averaged over the picture" if "without" in shown.words else "read with the place of each kept"
        return (
            f"A receptive field of {reach} of {seen.native} pixels, {rest}, loses nothing that this probe can measure: "
            f"start with a small convolutional net, not with attention over the whole picture."
        )
    if verdict == "no":
        return (
            "No window of less than half of the picture is enough: take a network whose receptive field covers the "
            "whole picture (strides, pooling or attention), and see that it does before anything else is tuned."
        )
    return "Let the receptive field grow to half of the picture, and compare with one of a quarter on the real network."


ask = by_kind({"images": of_images})
QUESTION = Question("local-or-global", ask, ("images",))
