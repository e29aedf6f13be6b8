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

from functools import partial

import numpy as np

from trainloud.core.answer import Answer, Verdict
from trainloud.core.words import plural
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import Step, best, by_kind, enough, lost, points_of, predicted, ruled, step, told
from trainloud.data.methods.appearance import View, glance, reaches, shuffled, windows
from trainloud.data.methods.crossed import sheet
from trainloud.data.methods.grams import BITS, Spelled, answered, cached, measured
from trainloud.data.methods.rocket import Courses, courses, latest, see
from trainloud.data.methods.rocket import whole as whole_course
from trainloud.data.methods.segments import around, seen_of
from trainloud.data.methods.words import read, words_of
from trainloud.data.survey import Survey

ORDER = 1
RUNS = (1, 2, 4, 8)  # words in a row; the last is no longer local
WINDOWS = (1, 3, 5, 9, 17, 33, 65, 129)  # steps, each twice the one before
HISTORIES = (1, 2, 4, 8, 16, 24, 48)  # steps before the one that is forecast
SHORT = 0.25  # of the history that is at hand: up to that much is local
BACK = 5  # characters that are local: about a word
CACHES = (100, 1000)  # characters back that a cache remembers
AROUND = (3, 5, 9, 17)  # pixels around one whose mask is predicted
PIECES = 4  # a side: sixteen pieces in random order keep windows of a quarter of the side and nothing beyond


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    seen = seen_of(survey)
    if seen.middle:
        return _of_masks(seen)
    found, side = seen.bench, seen.side
    sizes = reaches(side)
    tried: list[Step] = []
    for reach in sizes[:-1] or sizes:
        tried.append(_window(seen, reach, True))
        if tried[-1].kept.ruling == "not needed":
            break
    # Averages cost three times as much, and are asked for where no window with its place is enough.
    bags = [_window(seen, reach, False) for reach in sizes[:-1][-2:]] if enough(tried) is None else []
    extra = []
    if side >= 2 * PIECES:
        mixed = found.trial(f"{PIECES * PIECES} pieces in random order", lambda: glance(shuffled(seen.images, PIECES)))
        extra = [step(found, mixed, seen.whole, side / PIECES)]
    local = sorted([*bags, *tried], key=lambda s: s.at or 0)  # where both are enough, the simpler one is named
    verdict, shown = ruled(local), enough(local) or best(local)
    other = extra[0] if extra else shown
    said = (
        f"Of what the probe tells from whole pictures ({found.metric} {seen.whole.value:.3f}, best constant "
        f"{found.chance:.3f}, {len(found):,} pictures), {shown.words} keep {shown.kept}"
    )
    said += f"; {other.words} {other.kept}." if other is not shown else "."
    change = found.change(shown.trial, seen.whole)
    foretold = [predicted(f"receptive-field={int(shown.at or side)}/{side}", found.metric, change)]
    words = verdict, said, _for_images(verdict, shown, seen, lost(change, found.metric))
    axis = f"side of the window in pixels of a picture of {side}"
    return told(found, seen.whole, [*local, *extra], shown, words, axis, foretold, float(side))


def _of_masks(seen: View) -> Answer:
    """What lies around a pixel, less and less of it, against all that is looked at."""
    found = seen.bench
    local = [step(found, around(found, seen.images, r), seen.whole, float(r)) for r in AROUND]
    verdict, shown = ruled(local), enough(local) or best(local)
    change = found.change(shown.trial, seen.whole)
    said = (
        f"Of what the probe tells of a pixel's mask from {seen.side} pixels around it ({found.metric} "
        f"{seen.whole.value:.3f}, best constant {found.chance:.3f}, {len(found):,} pixels), {shown.words} keep "
        f"{shown.kept}."
    )
    follows = {
        "yes": f"A receptive field of {shown.at:g} pixels is enough (it {lost(change, found.metric)}): start with a "
        "few convolutions at full resolution, and add an encoder only if it helps.",
        "no": f"More than {local[-1].at:g} pixels around are needed: take a network that shrinks and enlarges again, "
        "as a U-Net does.",
        "undecided": f"Let the receptive field grow to {seen.side} pixels, and compare with half of it.",
    }[verdict]
    foretold = [predicted(f"receptive-field={shown.at:g}", found.metric, change)]
    axis = "pixels around the one that is asked about"
    return told(found, seen.whole, local, shown, (verdict, said, follows), axis, foretold, float(seen.side))


def _window(seen: View, reach: int, place: bool) -> Step:
    words = f"windows of {reach} of {seen.side} pixels {'with' if place else 'without'} their place"
    trial = seen.bench.trial(words, lambda: windows(seen.images, reach, place))
    return step(seen.bench, trial, seen.whole, float(reach))


def _for_images(verdict: str, shown: Step, seen: View, cost: str) -> str:
    reach = round((shown.at or 0) * seen.native / seen.side)
    if verdict == "yes":
        rest = "averaged over the picture" if "without" in shown.words else "read with the place of each kept"
        return (
            f"A receptive field of {reach} of {seen.native} pixels, {rest}, is enough (it {cost}): start with a small "
            "convolutional net, not with attention over the whole picture."
        )
    if verdict == "no":
        return (
            "No window of less than half of the picture is enough: take a network whose receptive field covers the "
            "whole picture (strides, pooling or attention), and see that it does before anything else is tuned."
        )
    return "Let the receptive field grow to half of the picture, and compare with one of a quarter on the real network."


# tables -------------------------------------------------------------------------------------------------------


def of_table(survey: Survey) -> Answer:
    """Local is a column by itself: effects of columns added up, against columns together."""
    made = sheet(survey)
    found, whole = made.bench, made.whole()
    singles = [found.trial(f"{n!r} alone", partial(made.block, i)) for i, n in enumerate(made.names)]
    single = step(found, max(singles, key=lambda t: t.value), whole)
    added = step(found, found.trial("columns by themselves, added up", made.alone), whole)
    pairs = found.trial(
        "columns and pairs of columns, added up",
        lambda: np.concatenate([made.alone(), made.rules(orders=(2,))], axis=1),
    )
    tried = [single, added, step(found, pairs, whole)]
    verdict, change = ruled([added]), found.change(added.trial, whole)
    said = (
        f"Of what the probe tells from all columns together ({found.metric} {whole.value:.3f}, best constant "
        f"{found.chance:.3f}, {len(found):,} rows), {added.words} keep {added.kept}, the best of them, {single.words}, "
        f"{single.kept}."
    )
    follows = {
        "yes": f"Interactions of columns are not needed (leaving them out {lost(change, found.metric)}): start with a "
        "linear or logistic regression on binned columns, and take a network or boosted trees only if they beat it.",
        "no": f"Columns must be combined (adding them up {points_of(change, found.metric)}): start with boosted trees "
        "or a network with two hidden layers, and take a linear model as the floor only.",
        "undecided": "Fit both a linear model on binned columns and boosted trees: this probe cannot tell them apart.",
    }[verdict]
    foretold = [predicted("model=linear-on-bins", found.metric, change)]
    return told(found, whole, tried, added, (verdict, said, follows), "what is looked at together", foretold)


# texts --------------------------------------------------------------------------------------------------------


def of_text(survey: Survey) -> Answer:
    """Local is a word, or a few in a row: the words in random order, or runs of them, against the text as it stands."""
    found, words = words_of(survey)
    whole = found.require(read(found, words, "as it is"))
    tried = []
    for length in RUNS:
        name = "single words in random order" if length == 1 else f"runs of {length} words in random order"
        tried.append(step(found, read(found, words.mixed(length), name), whole, float(length)))
    verdict, shown = ruled(tried[:-1]), enough(tried[:-1]) or best(tried[:-1])
    change = found.change(tried[0].trial, whole)
    said = (
        f"Of what the probe tells from the texts as they stand ({found.metric} {whole.value:.3f}, best constant "
        f"{found.chance:.3f}, {len(found):,} texts), {shown.words} keep {shown.kept}"
    )
    said += "." if shown is tried[0] else f"; {tried[0].words} {tried[0].kept}."
    follows = {
        "yes": f"Start with a bag of {'words' if shown.at == 1 else f'{shown.at:g}-grams'} and a linear model: it "
        f"{lost(found.change(shown.trial, whole), found.metric)}; a transformer must beat that to be worth its cost.",
        "no": f"The order of words far apart matters (mixing them {points_of(change, found.metric)}): take a model "
        "that reads the sequence (convolutions over words, recurrent, attention) and give it positions.",
        "undecided": "Keep a bag of n-grams as the baseline, and compare a model that reads the order with it.",
    }[verdict]
    foretold = [predicted("model=bag-of-words", found.metric, change)]
    return told(found, whole, tried, shown, (verdict, said, follows), "words in a row whose order is kept", foretold)


# series -------------------------------------------------------------------------------------------------------


def of_series(survey: Survey) -> Answer:
    """Windows of ever more steps against the whole course; for a forecast, ever longer histories."""
    seen = courses(survey)
    return _of_history(survey, seen) if survey.task == "forecast" else _of_courses(seen)


def _of_courses(seen: Courses) -> Answer:
    found, all_of_it = seen.found, whole_course(seen)
    length = int(np.median(seen.lengths))
    tried = []
    for reach in [r for r in WINDOWS if 2 * r < length] or [1]:
        for place in (False, True):
            name = f"windows of {plural(reach * seen.step, 'step')} {'with' if place else 'without'} their place"
            trial = found.trial(name, partial(see, seen, reach, place))
            tried.append(step(found, trial, all_of_it, float(reach * seen.step)))
    verdict, shown = ruled(tried), enough(tried) or best(tried)
    change = found.change(shown.trial, all_of_it)
    said = (
        f"Of what the probe tells from whole series of {length * seen.step:,} steps ({found.metric} "
        f"{all_of_it.value:.3f}, best constant {found.chance:.3f}, {len(found):,} series), {shown.words} keep "
        f"{shown.kept}."
    )
    follows = {
        "yes": f"A receptive field of {plural(int(shown.at or 1), 'step')} is enough (it "
        f"{lost(change, found.metric)}): start with a small one-dimensional convolutional net, not with a recurrent "
        "one or attention.",
        "no": "No window of less than half of a series is enough: take dilated convolutions, a recurrent net or "
        "attention whose reach covers the series.",
        "undecided": "Let the receptive field grow to half of the series, and compare on the real network.",
    }[verdict]
    foretold = [predicted(f"receptive-field={shown.at:g}", found.metric, change)]
    words = verdict, said, follows
    return told(found, all_of_it, tried, shown, words, "steps that a window covers", foretold, length * seen.step)


def _of_history(survey: Survey, seen: Courses) -> Answer:
    found, history = seen.found, seen.x.shape[2]
    tried = [(n, found.trial(_history(n), partial(latest, seen, n))) for n in HISTORIES if n < history]
    longest = found.trial(f"the last {history} steps", lambda: latest(seen, history))
    far = [longest, *(t for n, t in tried if n > history * SHORT)]
    all_of_it = found.require(max(far, key=lambda t: t.value))
    shorter = [step(found, t, all_of_it, float(n)) for n, t in tried]
    local = [s for s in shorter if (s.at or 0) <= history * SHORT]
    verdict, shown = ruled(local), enough(local) or best(local)
    said = (
        f"Of the change of {survey.target!r} over the next step the probe tells most from {all_of_it.name} "
        f"({found.metric} {all_of_it.value:.3f}; keeping the last value is 0; {len(found):,} steps); {shown.words} "
        f"keep {shown.kept}."
    )
    change = found.change(shown.trial, all_of_it)
    follows = {
        "yes": f"Give the network the last {shown.at:g} steps (that {lost(change, found.metric)}): start with a linear "
        "model or a small net on that window.",
        "no": f"Give the network more than the last {local[-1].at:g} steps: shorter histories lose.",
        "undecided": f"Compare histories of {shown.at:g} and {history} steps on the real network.",
    }[verdict]
    foretold = [predicted(f"history={shown.at:g}", found.metric, change)]
    words = verdict, said, follows
    return told(found, longest, shorter, shown, words, "steps of history that are read", foretold, float(history))


def _history(steps: int) -> str:
    return "the last step alone" if steps == 1 else f"the last {steps} steps"


# characters ---------------------------------------------------------------------------------------------------


def of_characters(survey: Survey) -> Answer:
    """Bits a character against how many characters back an n-gram looks, and a cache of what stood long before."""
    measure, models = measured(survey)
    best_gram = min(models, key=lambda m: m.bits)
    far = [Spelled(f"a cache of {n:,} characters", cached(measure.found, best_gram.chance, n)) for n in CACHES]
    all_of_it = min([best_gram, *far], key=lambda m: m.bits)
    measure.require(all_of_it)
    tried = [(order, m, measure.kept(m, all_of_it)) for order, m in enumerate(models) if order]
    local = [t for t in tried if t[0] <= BACK]
    shown = next((t for t in local if t[2].ruling == "not needed"), max(local, key=lambda t: t[2].value))
    every = all(t[2].ruling == "needed" for t in local)
    verdict: Verdict = "yes" if shown[2].ruling == "not needed" else "no" if every else "undecided"
    said = (
        f"Of the bits that the past saves (best: {all_of_it.name}, {all_of_it.bits:.3f} bits a character; single "
        f"characters {models[0].bits:.3f}; {len(measure.found.held):,} of {len(measure.found.x):,} characters "
        f"measured), {shown[1].name} save {shown[2]}."
    )
    follows = {
        "yes": f"Begin with a context of some {shown[0] * 4} characters, and take the {shown[1].bits:.2f} bits a "
        f"character of {shown[0] + 1}-grams as the baseline: what lies farther back only a network can use, if any "
        "does.",
        "no": f"What stands more than {BACK} characters back matters here: give the network a context that holds it.",
        "undecided": "Compare short and long contexts on the real network: n-grams cannot tell.",
    }[verdict]
    shown_models = [(m, float(order)) for order, m in enumerate(models)]
    shown_models += [(m, float(n)) for n, m in zip(CACHES, far, strict=True)]
    foretold = [predicted(f"context={shown[0]}", BITS, measure.more(shown[1], all_of_it))]
    words = verdict, said, follows
    return answered(measure, shown[2], words, shown_models, all_of_it, "characters back", foretold)


ask = by_kind(
    {"images": of_images, "table": of_table, "text": of_text, "series": of_series, "characters": of_characters}
)
QUESTION = Question("local-or-global", ask, ("images", "table", "text", "series", "characters"))
