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
from dataclasses import replace
from functools import partial

import numpy as np

from trainloud.core.answer import Answer
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import (
    Step,
    by_kind,
    evidence,
    lost,
    matters,
    points,
    points_of,
    predicted,
    step,
    told,
)
from trainloud.data.methods.appearance import LARGEST, View, looked, pictures
from trainloud.data.methods.convolution import resized
from trainloud.data.methods.crossed import Sheet, coded, sheet
from trainloud.data.methods.grams import BITS, Spelled, answered, best_of, grams, measured
from trainloud.data.methods.retention import Bench, Refused, Trial
from trainloud.data.methods.rocket import Courses, averaged, blurred, courses, latest, see
from trainloud.data.methods.segments import seen_of, shrunk
from trainloud.data.methods.words import read, words_of
from trainloud.data.survey import SIDE, Survey

ORDER = 5
SMALLEST = 2  # pixels a side
TIMES = (2, 4, 8, 16)  # that pictures with masks are made smaller
VOCABULARIES = (10_000, 3_000, 1_000, 300, 100)  # words of a text that are told apart
LENGTHS = (128, 64, 32, 16, 8)  # tokens that are read
CUT = 0.1  # share of the texts that must be longer for a length to be tried
SYMBOLS = (256, 128, 64, 48, 32, 24, 16, 8)  # characters that are told apart
FACTORS = (2, 4, 8, 16, 32)  # steps of a series averaged to one
LEVELS = (32, 16, 8, 4, 2)  # of a column of a table


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
    if not tried:
        raise Refused(f"{said} cannot be made coarser")
    at = knee(tried)
    verdict = matters(tried[0].kept)
    shown = at or tried[0]
    change = found.change(shown.trial, whole)
    words = f"{said} ({found.metric} {whole.value:.3f}, best constant {found.chance:.3f}, {len(found):,} examples)"
    if at is not None:
        statement = f"{at.words} keep {at.kept} of what the probe tells from {words}"
        coarse = tried[tried.index(at) + 1 :]
        statement += f"; {coarse[0].words} {coarse[0].kept}." if coarse else "."
        follows = f"Train on {at.words} first: {gain}; it {lost(change, found.metric)}."
    elif verdict == "yes":
        statement = f"{shown.words} keep only {shown.kept} of what the probe tells from {words}."
        follows = f"Keep {said}: {shown.words} {points_of(change, found.metric)} here."
    else:
        statement = f"{shown.words} keep {shown.kept} of what the probe tells from {words}: the interval holds both."
        follows = f"Keep {said} for results, and take {shown.words} for quick experiments only."
    foretold = [predicted(f"{ingredient}={shown.at:g}", found.metric, change)]
    return told(found, whole, [*tried][::-1], shown, (verdict, statement, follows), axis, foretold, full)


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    """Accuracy against the side of the picture; the knee is the smallest side that loses nothing."""
    seen = seen_of(survey)
    if seen.middle:
        return _of_masks(seen)
    found, full = seen.bench, min(seen.native, LARGEST)
    whole = looked(found, full, partial(pictures, survey, found.rows, full))
    halvings = [round(min(full, SIDE) / 2**k) for k in range(1, 7)]
    tried = []
    for side in [s for s in (2 * SIDE, SIDE) if s < full] + [s for s in halvings if s >= SMALLEST]:
        trial = looked(found, side, partial(resized, seen.images, side))
        tried.append(step(found, trial, whole, float(side)))
    at = knee(tried)
    saved = (full / (at.at or full)) ** 2 if at else 1
    said = f"pictures of {full} pixels a side"
    if seen.native > LARGEST:
        said += f" (they are {seen.native}; more than {LARGEST} was not looked at)"
    return coarser(found, whole, tried, said, "side of the picture in pixels", "input-size", float(full),
                   f"{saved:.0f} times fewer pixels")  # fmt: skip


def _of_masks(seen: View) -> Answer:
    """The same for the mask at a pixel, from its surroundings shrunk ever more."""
    found = seen.bench
    times = [t for t in TIMES if seen.side // t >= SMALLEST]
    tried = [step(found, shrunk(found, seen.images, t), seen.whole, float(t)) for t in times]
    at = knee(tried)
    said = f"pictures as they are, {seen.side} pixels around each pixel"
    gain = f"{(at.at or 1) ** 2:.0f} times fewer pixels" if at else ""
    return coarser(found, seen.whole, tried, said, "times the pictures are shrunk", "shrink", 1.0, gain)


# tables -------------------------------------------------------------------------------------------------------


def of_table(survey: Survey) -> Answer:
    """Accuracy against the levels of the numbers, or against the words that are told apart where there are none."""
    made = sheet(survey)
    found, whole = made.bench, made.whole()
    numbers = any(r is not None for r in made.ranks)
    tried = []
    for levels in LEVELS:
        words = (
            f"numbers in {levels} quantile levels" if numbers else f"the {levels - 1} most frequent words of a column"
        )
        trial = found.trial(words, partial(_in_levels, survey, made, levels))
        tried.append(step(found, trial, whole, float(levels)))
    said, axis = ("exact numbers", "levels of a number") if numbers else ("all words", "words told apart in a column")
    gain = "a byte a number is enough" if numbers else "smaller embedding tables"
    full = max((len(np.unique(r)) for r in made.ranks if r is not None), default=max(c.size for c in made.bins.columns))
    return coarser(found, whole, tried, said, axis, "levels", float(full), gain)


def _in_levels(survey: Survey, made: Sheet, levels: int) -> np.ndarray:
    return coded(survey, made.bench, made.names, levels, exact=False).together()


# texts --------------------------------------------------------------------------------------------------------


def of_text(survey: Survey) -> Answer:
    """Accuracy against the number of words that are told apart, and against the length that is read."""
    found, words = words_of(survey)
    whole = found.require(read(found, words, "as it is"))
    tried = []
    for count in (c for c in VOCABULARIES if c < len(words.forms)):
        trial = read(found, words.known(count), f"the {count:,} most frequent words")
        tried.append(step(found, trial, whole, float(count)))
    shorter = []
    for length in (n for n in LENGTHS if (words.lengths > n).mean() > CUT):
        trial = read(found, words.kept(words.place < length), f"the first {length} tokens")
        shorter.append(step(found, trial, whole, float(length)))
    given = coarser(found, whole, tried, f"all {len(words.forms):,} words", "words that are told apart", "vocabulary",
                    float(len(words.forms)), "a smaller embedding table")  # fmt: skip
    at = knee(shorter)
    said, follows, foretold = given.statement, given.follows, given.predictions
    if shorter:
        shown = at or shorter[0]
        said += f" {shown.words[:1].upper()}{shown.words[1:]} of each text keep {shown.kept}."
        change = found.change(shown.trial, whole)
        foretold += (predicted(f"length={shown.at:g}", found.metric, change),)
        follows += f" {'Cut texts there' if at else 'Do not cut texts there'}: it {lost(change, found.metric)}."
    return replace(
        given, statement=said, follows=follows, predictions=foretold,
        points=(*given.points, *points(None, [*shorter][::-1])), evidence=evidence(found, [*tried, *shorter]),
    )  # fmt: skip


# series -------------------------------------------------------------------------------------------------------


def of_series(survey: Survey) -> Answer:
    """Accuracy against the number of steps that are averaged to one; a forecast keeps its last step exactly."""
    seen = courses(survey)
    found, length = seen.found, int(seen.lengths.max())
    forecast = survey.task == "forecast"
    whole = found.require(found.trial("as it is", lambda: latest(seen, length) if forecast else see(seen)))
    tried = []
    for factor in (f for f in FACTORS if 2 * f <= length):
        name = f"{'histories' if forecast else 'series'} in means of {factor * seen.step} steps"
        make = partial(_coarse_history, seen, factor) if forecast else partial(_coarse, seen, factor)
        tried.append(step(found, found.trial(name, make), whole, float(factor * seen.step)))
    said = f"{'histories' if forecast else 'series'} of {length} steps"
    if seen.step > 1:
        said += f" (each the mean of {seen.step} of the data; finer was not looked at)"
    at = knee(tried)
    return coarser(found, whole, tried, said, "steps averaged to one", "downsample", float(seen.step),
                   f"{(at.at or 1) / seen.step:.0f} times fewer steps" if at else "")  # fmt: skip


def _coarse(seen: Courses, factor: int) -> np.ndarray:
    return see(averaged(seen, factor))


def _coarse_history(seen: Courses, factor: int) -> np.ndarray:
    return latest(blurred(seen, factor), seen.x.shape[2])


# characters ---------------------------------------------------------------------------------------------------


def of_characters(survey: Survey) -> Answer:
    """Bits a character against how many symbols are told apart in the past; what is predicted stays exact."""
    measure, models = measured(survey)
    found = measure.found
    order, whole = best_of(measure, models)
    total = len(found.symbols)
    tried = []
    for count in (c for c in SYMBOLS if c < total):
        known = np.minimum(np.arange(total), count)
        model = Spelled(f"the {count} most frequent symbols", grams(found, known, orders=order)[-1])
        tried.append((count, model, measure.kept(model, whole)))
    if not tried:
        raise Refused(f"only {total} symbols occur")
    at = None
    for each in tried:
        if each[2].ruling != "not needed":
            break
        at = each
    shown = at or tried[0]
    verdict = matters(tried[0][2])
    share = float(np.bincount(found.x, minlength=total)[: shown[0]].sum() / len(found.x))
    said = (
        f"Told apart in the past, {shown[1].name} of {total} ({share:.2%} of all characters) save {shown[2]} of the "
        f"bits that all save ({whole.bits:.3f} bits a character with {whole.name})."
    )
    change = measure.more(shown[1], whole)
    follows = f"Keep all {total} symbols apart."
    if at:
        follows = f"Rare symbols may share one: {shown[0]} of {total} are enough, at {change.value:.3f} {BITS}."
    models_at = [(m, float(n)) for n, m, _ in tried[::-1]] + [(Spelled("all symbols", whole.chance), float(total))]
    foretold = [predicted(f"vocabulary={shown[0]}", BITS, change)]
    words = verdict, said, follows
    return answered(measure, shown[2], words, models_at, whole, "symbols told apart in the past", foretold)


ask = by_kind(
    {"images": of_images, "table": of_table, "text": of_text, "series": of_series, "characters": of_characters}
)
QUESTION = Question("detail", ask, ("images", "table", "text", "series", "characters"))
