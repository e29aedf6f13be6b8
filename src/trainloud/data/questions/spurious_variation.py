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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trainloud.core.answer import Answer, Verdict
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import UNIT, Step, by_kind, evidence, points, points_of, predicted, step
from trainloud.data.methods.appearance import Axis, Eye, View, axes_of, glance, jolted, relit, removed, view
from trainloud.data.methods.retention import Bench, Kept, Trial
from trainloud.data.methods.ridge import cross_fitted, standardised
from trainloud.data.survey import Survey

ORDER = 3
LARGE = 0.05  # share of the variation that an axis must carry: less is not worth a step of preprocessing
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
    said = "; ".join(f"{word}: {', '.join(n.said(of) for n in group)}" for word, group in parts)
    said = said or "no axis that was tried can be ruled on"
    if len(names) > 1 and together is not None:
        said += f"; {', '.join(names)} taken away at once keeps {together.kept}"
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
    said = [f"Before training: {'; '.join(n.remedy for n in taken)}." if taken else "Leave the examples as they are."]
    rest = [n.remedy for n in spurious if n.name not in names]
    if rest:
        said.append(f"Instead of these, not besides them, one may {' or '.join(rest)}.")
    for word, group in (
        ("Augmenting helps the probe", [(n, c) for n, c in hints if c.low > 0]),
        ("Do not augment", [(n, c) for n, c in hints if c.high < 0]),
    ):
        if group:
            said.append(f"{word}: {', '.join(f'{n} {points_of(c, found.metric)}' for n, c in group)}.")
    return " ".join(said)


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
    whole = found.trial("as it is", lambda: plain)
    twice = np.concatenate([found.y, found.y]), np.concatenate([found.folds, found.folds])
    weight = None if found.weight is None else np.concatenate([found.weight, found.weight])
    hints = []
    for name, change in AUGMENTATIONS.items():
        x = standardised(np.concatenate([plain, eye.see(np.ascontiguousarray(change(images)))]))
        fit = cross_fitted(x, *twice, weight)
        hints.append((name, found.change(found.judged(name, fit.predicted[: len(keep)], x.shape[1]), whole)))
    return hints


ask = by_kind({"images": of_images})
QUESTION = Question("spurious-variation", ask, ("images",))
