"""Answers to the six questions: what their experiments have in common when they are put into words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trainloud.core.answer import Answer, Point, Prediction, Verdict
from trainloud.data.methods.retention import ENOUGH, Bench, Kept, Refused, Trial
from trainloud.data.survey import Survey

UNIT = "share of the probe's advantage over the best constant that is kept"


@dataclass(frozen=True)
class Step:
    """One condition, and how much is kept under it."""

    words: str
    trial: Trial
    kept: Kept
    at: float | None = None


def by_kind(ways: Mapping[str, Callable[[Survey], Answer]]) -> Callable[[Survey], Answer]:
    """`ask` of a question that asks each kind of data in its own way; a refusal becomes an answer."""

    def ask(survey: Survey) -> Answer:
        try:
            return ways[survey.kind](survey)
        except Refused as why:
            return Answer("", "", "refused", f"{why}.", "Nothing follows: the experiment has no answer.")

    return ask


def step(found: Bench, trial: Trial, whole: Trial, at: float | None = None) -> Step:
    """The condition with what is kept under it."""
    return Step(trial.name, trial, found.kept(trial, whole), at)


def enough(tried: Sequence[Step]) -> Step | None:
    """The first condition, in order, under which nothing measurable is lost."""
    return next((s for s in tried if s.kept.ruling == "not needed"), None)


def best(tried: Sequence[Step]) -> Step:
    return max(tried, key=lambda s: s.kept.value)


def ruled(tried: Sequence[Step]) -> Verdict:
    """yes: one of the conditions loses nothing measurable; no: all of them lose; undecided otherwise."""
    if enough(tried) is not None:
        return "yes"
    return "no" if all(s.kept.ruling == "needed" for s in tried) else "undecided"


def matters(kept: Kept) -> Verdict:
    """yes: what was taken away is needed; no: it is not."""
    turned: dict[str, Verdict] = {"needed": "yes", "not needed": "no"}
    return turned.get(kept.ruling, "undecided")


def points(whole: Trial | None, tried: Sequence[Step], at: float | None = None) -> tuple[Point, ...]:
    """The conditions in order, and the data as it is (lying at `at`) last."""
    found = [Point(s.words, s.trial.value, s.trial.low, s.trial.high, s.at) for s in tried]
    return (*found, Point("as it is", whole.value, whole.low, whole.high, at)) if whole is not None else tuple(found)


def predicted(ingredient: str, metric: str, change: Kept) -> Prediction:
    """What the probe's change of the metric, with its interval, lets one expect of a network."""
    direction: Literal["up", "down", "none"] = "down" if change.high < 0 else "up" if change.low > 0 else "none"
    return Prediction(ingredient, f"validation {metric}", direction, round(change.low, 4), round(change.high, 4))


def evidence(found: Bench, tried: Sequence[Step]) -> dict[str, object]:
    """Rows, probe and retentions, as they stand behind the statement."""
    return {
        "rows": len(found),
        "enough": ENOUGH,
        "features": {s.words: s.trial.width for s in tried},
        "kept": {s.words: [round(v, 4) for v in (s.kept.value, s.kept.low, s.kept.high)] for s in tried},
    }


def told(
    found: Bench,
    whole: Trial,
    tried: Sequence[Step],
    shown: Step | None,
    words: tuple[Verdict, str, str],
    axis: str,
    foretold: Sequence[Prediction],
    at: float | None = None,
) -> Answer:
    """The answer of an experiment in retention. `shown` is the condition that decides, `words` are verdict, statement
    and what follows, `axis` says what the conditions run over and `at` where the data as it is lies on it."""
    verdict, said, follows = words
    return Answer(
        name="",
        question="",
        verdict=verdict,
        statement=said[:1].upper() + said[1:],
        follows=follows,
        value=shown.kept.value if shown else None,
        low=shown.kept.low if shown else None,
        high=shown.kept.high if shown else None,
        unit=UNIT,
        points=points(whole, tried, at),
        axis=axis,
        metric=found.metric,
        chance=found.chance,
        whole=whole.value,
        predictions=tuple(foretold),
        evidence=evidence(found, tried),
    )


def points_of(change: Kept, metric: str) -> str:
    """A difference of the metric in words: "costs 4.9 points of accuracy (3.4 to 6.4)"."""
    if metric.endswith("accuracy"):
        low, value, high = (100 * v for v in (change.low, change.value, change.high))
        unit, form = f"points of {metric}", "{:.1f}"
    else:
        low, value, high = change.low, change.value, change.high
        unit, form = metric, "{:.3f}"
    verb, low, value, high = ("gains", low, value, high) if value > 0 else ("costs", -high, -value, -low)
    return f"{verb} {form.format(value)} {unit} ({form.format(low)} to {form.format(high)})"


def lost(change: Kept, metric: str) -> str:
    """What a condition that is enough costs, in words; no cost is claimed to be nothing where it was measured."""
    return points_of(change, metric) if change.high < 0 else "loses nothing that this probe can measure"
