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
from functools import partial

import numpy as np

from trainloud.core.answer import Answer, Verdict
from trainloud.core.words import plural
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import Step, best, by_kind, enough, lost, matters, points_of, predicted, step, told
from trainloud.data.methods.appearance import glance, jolted, reaches, view, windows
from trainloud.data.methods.grams import BITS, Spelled, answered, best_of, grams, measured
from trainloud.data.methods.retention import Bench, Refused, Trial
from trainloud.data.methods.rocket import courses, see, turned, whole
from trainloud.data.methods.words import read, words_of
from trainloud.data.survey import Survey

ORDER = 4
AVERAGED = ", averaged over all places"
QUARTERS = 4  # of a text, in random order
PLACES = 20  # characters from the begin of a row that are told apart
WINDOW = 9  # steps of the short windows that are averaged
MOVED = 0.25  # of the side: what is moved by up to a quarter in both directions has left its cell of the grid


def ruling(averaged: Sequence[Step], moved: Step) -> Verdict:
    """yes: place matters, all experiments lose without it; no: some average over places loses nothing."""
    if enough(averaged) is not None:
        return "no"
    return "yes" if all(s.kept.ruling == "needed" for s in (*averaged, moved)) else "undecided"


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    if survey.task == "segmentation":
        raise Refused("a mask is made of places: averaged over them nothing would be left to predict")
    seen = view(survey)
    found, side = seen.bench, seen.side
    averaged = []
    for reach in reaches(side)[-2:]:
        name = f"windows of {reach} of {side} pixels{AVERAGED}"
        trial = found.trial(name, partial(windows, seen.images, reach, place=False, ring=True))
        averaged.append(step(found, trial, seen.whole))
    name = f"moved at random by up to {MOVED:.0%} of the side"
    moved = step(found, found.trial(name, lambda: glance(jolted(seen.images, MOVED))), seen.whole)
    verdict, shown = ruling(averaged, moved), enough(averaged) or best(averaged)
    change = found.change(shown.trial, seen.whole)
    said = (
        f"Averaged over all places, {shown.words.removesuffix(AVERAGED)} keep {shown.kept} of what the "
        f"probe tells with places ({points_of(change, found.metric)}); pictures {moved.words} keep {moved.kept}."
    )
    follows = {
        "no": f"End the network in a global average over places: it saves parameters and {lost(change, found.metric)}.",
        "yes": f"Keep a grid of places before the last layer: a global average pool {points_of(change, found.metric)} "
        "here, and moving pictures far in augmentation takes away what the task needs.",
        "undecided": "Compare a global average with a kept grid on the real network; this probe cannot tell.",
    }[verdict]
    return whereabouts(found, seen.whole, [*averaged, moved], shown, (verdict, said, follows))


def whereabouts(
    found: Bench, whole: Trial, tried: Sequence[Step], shown: Step, words: tuple[Verdict, str, str]
) -> Answer:
    """The answer, whatever the kind of data."""
    foretold = [predicted("pooling=average", found.metric, found.change(shown.trial, whole))]
    return told(found, whole, tried, shown, words, "what is done to places", foretold)


# texts --------------------------------------------------------------------------------------------------------


def of_text(survey: Survey) -> Answer:
    """Whether it matters in which part of a text something is said: its quarters in random order, and parts alone."""
    found, words = words_of(survey)
    given = found.require(read(found, words, "as it is"))
    parts = step(found, read(found, words.mixed(-QUARTERS), "quarters of the text in random order"), given)
    mixed = step(found, read(found, words.mixed(1), "single words in random order"), given)
    share = words.place / np.maximum(words.lengths, 1)[words.text]
    alone = [
        step(found, read(found, words.kept(keep), f"the {name} alone"), given)
        for name, keep in (
            ("first quarter", share < 1 / 4), ("first half", share < 1 / 2), ("last half", share >= 1 / 2),
            ("last quarter", share >= 3 / 4), ("every other word", words.place % 2 == 0),
        )
    ]  # fmt: skip
    verdict = ruling([parts], mixed)
    change = found.change(parts.trial, given)
    first, last = alone[1].kept, alone[2].kept
    said = (
        f"With the quarters of each text in random order the probe keeps {parts.kept} of what it tells from texts as "
        f"they stand ({points_of(change, found.metric)}); the first half alone keeps {first}, the last half {last}."
    )
    follows = {
        "no": f"Average over the positions of a text (mean pooling): it {lost(change, found.metric)}.",
        "yes": f"Keep positions to the end: a mean over them {points_of(change, found.metric)} here.",
        "undecided": "Compare mean pooling with a position-aware readout on the real network.",
    }[verdict]
    if first.low > last.high or last.low > first.high:
        end = "last" if first.low > last.high else "first"
        follows += f" Where texts must be cut, cut the {end} part away."
    return whereabouts(found, given, [parts, mixed, *alone], parts, (verdict, said, follows))


# series -------------------------------------------------------------------------------------------------------


def of_series(survey: Survey) -> Answer:
    """Averages over whole series, and series turned around in a ring, against series with their places."""
    if survey.task == "forecast":
        raise Refused("a forecast reads its history from the end: a place is a number of steps before now")
    seen = courses(survey)
    found, all_of_it, length = seen.found, whole(seen), int(seen.lengths.max())
    averaged = []
    for reach in sorted({min(WINDOW, length), length}):
        name = f"windows of {plural(reach * seen.step, 'step')}{AVERAGED}"
        averaged.append(step(found, found.trial(name, partial(see, seen, reach, False)), all_of_it))
    name = f"turned around at random by up to {MOVED:.0%} of the length"
    moved = step(found, found.trial(name, lambda: see(turned(seen, MOVED))), all_of_it)
    verdict, shown = ruling(averaged, moved), enough(averaged) or best(averaged)
    change = found.change(shown.trial, all_of_it)
    said = (
        f"Averaged over all steps, {shown.words.removesuffix(AVERAGED)} keep {shown.kept} of what the "
        f"probe tells with places ({points_of(change, found.metric)}); series {moved.words} keep {moved.kept}."
    )
    follows = {
        "no": f"End the network in an average over time: it {lost(change, found.metric)}, and lengths may differ.",
        "yes": f"Keep the time axis to the last layer, or give time to the network: averaging it "
        f"{points_of(change, found.metric)} here.",
        "undecided": "Compare an average over time with a readout that keeps it on the real network.",
    }[verdict]
    return whereabouts(found, all_of_it, [*averaged, moved], shown, (verdict, said, follows))


# characters ---------------------------------------------------------------------------------------------------


def of_characters(survey: Survey) -> Answer:
    """Whether the place of a character in its row tells more than the characters before it do."""
    measure, models = measured(survey)
    order, plain = best_of(measure, models)
    place = np.minimum(measure.found.place, PLACES)
    with_place = [Spelled(f"{m.name}, and the place in the row", c) for m, c in
                  zip(models, grams(measure.found, extra=place, orders=order), strict=False)]  # fmt: skip
    placed = min(with_place[1:], key=lambda m: m.bits)
    whole = min(placed, plain, key=lambda m: m.bits)
    kept = measure.kept(plain, whole)
    verdict = matters(kept)
    change = measure.more(plain, whole)
    said = (
        f"Without knowing the place in the row, {plain.name} save {kept} of the bits that the best model saves "
        f"({plain.bits:.3f} bits a character; {placed.bits:.3f} with the place)."
    )
    follows = {
        "no": "Characters before tell where one is: cut the stream into windows anywhere.",
        "yes": f"Begin every training window at the begin of a row: not knowing the place costs {change.value:.3f} "
        "bits a character.",
        "undecided": "Compare windows that begin anywhere with windows that begin with a row.",
    }[verdict]
    foretold = [predicted("windows=anywhere", BITS, change)]
    shown = [(m, None) for m in (models[0], plain, placed)]
    return answered(measure, kept, (verdict, said, follows), shown, whole, "what is known", foretold)


ask = by_kind({"images": of_images, "text": of_text, "series": of_series, "characters": of_characters})
QUESTION = Question("position", ask, ("images", "text", "series", "characters"))
