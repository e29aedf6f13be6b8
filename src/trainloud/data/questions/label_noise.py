"""Are the labels noisy, and how much?

Why it matters: the share of wrong labels is a floor under the error that can be reached and trusted. A network that is
asked for less learns errors by heart, and two networks that differ by less than the noise of the validation labels
cannot be told apart.

Remedy: if noisy, clean the ranked suspects first (the finding labels-noisy shows them), the validation split before the
training split; until then smooth the labels and do not chase a training error below the lower end. If not, a network of
enough capacity must be able to overfit them.

Known limits: those of the finding labels-noisy: relative to a fixed probe; hard examples are assumed to be at most
twice as badly labelled, in odds, as clear ones; in tables, whose inputs need not determine the label, the lower end
is 0.

Source: Liu and Tao 2016, "Classification with Noisy Labels by Importance Reweighting", section 4, for anchor points;
Northcutt, Jiang, Chuang 2021, "Confident Learning"; Szegedy et al. 2016, "Rethinking the Inception Architecture",
section 7, for label smoothing.
"""

import numpy as np

from trainloud.core.answer import Answer, Point, Prediction, Verdict
from trainloud.data.inspector import Question
from trainloud.data.methods.labels import SMALL, Study, study
from trainloud.data.methods.retention import Refused
from trainloud.data.methods.statistics import wilson
from trainloud.data.survey import Survey

ORDER = 6
CLEAN = 0.05  # upper end below which noise is no reason for anything: less than what networks differ by otherwise
CLASSES_SHOWN = 20


def ask(survey: Survey) -> Answer:
    """The interval of the share of wrong labels, and of each class what its clearest examples were given as."""
    try:
        found = study(survey)
    except Refused as why:
        return Answer("", "", "refused", f"{why}.", "Nothing follows: the experiment has no answer.")
    rate = found.rate
    if rate.refused:
        return Answer("", "", "refused", f"{rate.refused}.", "Nothing follows: the experiment has no answer.")
    verdict: Verdict = "yes" if found.noisy else "no" if rate.high < CLEAN else "undecided"
    middle = (rate.low + rate.high) / 2
    said = (
        f"Between {rate.low:.1%} and {rate.high:.1%} of {found.fitted:,} labels are wrong (95 %); the probe, right in "
        f"{found.accuracy:.1%}, contradicts {found.suspects:,} of the {len(found.rows):,} that it judged"
    )
    said += "; in a table equal inputs may rightly have different labels." if found.overlap else "."
    return Answer(
        "", "", verdict, said, _follows(verdict, found, middle), middle, rate.low, rate.high,
        "share of wrong labels", _points(found), "class", "share of the clearest examples labelled otherwise",
        predictions=_predictions(verdict, found, middle),
        evidence={"fitted": found.fitted, "judged": len(found.rows), "clearest": list(rate.clearest),
                  "contradicted": rate.contradicted},
    )  # fmt: skip


def _follows(verdict: Verdict, found: Study, middle: float) -> str:
    rate = found.rate
    first = min(max(round(middle * len(found.rows)), 1), max(found.suspects, 1))
    if verdict == "yes":
        return (
            f"Do not ask for a training error below {rate.low:.1%}; clean the first {first:,} suspects, those of the "
            f"validation split before all others, or smooth the labels by about {middle:.2f}."
        )
    if verdict == "no":
        return "Noise is no excuse here: a network that cannot bring its training error near 0 has another fault."
    return (
        f"Look at the first {min(first, 100):,} suspects by eye before blaming the labels or the network: a training "
        f"error of up to {rate.high:.1%} may be noise."
    )


def _predictions(verdict: Verdict, found: Study, middle: float) -> tuple[Prediction, ...]:
    """A network that does not learn errors by heart keeps them as errors; smoothing gains at most what is wrong."""
    low, high = round(found.rate.low, 4), round(found.rate.high, 4)
    floor = Prediction(
        "labels=as-given", "training error without memorising", "up" if low >= SMALL else "none", low, high
    )
    if verdict == "undecided":
        return (floor,)
    smoothing = f"label-smoothing={max(middle, SMALL):.2f}"
    if verdict == "yes":
        return floor, Prediction(smoothing, "validation accuracy", "up", 0.0, high)
    return floor, Prediction(smoothing, "validation accuracy", "none", -SMALL, high)


def _points(found: Study) -> tuple[Point, ...]:
    """Of each class, the largest first: how many of the clearest examples that look like it are labelled otherwise."""
    out = []
    told = np.flatnonzero(~np.isnan(np.diag(found.matrix)))
    for i in told[np.argsort(-found.anchors[told], kind="stable")][:CLASSES_SHOWN]:
        share, rows = 1 - float(found.matrix[i, i]), int(found.anchors[i])
        out.append(Point(f"looks like {found.names[i]}", share, *wilson(share * rows, rows)))
    return tuple(out)


QUESTION = Question("label-noise", ask, ("images", "table", "text", "series"))
