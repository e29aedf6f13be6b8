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
from dataclasses import dataclass, replace

import numpy as np

from trainloud.core.answer import Answer, Point, Verdict
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import UNIT, Step, by_kind, evidence, points, points_of, predicted, step
from trainloud.data.methods.appearance import Axis, Eye, View, axes_of, glance, jolted, relit, removed, view
from trainloud.data.methods.columns import listed
from trainloud.data.methods.crossed import Sheet, sheet
from trainloud.data.methods.grams import Spelled, grams, measured
from trainloud.data.methods.retention import Bench, Kept, Refused, Trial
from trainloud.data.methods.ridge import cross_fitted, standardised
from trainloud.data.methods.rocket import (
    Courses,
    courses,
    from_last,
    latest,
    level_free,
    scale_free,
    see,
    tempo_free,
    trend_free,
    turned,
    without,
)
from trainloud.data.methods.words import Words, read, words_of
from trainloud.data.survey import SEED, Survey

ORDER = 3
LARGE = 0.05  # share of the variation that an axis must carry: less is not worth a step of preprocessing
COMMON = 50  # most frequent spellings, of which the words count as frequent
DIGITS = re.compile(r"\d+")
DROPPED = 24  # channels that are dropped one by one
DROP = "drop "  # begin of a remedy
NAMED = 5  # axes that a message describes
SHOWN = 8  # columns that a message names
STRONGEST = 5  # columns that are dropped one by one
AUGMENTED = 2500  # pictures: doubled by their changed copies they cost as much as any other condition


@dataclass(frozen=True)
class Nuisance:
    """A form of variation that was taken away."""

    name: str
    share: float
    """Of the variation, that goes with it."""
    step: Step
    remedy: str
    ingredient: str

    @property
    def spurious(self) -> bool:
        return self.share >= LARGE and self.step.kept.ruling == "not needed"

    def said(self, of: str) -> str:
        return f"{self.name} ({self.share:.0%} of {of}, {self.step.kept} kept without it)"


def jointly(
    names: Sequence[str], tried: Sequence[Nuisance], take: Callable[[Sequence[str]], Step]
) -> tuple[tuple[str, ...], Step | None]:
    """The axes among `names` that may go all at once, and what is kept then: of those that lose together the one that
    costs most alone is put back, until nothing is lost."""
    alone = {n.name: n.step for n in tried}
    left = list(names)
    while len(left) > 1:
        together = take(left)
        if together.kept.ruling == "not needed":
            return tuple(left), together
        left.remove(min(left, key=lambda n: alone[n].kept.low))
    return tuple(left), alone[left[0]] if left else None


def weighed(
    found: Bench, whole: Trial, tried: Sequence[Nuisance], names: Sequence[str], together: Step | None, of: str,
    hints: Sequence[tuple[str, Kept]] = (),
) -> Answer:  # fmt: skip
    """The answer, whatever the kind of data. `of` says what the shares are of; `names` may go all at once, with what is
    kept then; `hints` are what augmentation changed."""
    spurious = [n for n in tried if n.spurious]
    large = [n for n in tried if n.share >= LARGE]
    needed = [n for n in tried if n.step.kept.ruling == "needed"]
    verdict: Verdict = "yes" if spurious else "no" if all(n in needed for n in large) else "undecided"
    parts = [(word, group) for word, group in (("not needed", spurious), ("needed", needed)) if group]
    said = "; ".join(f"{word}: {listed((n.said(of) for n in group), NAMED)}" for word, group in parts)
    few = f"none of {len(tried)} axes that were tried carries {LARGE:.0%} of {of}"
    said = said or ("no axis that was tried can be ruled on" if large else few)
    if len(names) > 1 and together is not None:
        said += f"; {listed(names, SHOWN)} taken away at once keep {together.kept}"
    said += f" (probe: {found.metric} {whole.value:.3f}, best constant {found.chance:.3f}, {len(found):,} examples)."
    shown = together or max((n.step for n in large or tried), key=lambda s: s.kept.low, default=None)
    steps = [n.step for n in tried] + ([together] if together is not None and len(names) > 1 else [])
    foretold = [predicted(n.ingredient, found.metric, found.change(n.step.trial, whole)) for n in tried]
    foretold += [predicted(f"augmentation={name}", found.metric, change) for name, change in hints]
    return Answer(
        "", "", verdict, said[:1].upper() + said[1:], _follows(found, spurious, names, hints),
        shown.kept.value if shown else None, shown.kept.low if shown else None, shown.kept.high if shown else None,
        UNIT, points(whole, steps), "what is taken away", found.metric, found.chance, whole.value, tuple(foretold),
        evidence(found, steps) | {f"share of {of}": {n.name: round(n.share, 4) for n in tried}},
    )  # fmt: skip


def _follows(
    found: Bench, spurious: Sequence[Nuisance], names: Sequence[str], hints: Sequence[tuple[str, Kept]]
) -> str:
    taken = [n for n in spurious if n.name in names]
    said = [f"Before training: {_to_do(taken, ' and ')}." if taken else "Leave the examples as they are."]
    rest = [n for n in spurious if n.name not in names]
    if rest:
        said.append(f"Instead of these, not besides them, one may {_to_do(rest, ' or ')}.")
    for word, group in (
        ("Augmenting helps the probe", [(n, c) for n, c in hints if c.low > 0]),
        ("Do not augment", [(n, c) for n, c in hints if c.high < 0]),
    ):
        if group:
            said.append(f"{word}: {', '.join(f'{n} {points_of(c, found.metric)}' for n, c in group)}.")
    return " ".join(said)


def _to_do(taken: Sequence[Nuisance], word: str) -> str:
    """Remedies in one sentence; what is to be dropped is named together."""
    said = [n.remedy for n in taken if not n.remedy.startswith(DROP)]
    gone = [n.remedy.removeprefix(DROP) for n in taken if n.remedy.startswith(DROP)]
    return word.join([*said, *([DROP + listed(gone, SHOWN)] if gone else [])])


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    seen = view(survey)
    found, images = seen.bench, seen.images.astype(np.float32)
    tried: list[Nuisance] = []
    spurious: list[Axis] = []
    for axis in axes_of(images):
        if axis.part_of in [a.name for a in spurious]:
            continue
        trial = found.trial(f"without {axis.name}", lambda a=axis: glance(a.change(images)))
        one = step(found, trial, seen.whole)
        tried.append(Nuisance(axis.name, removed(axis, images), one, axis.words, axis.ingredient))
        spurious += [axis] if tried[-1].spurious else []

    def at_once(some: Sequence[Axis]) -> Step:
        changed = images
        for axis in some:
            changed = axis.change(changed)
        return step(
            found, found.trial(f"without {' and '.join(a.name for a in some)}", lambda: glance(changed)), seen.whole
        )

    names, together = jointly(
        [a.name for a in spurious], tried, lambda n: at_once([a for a in spurious if a.name in n])
    )
    return weighed(found, seen.whole, tried, names, together, "the variance", augmented(seen))


AUGMENTATIONS = {
    "horizontal-flip": lambda x: x[:, :, ::-1],
    "vertical-flip": lambda x: x[:, ::-1],
    "shift": lambda x: jolted(x, 1 / 8),
    "brightness-and-contrast": relit,
}


def augmented(seen: View) -> list[tuple[str, Kept]]:
    """What a changed copy of every training picture does to the metric on pictures as they are."""
    keep = np.unique(np.linspace(0, len(seen.bench) - 1, min(AUGMENTED, len(seen.bench))).astype(int))
    found, images = seen.bench.part(keep), seen.images[keep].astype(np.float32)
    eye = Eye.of(images)
    plain = eye.see(images)
    copies = {n: lambda c=c: eye.see(np.ascontiguousarray(c(images))) for n, c in AUGMENTATIONS.items()}
    return [(n, helped(found, plain, np.concatenate([plain, copy()]))) for n, copy in copies.items()]


def helped(found: Bench, plain: np.ndarray, twice: np.ndarray) -> Kept:
    """By how much the metric on examples as they are, with features (m, d), changes when the fits also have a changed
    copy of each in the second half of `twice` (2 m, d)."""
    whole = found.trial("before augmentation", lambda: plain)
    y, folds = np.concatenate([found.y, found.y]), np.concatenate([found.folds, found.folds])
    weight = None if found.weight is None else np.concatenate([found.weight, found.weight])
    fit = cross_fitted(standardised(twice), y, folds, weight)
    return found.change(found.judged("augmented", fit.predicted[: len(found)], twice.shape[1]), whole)


# tables -------------------------------------------------------------------------------------------------------


def of_table(survey: Survey) -> Answer:
    """Which columns may go all at once, and which single one may not."""
    made = sheet(survey)
    found, whole = made.bench, made.whole()
    order = _by_effect(made)
    without: dict[int, Step] = {}

    def dropped(count: int) -> Step:
        """Without the `count` columns of the smallest effect."""
        if count not in without:
            name = f"without {count} of {len(order)} columns"
            without[count] = step(found, found.trial(name, lambda: made.of(order[count:]).together()), whole)
        return without[count]

    low, high = 0, len(order)  # the most that may go lies in between
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if dropped(middle).kept.ruling == "not needed" else (low, middle)
    tried = []
    if low:
        gone = order[:low]
        words = f"{'column' if low == 1 else 'columns'} {listed(map(repr, gone), SHOWN)}"
        # Columns have one variance each, so their share is that of their number.
        tried.append(Nuisance(words, low / len(order), dropped(low), f"drop {words}", "drop-column=" + "|".join(gone)))
    for name in order[::-1][: min(STRONGEST, len(order) - 1)]:
        rest = made.of([n for n in order if n != name])
        one = step(found, found.trial(f"without column {name!r}", rest.together), whole)
        if name not in order[:low]:
            tried.append(Nuisance(f"column {name!r}", 1 / len(order), one, f"drop {name!r}", f"drop-column={name}"))
    names = [n.name for n in tried[:1] if low]
    return weighed(found, whole, tried, names, tried[0].step if low else None, "the columns' variance")


def _by_effect(made: Sheet) -> list[str]:
    """Columns by the variance of what each adds to the additive fit, smallest first."""
    blocks = [made.block(i) for i in range(len(made.names))]
    x = standardised(np.concatenate(blocks, axis=1))
    weights = np.mean(cross_fitted(x, made.bench.y, made.bench.folds, made.bench.weight).weights, axis=0)
    ends = np.cumsum([b.shape[1] for b in blocks])
    effects = [
        float((x[:, e - b.shape[1] : e] @ weights[e - b.shape[1] : e]).var(axis=0).sum())
        for b, e in zip(blocks, ends, strict=True)
    ]
    return [made.names[i] for i in np.argsort(effects, kind="stable")]


# texts --------------------------------------------------------------------------------------------------------


def of_text(survey: Survey) -> Answer:
    """Letter case, punctuation, digits and the most frequent words: the share is that of the tokens they touch."""
    found, words = words_of(survey)
    whole = found.require(read(found, words, "as it is"))
    counts = np.bincount(words.form, minlength=len(words.forms))
    common = {words.forms[i] for i in np.argsort(-counts, kind="stable")[:COMMON] if words.forms[i].isalpha()}
    forms: dict[str, tuple[Callable[[str], str | None], str, str]] = {
        "letter case": (str.lower, "put texts in lower case", "preprocessing=lower-case"),
        "punctuation": (lambda w: w if _word(w) else None, "take out punctuation", "preprocessing=no-punctuation"),
        "digits": (lambda w: DIGITS.sub("0", w), "write every number as 0", "preprocessing=digits-as-0"),
        "frequent words": (lambda w: None if w in common else w, "take out the most frequent words", "preprocessing=no-stop-words"),
    }  # fmt: skip

    def changed(names: Sequence[str]) -> Words:
        now = words
        for name in names:
            now = now.spelled([forms[name][0](f) for f in now.forms])
        return now

    tried = []
    for name, (change, remedy, ingredient) in forms.items():
        touched = np.array([change(f) != f for f in words.forms])
        share = float(counts[touched].sum() / max(counts.sum(), 1))
        if share > 0:
            one = step(found, read(found, changed([name]), f"without {name}"), whole)
            tried.append(Nuisance(name, share, one, remedy, ingredient))
    names, together = jointly(
        [n.name for n in tried if n.spurious], tried,
        lambda some: step(found, read(found, changed(some), f"without {' and '.join(some)}"), whole),
    )  # fmt: skip
    return weighed(found, whole, tried, names, together, "the words and signs")


def _word(form: str) -> bool:
    return any(c.isalnum() for c in form)


# series -------------------------------------------------------------------------------------------------------


def of_series(survey: Survey) -> Answer:
    """Level, scale, trend and tempo of each series, and channels; of a forecast, the level of its history."""
    seen = courses(survey)
    found, forecast = seen.bench, survey.task == "forecast"
    look = (lambda s: latest(s, s.x.shape[2])) if forecast else see
    whole = found.require(found.trial("as it is", lambda: look(seen)))
    forms: dict[str, tuple[Callable[[Courses], Courses], str, str]] = {}
    if forecast:
        forms["level"] = (
            from_last,
            "give the network differences from the last value",
            "preprocessing=from-last-value",
        )
    else:
        forms |= {
            "level and scale": (scale_free, "give every series mean 0 and deviation 1", "preprocessing=z-normalised"),
            "level": (level_free, "give every series mean 0", "preprocessing=level-removed"),
            "trend": (trend_free, "take the straight line out of every series", "preprocessing=detrended"),
        }
        if len(set(seen.lengths.tolist())) > 1:
            forms["tempo"] = (tempo_free, "resample all series to one length", "preprocessing=one-length")
    for name in seen.names[: DROPPED + 1] if len(seen.names) > 1 else ():
        if not (forecast and name == survey.target):
            forms[f"{name!r}"] = (lambda s, n=name: without(s, n), f"drop {name!r}", f"drop-column={name}")

    def changed(names: Sequence[str]) -> Courses:
        now = seen
        for name in names:
            now = forms[name][0](now)
        return now

    tried: list[Nuisance] = []
    for name, (_, remedy, ingredient) in forms.items():
        if name == "level" and any(n.name == "level and scale" and n.spurious for n in tried):
            continue
        one = step(found, found.trial(f"without {name}", lambda n=name: look(changed([n]))), whole)
        gone = _gone(seen, level_free(seen) if forecast and name == "level" else changed([name]))
        tried.append(Nuisance(name, gone, one, remedy, ingredient))
    names, together = jointly(
        [n.name for n in tried if n.spurious], tried,
        lambda some: step(found, found.trial(f"without {' and '.join(some)}", lambda: look(changed(some))), whole),
    )  # fmt: skip
    return weighed(found, whole, tried, names, together, "the variance", [] if forecast else _augmented(seen))


def _gone(seen: Courses, changed: Courses) -> float:
    """Share of the variance over series that a change took away."""
    before, after = (float(s.x.reshape(len(s.x), -1).var(axis=0, dtype=np.float64).sum()) for s in (seen, changed))
    if changed.x.shape[2] != seen.x.shape[2]:  # of another length: by the mean step
        before, after = before / seen.x.shape[2], after / changed.x.shape[2]
    return max(1 - after / before, 0.0) if before > 0 else 0.0


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
    plain, m, hints = see(seen), len(seen.x), []
    for name, copy in copies.items():
        both = replace(seen, x=np.concatenate([seen.x, copy]).astype(np.float32), lengths=np.tile(seen.lengths, 2))
        hints.append((name, helped(seen.bench, plain, see(both)[: 2 * m])))
    return hints


# characters ---------------------------------------------------------------------------------------------------


def of_characters(survey: Survey) -> Answer:
    """Letter case, digits and punctuation of the past; what is predicted stays exact."""
    measure, models = measured(survey)
    found = measure.found
    order = max(min(range(len(models)), key=lambda k: models[k].bits), 1)
    whole = models[order]
    forms: dict[str, tuple[Callable[[str], str], str]] = {
        "letter case": (str.lower, "lower-case"),
        "digits": (lambda c: "0" if c.isdigit() else c, "digits-as-0"),
        "punctuation": (lambda c: c if c.isalnum() or c.isspace() else ".", "one-sign"),
    }
    counts = np.bincount(found.x, minlength=len(found.symbols))
    tried, foretold, rows = [], [], [(models[0], measure.bits(models[0]))]
    for name, (change, ingredient) in forms.items():
        told = [change(c) for c in found.symbols]
        numbers = {c: i for i, c in enumerate(dict.fromkeys(told))}
        touched = np.array([t != c for t, c in zip(told, found.symbols, strict=True)])
        share = float(counts[touched].sum() / counts.sum())
        if share == 0:
            continue
        seen = np.array([numbers[c] for c in told])
        model = Spelled(f"past without {name}", grams(found, seen, orders=order)[-1])
        rows.append((model, measure.bits(model)))
        tried.append((name, share, measure.kept(model, whole)))
        foretold.append(predicted(f"preprocessing={ingredient}", "bits a character", measure.more(model, whole)))
    if not tried:
        raise Refused("the characters have no letter case, digits or punctuation that could be taken away")
    spurious = [t for t in tried if t[1] >= LARGE and t[2].ruling == "not needed"]
    large = [t for t in tried if t[1] >= LARGE]
    verdict: Verdict = "yes" if spurious else "no" if all(t[2].ruling == "needed" for t in large) else "undecided"
    said = "; ".join(f"without {n} ({share:.1%} of the characters) the past saves {kept}" for n, share, kept in tried)
    shown = max(large or tried, key=lambda t: t[2].low)[2]
    named = ", ".join(t[0] for t in spurious)
    return Answer(
        "", "", verdict, f"{said[:1].upper()}{said[1:]} of the bits that it saves as it is ({whole.bits:.3f} a character).",
        f"The past may be read without {named}." if spurious else "Leave the characters as they are.",
        shown.value, shown.low, shown.high, "share of the bits saved by the past",
        tuple(Point(m.name, b.value, b.low, b.high) for m, b in [*rows, (whole, measure.bits(whole))]),
        "what is taken away of the past", "bits a character", models[0].bits, whole.bits, tuple(foretold),
    )  # fmt: skip


ask = by_kind(
    {"images": of_images, "table": of_table, "text": of_text, "series": of_series, "characters": of_characters}
)
QUESTION = Question("spurious-variation", ask, ("images", "table", "text", "series", "characters"))
