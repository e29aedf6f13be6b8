"""Forms of variation that are taken away: which of them nothing is lost with, one by one and all at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trainloud.core.answer import Answer, Verdict
from trainloud.data.methods.answers import Step, evidence, points_of, predicted, step, told
from trainloud.data.methods.columns import listed
from trainloud.data.methods.retention import Bench, Kept, Trial
from trainloud.data.methods.ridge import cross_fitted, standardised

LARGE = 0.05  # share of the variation that an axis must carry: less is not worth a step of preprocessing
SHOWN = 8  # columns that a message names
NAMED = 5  # axes that a message describes
DROP = "drop "  # begin of a remedy


@dataclass(frozen=True)
class Form:
    """A form of variation that can be taken away."""

    name: str
    share: float
    """Of the variation, that goes with it."""
    remedy: str
    """What is done to take it away, for the person who preprocesses."""
    ingredient: str
    part_of: str = ""
    """Another one that takes this one away too: where that may go, this one need not be asked about."""


@dataclass(frozen=True)
class Nuisance:
    """A form of variation that was taken away, and what was kept without it."""

    form: Form
    step: Step

    cost: Kept
    """What taking it away changes in the metric."""

    @property
    def spurious(self) -> bool:
        return self.form.share >= LARGE and self.step.kept.ruling == "not needed"

    @property
    def free(self) -> bool:
        """Nothing was measured to be lost, not even little."""
        return self.spurious and self.cost.high >= 0

    def said(self, of: str) -> str:
        return f"{self.form.name} ({self.form.share:.0%} of {of}, {self.step.kept} kept without it)"


def taken_away(
    found: Bench,
    whole: Trial,
    forms: Sequence[Form],
    without: Callable[[Sequence[str]], Trial],
    of: str,
    hints: Sequence[tuple[str, Kept]] = (),
) -> Answer:
    """Each form alone, then all at once that may go. `without` fits the probe without the named forms, `of` says what
    the shares are of, `hints` are what augmentation changed."""
    tried: list[Nuisance] = []
    for form in forms:
        if not any(n.spurious and n.form.name == form.part_of for n in tried):
            tried.append(nuisance(found, whole, form, without([form.name])))
    gone, together = _jointly(found, whole, [n for n in tried if n.free], without)
    return weighed(found, whole, tried, gone, together, of, hints)


def nuisance(found: Bench, whole: Trial, form: Form, trial: Trial) -> Nuisance:
    return Nuisance(form, step(found, trial, whole), found.change(trial, whole))


def _jointly(
    found: Bench, whole: Trial, left: Sequence[Nuisance], without: Callable[[Sequence[str]], Trial]
) -> tuple[tuple[str, ...], Step | None]:
    """The forms that may go all at once, and what is kept then: of those that lose together the one that costs most
    alone is put back, until nothing is lost."""
    while len(left) > 1:
        names = tuple(n.form.name for n in left)
        trial = without(names)
        together = step(found, trial, whole)
        if together.kept.ruling == "not needed" and found.change(trial, whole).high >= 0:
            return names, together
        worst = min(left, key=lambda n: n.step.kept.low)
        left = [n for n in left if n is not worst]
    return tuple(n.form.name for n in left), left[0].step if left else None


def weighed(
    found: Bench,
    whole: Trial,
    tried: Sequence[Nuisance],
    gone: Sequence[str],
    together: Step | None,
    of: str,
    hints: Sequence[tuple[str, Kept]] = (),
) -> Answer:
    """The answer, whatever the kind of data. `gone` may go all at once, with `together` kept."""
    spurious = [n for n in tried if n.spurious]
    large = [n for n in tried if n.form.share >= LARGE]
    needed = [n for n in tried if n.step.kept.ruling == "needed"]
    verdict: Verdict = "yes" if spurious else "no" if all(n in needed for n in large) else "undecided"
    parts = [(word, group) for word, group in (("not needed", spurious), ("needed", needed)) if group]
    said = "; ".join(f"{word}: {listed((n.said(of) for n in group), NAMED)}" for word, group in parts)
    few = f"none of {len(tried)} axes that were tried carries {LARGE:.0%} of {of}"
    said = said or ("no axis that was tried can be ruled on" if large else few)
    if len(gone) > 1 and together is not None:
        said += f"; {listed(gone, SHOWN)} taken away at once keep {together.kept}"
    said += f" (probe: {found.metric} {whole.value:.3f}, best constant {found.chance:.3f}, {len(found):,} examples)."
    shown = together or max((n.step for n in large or tried), key=lambda s: s.kept.low, default=None)
    steps = [n.step for n in tried] + ([together] if together is not None and len(gone) > 1 else [])
    foretold = [predicted(n.form.ingredient, found.metric, found.change(n.step.trial, whole)) for n in tried]
    foretold += [predicted(f"augmentation={name}", found.metric, change) for name, change in hints]
    words = verdict, said, _follows(found, spurious, gone, hints)
    answer = told(found, whole, steps, shown, words, "what is taken away", foretold)
    return replace(
        answer, evidence=evidence(found, steps) | {"share": {n.form.name: round(n.form.share, 4) for n in tried}}
    )


def _follows(found: Bench, spurious: Sequence[Nuisance], gone: Sequence[str], hints: Sequence[tuple[str, Kept]]) -> str:
    taken = [n.form for n in spurious if n.form.name in gone]
    said = [f"Before training: {_to_do(taken, ' and ')}." if taken else "Leave the examples as they are."]
    rest = [n.form for n in spurious if n.free and n.form.name not in gone]
    if rest:
        said.append(f"Instead of these, not besides them, one may {_to_do(rest, ' or ')}.")
    dear = [f"to {n.form.remedy} {points_of(n.cost, found.metric)}" for n in spurious if not n.free]
    if dear:
        said.append(f"For little, not for nothing: {listed(dear, NAMED)}.")
    for word, group in (
        ("Augmenting helps the probe", [(n, c) for n, c in hints if c.low > 0]),
        ("Do not augment", [(n, c) for n, c in hints if c.high < 0]),
    ):
        if group:
            said.append(f"{word}: {', '.join(f'{n} {points_of(c, found.metric)}' for n, c in group)}.")
    return " ".join(said)


def _to_do(taken: Sequence[Form], word: str) -> str:
    """Remedies in one sentence; what is to be dropped is named together."""
    said = [f.remedy for f in taken if not f.remedy.startswith(DROP)]
    dropped = [f.remedy.removeprefix(DROP) for f in taken if f.remedy.startswith(DROP)]
    return word.join([*said, *([DROP + listed(dropped, SHOWN)] if dropped else [])])


def helped(found: Bench, plain: np.ndarray, twice: np.ndarray) -> Kept:
    """By how much the metric on examples as they are, with features (m, d), changes when the fits also have a changed
    copy of each, in the second half of `twice` (2 m, d)."""
    whole = found.trial("before augmentation", lambda: plain)
    y, folds = np.concatenate([found.y, found.y]), np.concatenate([found.folds, found.folds])
    weight = None if found.weight is None else np.concatenate([found.weight, found.weight])
    fit = cross_fitted(standardised(twice), y, folds, weight)
    return found.change(found.judged("augmented", fit.predicted[: len(found)], twice.shape[1]), whole)
