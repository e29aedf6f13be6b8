"""Is there variation that is spurious and could be taken out before training?

Why it matters: what varies from example to example without telling anything of the target has to be learned away, with
examples and steps that are then missing elsewhere. Taken out beforehand it costs nothing; but what looks like a
nuisance and is not (colour, letter case, the level of a signal) must stay.

Remedy: take out what is named as spurious, all of it together (that was measured too), and augment along what helps;
leave what is named as needed alone, and do not augment along it.

Known limits: relative to the probe and to its rows: with more examples a network may learn to use what the probe does
not. Only the named forms of variation are tried. An axis counts as spurious when it carries 5 % of the variance and
the probe without it keeps 0.95 at the lower end of the interval. That an axis is not needed does not say that it is
harmless: see the findings on shortcuts.

Source: Ethayarajh, Choi, Swayamdipta 2022, "Understanding Dataset Difficulty with V-usable Information", section 4
(input transformations); Karpathy 2019, "A Recipe for Training Neural Networks", step 1.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from trainloud.core.answer import Answer, Verdict
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import by_kind, predicted
from trainloud.data.methods.appearance import Eye, View, axes_of, glance, jolted, relit, removed
from trainloud.data.methods.columns import listed
from trainloud.data.methods.crossed import by_effect, sheet
from trainloud.data.methods.grams import BITS, Spelled, answered, best_of, grams, measured
from trainloud.data.methods.nuisance import LARGE, SHOWN, Form, Nuisance, helped, nuisance, taken_away, weighed
from trainloud.data.methods.retention import Kept, Refused, Trial
from trainloud.data.methods.rocket import (
    Courses,
    courses,
    from_last,
    lacking,
    latest,
    level_free,
    scale_free,
    see,
    share_gone,
    tempo_free,
    trend_free,
    turned,
)
from trainloud.data.methods.segments import seen_of
from trainloud.data.methods.words import read, words_of
from trainloud.data.survey import SEED, Survey

ORDER = 3
COMMON = 50  # most frequent spellings, of which the words count as frequent
DIGITS = re.compile(r"\d+")
DROPPED = 24  # channels that are dropped one by one
ALONE = 0.2  # share of the columns: where so few tell nearly all, a leak is likelier than thrift
STRONGEST = 5  # columns that are dropped one by one
AUGMENTED = 2500  # pictures: doubled by their changed copies they cost as much as any other condition


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    seen = seen_of(survey)
    images: np.ndarray = seen.images.astype(np.float32)
    axes = {a.name: a for a in axes_of(seen)}
    forms = [Form(a.name, removed(a, images), a.remedy, a.ingredient, a.part_of) for a in axes.values()]

    def without(names: Sequence[str]) -> Trial:
        changed = images
        for name in names:
            changed = axes[name].change(changed)
        return seen.bench.trial(f"without {' and '.join(names)}", lambda: glance(changed))

    return taken_away(seen.bench, seen.whole, forms, without, "the variance", augmented(seen))


SHIFT = "shift"
AUGMENTATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "horizontal-flip": lambda x: x[:, :, ::-1],
    "vertical-flip": lambda x: x[:, ::-1],
    SHIFT: lambda x: jolted(x, 1 / 8),
    "brightness-and-contrast": relit,
}


def augmented(seen: View) -> list[tuple[str, Kept]]:
    """What a changed copy of every training picture does to the metric on pictures as they are."""
    keep = np.unique(np.linspace(0, len(seen.bench) - 1, min(AUGMENTED, len(seen.bench))).astype(int))
    found, images = seen.bench.part(keep), seen.images[keep].astype(np.float32)
    eye = Eye.of(images)
    plain, hints = eye.see(images), []
    for name, change in AUGMENTATIONS.items():
        if seen.middle and name == SHIFT:
            continue
        copy = eye.see(np.ascontiguousarray(change(images)))
        hints.append((name, helped(found, plain, np.concatenate([plain, copy]))))
    return hints


# tables -------------------------------------------------------------------------------------------------------


def of_table(survey: Survey) -> Answer:
    """Which columns may go all at once, and which single one may not."""
    made = sheet(survey)
    found, whole = made.bench, made.whole()
    order = by_effect(made)

    def dropped(names: Sequence[str]) -> Nuisance:
        kept = made.of([n for n in order if n not in names])
        quoted = listed(map(repr, names), SHOWN)
        words = f"{'column' if len(names) == 1 else 'columns'} {quoted}"
        # Each column has one variance, so that their share is that of their number.
        form = Form(words, len(names) / len(order), f"drop {quoted}", f"drop-column={'|'.join(names)}")
        return nuisance(found, whole, form, found.trial(f"without {words}", kept.together))

    low, high = 0, len(order)  # how many of the smallest effect may go lies in between
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _goes(dropped(order[:middle])) else (low, middle)
    tried = [dropped(order[:low])] if low else []
    strongest = order[::-1][: min(STRONGEST, len(order) - 1)]
    tried += [dropped([name]) for name in strongest if name not in order[:low]]
    first = tried[0] if low else None
    answer = weighed(
        found, whole, tried, [first.form.name] if first else [], first.step if first else None, "the columns' variance"
    )
    if first and low >= (1 - ALONE) * len(order):
        rest_words = listed(map(repr, order[low:]), SHOWN)
        warned = f"Ask first whether {rest_words} will be known when a prediction is made: nearly all comes from there."
        answer = replace(answer, follows=f"{warned} {answer.follows}")
    return answer


def _goes(one: Nuisance) -> bool:
    return one.step.kept.ruling == "not needed" and one.cost.high >= 0


# texts --------------------------------------------------------------------------------------------------------


def of_text(survey: Survey) -> Answer:
    """Letter case, punctuation, digits and the most frequent words: the share is that of the tokens they touch."""
    found, words = words_of(survey)
    whole = found.require(read(found, words, "as it is"))
    counts = np.bincount(words.form[words.form >= 0], minlength=len(words.forms))
    common = {words.forms[i] for i in np.argsort(-counts, kind="stable")[:COMMON] if words.forms[i].isalpha()}
    changes: dict[str, tuple[Callable[[str], str | None], str, str]] = {
        "letter case": (str.lower, "put texts in lower case", "lower-case"),
        "punctuation": (lambda w: w if any(map(str.isalnum, w)) else None, "take out punctuation", "no-punctuation"),
        "digits": (lambda w: DIGITS.sub("0", w), "write every number as 0", "digits-as-0"),
        "frequent words": (lambda w: None if w in common else w, "take out the most frequent words", "no-stop-words"),
    }

    def without(names: Sequence[str]) -> Trial:
        now = words
        for name in names:
            now = now.spelled([changes[name][0](f) for f in now.forms])
        return read(found, now, f"without {' and '.join(names)}")

    forms = []
    for name, (change, remedy, ingredient) in changes.items():
        touched = np.array([change(f) != f for f in words.forms])
        share = float(counts[touched].sum() / max(counts.sum(), 1))
        forms += [Form(name, share, remedy, f"preprocessing={ingredient}")] if share > 0 else []
    return taken_away(found, whole, forms, without, "the words and signs")


# series -------------------------------------------------------------------------------------------------------


def of_series(survey: Survey) -> Answer:
    """Level, scale, trend and tempo of each series, and channels; of a forecast, the level of its history."""
    seen = courses(survey)
    found, forecast = seen.found, survey.task == "forecast"
    look = (lambda s: latest(s, s.x.shape[2])) if forecast else see
    whole = found.require(found.trial("as it is", lambda: look(seen)))
    changes: dict[str, tuple[Callable[[Courses], Courses], str, str, str]] = {}
    if forecast:
        changes["level"] = (from_last, "give the network differences from the last value", "from-last-value", "")
    else:
        changes["level and scale"] = (scale_free, "give every series mean 0 and deviation 1", "z-normalised", "")
        changes["level"] = (level_free, "give every series mean 0", "level-removed", "level and scale")
        changes["trend"] = (trend_free, "take the straight line out of every series", "detrended", "")
        if len(set(seen.lengths.tolist())) > 1:
            changes["tempo"] = (tempo_free, "resample all series to one length", "one-length", "")
    dropping = [n for n in seen.names if not (forecast and n == survey.target)] if len(seen.names) > 1 else []
    changes |= {repr(n): (partial(lacking, channel=n), f"drop {n!r}", "", "") for n in dropping[:DROPPED]}

    def without(names: Sequence[str]) -> Trial:
        now = seen
        for name in names:
            now = changes[name][0](now)
        return found.trial(f"without {' and '.join(names)}", lambda: look(now))

    forms = []
    for name, (change, remedy, ingredient, part_of) in changes.items():
        share = share_gone(seen, level_free(seen) if change is from_last else change(seen))
        ingredient = f"preprocessing={ingredient}" if ingredient else f"drop-column={name[1:-1]}"
        forms.append(Form(name, share, remedy, ingredient, part_of))
    hints = [] if forecast else _augmented(seen)
    return taken_away(found, whole, forms, without, "the variance", hints)


def _augmented(seen: Courses) -> list[tuple[str, Kept]]:
    """What a changed copy of every training series does to the metric on series as they are."""
    rng = np.random.default_rng(SEED)
    gain = np.exp(rng.uniform(-0.25, 0.25, (len(seen.x), 1, 1)))
    copies = {
        "time-shift": turned(seen, 1 / 8).x,
        "scale": seen.x * gain,
        "noise": seen.with_values(seen.x + rng.normal(0, 0.1, seen.x.shape)).x,
        "sign-flip": -seen.x,
    }
    plain, hints = see(seen), []
    for name, copy in copies.items():
        both = replace(seen, x=np.concatenate([seen.x, copy]).astype(np.float32), lengths=np.tile(seen.lengths, 2))
        hints.append((name, helped(seen.found, plain, see(both))))
    return hints


# characters ---------------------------------------------------------------------------------------------------


def of_characters(survey: Survey) -> Answer:
    """Letter case, digits and punctuation of the past; what is predicted stays exact."""
    measure, models = measured(survey)
    found = measure.found
    order, whole = best_of(measure, models)
    forms: dict[str, tuple[Callable[[str], str], str]] = {
        "letter case": (str.lower, "lower-case"),
        "digits": (lambda c: "0" if c.isdigit() else c, "digits-as-0"),
        "punctuation": (lambda c: c if c.isalnum() or c.isspace() else ".", "one-sign"),
    }
    counts = np.bincount(found.x, minlength=len(found.symbols))
    tried, foretold, rows = [], [], [models[0]]
    for name, (change, ingredient) in forms.items():
        seen_as = [change(c) for c in found.symbols]
        touched = np.array([t != c for t, c in zip(seen_as, found.symbols, strict=True)])
        share = float(counts[touched].sum() / counts.sum())
        if share == 0:
            continue
        numbers = {c: i for i, c in enumerate(dict.fromkeys(seen_as))}
        seen = np.array([numbers[c] for c in seen_as])
        rows.append(Spelled(f"past without {name}", grams(found, seen, orders=order)[-1]))
        tried.append((name, share, measure.kept(rows[-1], whole)))
        foretold.append(predicted(f"preprocessing={ingredient}", BITS, measure.more(rows[-1], whole)))
    if not tried:
        raise Refused("the characters have no letter case, digits or punctuation that could be taken away")
    large = [t for t in tried if t[1] >= LARGE]
    spurious = [t for t in large if t[2].ruling == "not needed"]
    verdict: Verdict = "yes" if spurious else "no" if all(t[2].ruling == "needed" for t in large) else "undecided"
    said = "; ".join(f"without {n} ({share:.1%} of the characters) {kept}" for n, share, kept in tried)
    said = f"Of the bits that the past saves ({whole.bits:.3f} bits a character) are saved {said}."
    named = ", ".join(t[0] for t in spurious)
    follows = f"The past may be read without {named}." if spurious else "Leave the characters as they are."
    shown = max(large or tried, key=lambda t: t[2].low)[2]
    models_at = [(m, None) for m in (*rows, whole)]
    axis = "what is taken away of the past"
    return answered(measure, shown, (verdict, said, follows), models_at, whole, axis, foretold)


ask = by_kind(
    {"images": of_images, "table": of_table, "text": of_text, "series": of_series, "characters": of_characters}
)
QUESTION = Question("spurious-variation", ask, ("images", "table", "text", "series", "characters"))
