"""metric-wrong-axis on records: what is told, what is left alone, and the words."""

from dataclasses import replace

import pytest

from trainloud.checks.evaluation.metric_wrong_axis import judge
from trainloud.core.check import Runs
from trainloud.core.finding import Finding
from trainloud.core.records import Comparison, Network, Threshold
from trainloud.core.trace import Trace

NETWORK = Network(0, 0, "Sequential", None, None, (), (), (), ())
RIGHT = Comparison(
    network=0, step=9, phase="eval", where=None, how="argmax", axis=1, least=False, source=(50, 3), ops=(),
    prediction=(50,), other=(50,), result=(50,), itself=False, agreement=0.8, proper_axis=-1, proper=None,
    pairs=False, distinct=3, whole=True, counting=False, fractions=0.0,
)  # fmt: skip
SQUARE = replace(RIGHT, source=(50, 50), proper_axis=0, proper=0.02)
LOGIT = Threshold(0, 0, "train", None, "0", (), "binary_cross_entropy_with_logits", None, -2.0, 2.0, 0.0)
CUT = Threshold(0, 9, "eval", None, "0", (), "gt", 0.5, -3.0, 3.0, 0.2, (50,))


def told(*records: object) -> Finding:
    return judge(Runs(Trace.of([NETWORK, *records])))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (replace(SQUARE, axis=-1, prediction=(), agreement=0.0, proper_axis=1, proper=0.64), "one number"),
        (replace(RIGHT, source=(50, 1), distinct=2), "one place to choose from"),
        (replace(RIGHT, how="extreme", fractions=1.0, agreement=0.0, proper=0.8), "the values of a maximum"),
        (replace(RIGHT, prediction=(50, 1), result=(50, 50)), "each prediction against every target"),
        (replace(RIGHT, itself=True, agreement=1.0, related=True), "100.0% equal"),
        (replace(SQUARE, axis=0, agreement=0.02, proper_axis=1, proper=0.7), "argmax over axis 1"),
    ],
)
def test_wrong_scores_are_told(record: Comparison, words: str) -> None:
    found = told(record)
    assert found.outcome == "fired"
    assert words in found.measured + found.expected


@pytest.mark.parametrize(
    "record",
    [
        RIGHT,
        SQUARE,
        replace(RIGHT, prediction=(50, 1), result=(50, 50), pairs=True),
        replace(SQUARE, axis=0, agreement=0.02, proper_axis=1, proper=0.7, counting=True),
        replace(SQUARE, axis=0, agreement=0.05, proper_axis=1, proper=0.1),
        replace(RIGHT, itself=True, agreement=0.9, related=True),
    ],
)
def test_sound_scores_pass(record: Comparison) -> None:
    assert told(record).outcome == "passed"


def test_a_threshold_on_logits_needs_the_loss_that_takes_them_for_logits() -> None:
    found = told(LOGIT, CUT)
    assert found.outcome == "fired"
    assert "cut at 0.5" in found.measured
    assert told(CUT).outcome == "passed"
    assert told(LOGIT, replace(CUT, ops=("sigmoid",), low=0.1, high=0.9)).outcome == "passed"
    assert told(LOGIT, replace(CUT, limit=0.0)).outcome == "passed"
