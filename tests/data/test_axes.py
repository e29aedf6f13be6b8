"""Axes are summed up as they are, and only what sticks out is called far out."""

import numpy as np
import pyarrow as pa
import pytest

from trainloud.core.finding import Finding
from trainloud.core.inspection import Recognised
from trainloud.data.axes import MOST_AXES, axes_of
from trainloud.data.dataset import Dataset
from trainloud.data.inspector import inspectors, judge
from trainloud.data.methods.outliers import beyond, fences, medcouple
from trainloud.data.survey import Measured, Survey


def survey(columns: dict[str, np.ndarray], axes: dict[str, np.ndarray] | None = None, test: int = 0) -> Survey:
    n = len(next(iter((columns | (axes or {})).values())))
    split = (np.arange(n) >= n - test).astype(np.int16)
    data = Dataset(
        Recognised("images" if axes else "table", "none"),
        pa.table(columns),
        split if test else np.zeros(n, np.int16),
        ("train", "test") if test else ("",),
        "",
        lambda row: f"row {row}",
        roles=dict.fromkeys(columns, "number"),
    )
    return Survey(data, Measured(axes=axes or {}, units=dict.fromkeys(axes or {}, "grey levels")))


def asked(name: str, of: Survey) -> Finding:
    return judge(inspectors()[name], of)


def normal(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def test_an_axis_in_numbers() -> None:
    values = np.concatenate([np.arange(101.0), [np.nan]])
    (axis,) = axes_of(survey({"a": values}, test=2))
    assert (axis.count, axis.missing, axis.unit) == (101, 1, "")
    assert axis.quantiles == (0, 1, 5, 25, 50, 75, 95, 99, 100)
    assert len(axis.edges) == 31
    assert sum(axis.counts["train"]) == 100 and sum(axis.counts["test"]) == 1
    assert axis.outliers is None


def test_whole_numbers_have_a_bin_each() -> None:
    (axis,) = axes_of(survey({"a": np.array([1.0, 1, 2, 5])}))
    assert axis.edges == (0.5, 1.5, 2.5, 3.5, 4.5, 5.5)
    assert axis.counts[""] == (2, 1, 0, 0, 1)


@pytest.mark.parametrize("value", [7.0, 0.1, 1e300, -1e-300])
def test_a_constant_axis_has_one_bin(value: float) -> None:
    (axis,) = axes_of(survey({"a": np.full(50, value)}))
    assert sum(axis.counts[""]) == 50
    assert (np.diff(axis.edges) > 0).all()


def test_an_axis_without_a_value_is_left_out() -> None:
    assert axes_of(survey({"a": np.full(9, np.nan)})) == ()


def test_infinite_values_are_missing_and_break_nothing() -> None:
    values = np.append(normal(300), [np.inf, -np.inf])
    (axis,) = axes_of(survey({"a": values}))
    assert (axis.count, axis.missing) == (300, 2)
    assert np.isfinite(axis.quantiles).all()


def test_an_outlier_does_not_flatten_the_histogram() -> None:
    values = np.append(normal(1000), 1e6)
    (axis,) = axes_of(survey({"a": values}))
    assert axis.edges[-1] < 20
    assert sum(axis.counts[""]) == 1001  # counted in the last bin
    assert axis.outliers is not None
    assert axis.outliers.examples[0].row == 1000
    assert axis.outliers.examples[0].note == "a 1,000,000"


def test_wide_tables_are_bounded() -> None:
    columns = {f"c{i}": normal(20, i) for i in range(300)}
    assert len(axes_of(survey(columns))) == MOST_AXES


def test_medcouple_of_known_samples() -> None:
    assert medcouple(np.arange(1.0, 6.0)) == 0
    # By hand: the kernel over the pairs of [1, 2, 3] and [3, 4, 10] around 3 has these nine values.
    kernel = [(h - 3 - (3 - low)) / (h - low) if h > low else 0 for h in (3, 4, 10) for low in (1, 2, 3)]
    assert medcouple(np.array([1.0, 2, 3, 4, 10])) == pytest.approx(np.median(kernel))
    assert medcouple(np.sort(np.exp(normal(5000)))) > 0.2
    assert medcouple(np.sort(-np.exp(normal(5000)))) < -0.2


@pytest.mark.parametrize("n", [200, 5_000, 100_000])
def test_sound_axes_have_no_isolated_values(n: int) -> None:
    told = 0
    for seed in range(10):
        draw = np.random.default_rng((n, seed))
        for values in (
            draw.normal(size=n),
            draw.uniform(size=n),
            np.exp(draw.normal(size=n)),
            draw.gamma(2, size=n),
            draw.beta(2, 5, size=n),
            draw.standard_t(4, size=n),
        ):
            found = beyond(values)
            assert found is not None
            told += len(found.isolated) > 0
    assert told <= 2, f"{told} of 60 sound samples"


def test_what_sticks_out_is_isolated_on_each_side() -> None:
    values = np.concatenate([normal(2000), [12.0, -15.0]])
    found = beyond(values)
    assert found is not None
    assert found.isolated.tolist() == [2001, 2000]  # farthest out first
    assert fences(np.ones(500)) is None
    assert fences(normal(20)) is None
    assert fences(np.random.default_rng(0).integers(0, 4, 500).astype(float)) is None


def test_outlying_examples_name_value_and_reach() -> None:
    brightness = np.append(100 + 10 * normal(500), 250.0).astype(np.float32)
    told = asked("outlying-examples", survey({}, {"brightness": brightness, "flat": np.ones(501, np.float32)}))
    assert told.severity == "note" and told.basis == "heuristic"
    assert told.measured.startswith("1 example of 501 far out on 1 axis: brightness 250 where the others lie within ")
    assert told.exhibits[0].examples[0].note == "brightness 250 (grey levels)"
    assert told.evidence["axes"] == {"brightness": [500]}
    sound = asked("outlying-examples", survey({}, {"brightness": brightness[:500]}))
    assert sound.outcome == "passed" and "none of 500 examples lies far out on one of 1 axis" in sound.measured
    nothing = asked("outlying-examples", survey({}, {"brightness": np.ones(9, np.float32)}))
    assert nothing.outcome == "unknown"
