"""Bins, cross-fitted predictions from them, exact formulas, two-sample tests, held against the long way."""

import numpy as np
import pytest

from data.made_tables import survey_of
from trainloud.core.words import plural
from trainloud.data.methods.binned import (
    WIDEST,
    Binned,
    Bins,
    additive,
    bin_column,
    bin_numbers,
    bin_words,
    bins_of,
    explained,
    folds,
    one_hot,
    predicted,
    tally_classes,
    tally_number,
)
from trainloud.data.methods.columns import decimals, listed, profile, say
from trainloud.data.methods.relations import relations
from trainloud.data.methods.twosample import chi_squared, kolmogorov, shift_of_numbers, shift_of_words

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order_of_tests() -> None:
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state


def bins(*columns: Binned) -> Bins:
    return Bins(np.arange(len(columns[0].codes)), tuple(f"c{i}" for i in range(len(columns))), columns)


# bins -----------------------------------------------------------------------------------------------------------------


def test_few_values_stay_apart_and_missing_is_the_last_bin() -> None:
    found = bin_numbers(np.array([2.0, np.nan, 1.0, 2.0, np.inf]))
    assert found.codes.tolist() == [1, 3, 0, 1, 2]
    assert (found.size, found.whole, found.words) == (4, True, ("1", "2", "inf", "missing"))
    assert found.codes.dtype == np.int16


def test_quantile_bins_are_even_and_ordered_and_a_frequent_value_has_its_own() -> None:
    values = np.concatenate([np.zeros(3000), RNG.normal(size=7000)])
    found = bin_numbers(values)
    assert found.size <= 32
    (own,) = set(found.codes[values == 0].tolist())
    assert (values[found.codes == own] == 0).all()
    others = np.delete(np.bincount(found.codes), own)
    assert others.max() < 2.5 * 7000 / 16
    order = np.argsort(values, kind="stable")
    assert (np.diff(found.codes[order]) >= 0).all()


@pytest.mark.parametrize("rows", [5, 40, 250_000])
def test_bins_of_any_number_of_rows(rows: int) -> None:
    values = RNG.normal(size=rows)
    found = bin_numbers(values, 16)
    assert len(np.unique(found.codes)) == found.size == min(rows, 16)
    assert len(found.words) == found.size


def test_a_rare_value_among_few_is_not_passed_over() -> None:
    values = np.zeros(300_000)
    values[100_001] = 5.0
    assert bin_numbers(values).words == ("0", "5")


def test_rare_words_share_a_bin() -> None:
    words = [f"w{i}" for i in range(50)]
    codes = np.concatenate([np.repeat(np.arange(3), 100), np.arange(3, 50), [-1, -1]])
    found = bin_words(codes, words, 4)
    assert found.words == ("w0", "w1", "w2", "47 other values", "missing")
    assert np.bincount(found.codes).tolist() == [100, 100, 100, 47, 2]
    assert not found.whole


def test_columns_without_any_value() -> None:
    assert bin_numbers(np.full(4, np.nan)).codes.tolist() == [1, 1, 1, 1]
    assert bin_words(np.full(4, -1), []).codes.tolist() == [0, 0, 0, 0]
    survey = survey_of({"v": np.full(30, np.nan), "w": [None] * 30, "x": np.arange(30) % 3})
    assert [c.size for c in bins_of(survey).columns] == [2, 1, 3]
    assert profile(survey, "v").distinct == profile(survey, "w").distinct == 0


def test_unlike_texts_are_binned_by_length() -> None:
    survey = survey_of({"t": [f"{i} " + "x" * (i % 5) for i in range(10, 99)]})
    survey.data.roles["t"] = "text"
    assert bin_column(survey, "t", bins=32).size == 5


# one column -----------------------------------------------------------------------------------------------------------


def test_folds_are_even_overall_and_in_each_class() -> None:
    labels = RNG.integers(0, 3, 1003)
    fold = folds(1003, labels)
    assert np.ptp(np.bincount(fold)) <= 1
    for c in range(3):
        assert np.ptp(np.bincount(fold[labels == c], minlength=5)) <= 1
    assert (fold == folds(1003, labels)).all()


def test_class_shares_are_those_of_the_other_folds() -> None:
    column, labels = bin_numbers(RNG.integers(0, 4, 300).astype(float)), RNG.integers(0, 3, 300)
    fold = folds(300)
    tallied = tally_classes(column, labels, 3, fold)
    found = predicted(column, tallied, fold)
    row = 17
    other = fold != fold[row]
    same = other & (column.codes == column.codes[row])
    prior = np.bincount(labels[other], minlength=3) / other.sum()
    expected = (np.bincount(labels[same], minlength=3) + prior) / (same.sum() + 1)
    assert np.allclose(found[row], expected)
    assert tallied.hits == int((found.argmax(axis=1) == labels).sum())
    assert tallied.rows == 300


def test_explained_share_is_that_of_the_predictions() -> None:
    x = RNG.normal(size=2000)
    y = 1e6 + x + RNG.normal(size=2000)
    column, fold = bin_numbers(x), folds(2000)
    tallied = tally_number(column, y, fold)
    rows = predicted(column, tallied, fold)[:, 0] + y.mean()
    assert tallied.explained == pytest.approx(explained(y, rows), abs=1e-9)
    assert 0.4 < tallied.explained < 0.5
    noise = tally_number(bin_numbers(RNG.normal(size=2000)), y, fold)
    assert -0.05 < noise.explained <= 0.005  # out of sample: nothing is learnt by heart


# all columns ----------------------------------------------------------------------------------------------------------


def test_additive_is_ridge_on_one_hot_bins() -> None:
    columns = [bin_numbers(RNG.normal(size=400), 6), bin_words(RNG.integers(-1, 5, 400), list("abcde"))]
    y, fold = RNG.normal(size=400) + columns[0].codes, folds(400)
    found = additive(bins(*columns), y, fold, penalty=3.0)
    x = np.concatenate([np.eye(c.size)[c.codes] for c in columns], axis=1)
    expected = np.empty(400)
    for f in range(5):
        train = fold != f
        middle = x[train].mean(axis=0)
        z = x[train] - middle
        w = np.linalg.solve(z.T @ z + 3.0 * np.eye(x.shape[1]), z.T @ (y[train] - y[train].mean()))
        expected[fold == f] = (x[fold == f] - middle) @ w + y[train].mean()
    assert np.allclose(found, expected, atol=1e-9)


def test_additive_takes_several_outputs_at_once() -> None:
    columns = [bin_numbers(RNG.normal(size=500)) for _ in range(3)]
    labels = (columns[0].codes > 15).astype(int)
    fold = folds(500, labels)
    both = additive(bins(*columns), one_hot(labels, 2), fold)
    assert np.allclose(both[:, 1], additive(bins(*columns), labels.astype(float), fold))
    assert (both.argmax(axis=1) == labels).mean() > 0.95


def test_wide_tables_are_cut_to_the_strongest_columns_fold_by_fold() -> None:
    rows, many = 1200, 200
    columns = [bin_numbers(RNG.normal(size=rows), 16) for _ in range(many)]
    assert sum(c.size for c in columns) > WIDEST
    y = columns[150].codes + RNG.normal(size=rows)
    assert explained(y, additive(bins(*columns), y, folds(rows))) > 0.7
    noise = RNG.normal(size=rows)  # chosen on the other folds alone: no skill out of nothing
    assert explained(noise, additive(bins(*columns), noise, folds(rows))) < 0.02


# formulas -------------------------------------------------------------------------------------------------------------

ROWS = 1000
A, B, C = (np.round(RNG.gamma(2, 10, ROWS), 2) for _ in range(3))


@pytest.mark.parametrize(
    ("target", "formula"),
    [
        (A + B, "a + b"),
        (A - B - C, "a - b - c"),
        (A + 7, "a + 7"),
        (-B, "-b"),
        (np.round(2.54 * A, 2), "2.54 × a"),
        (0.5 * A + 0.25 * B, "0.5 × a + 0.25 × b"),
        (A * B, "a × b"),
        (A / C, "a / c"),
    ],
)
def test_formulas_are_found(target: np.ndarray, formula: str) -> None:
    (found,) = relations(["a", "b", "c", "z"], np.stack([A, B, C, RNG.normal(size=ROWS)], axis=1), target)
    assert found.formula.startswith(formula)
    assert found.amounts == 1
    assert found.share >= 0.99


def test_formulas_with_missing_cells_and_many_columns() -> None:
    x = RNG.normal(size=(ROWS, 150)).round(3)
    x[:, 20] += 5
    y = x[:, 20] + x[:, 77]
    x[::10, 3] = np.nan
    (found,) = relations([f"x{i}" for i in range(150)], x, y)
    assert found.columns == ("x20", "x77")


@pytest.mark.parametrize(
    "target",
    [
        A + RNG.normal(size=ROWS),
        np.round(A) + RNG.integers(-2, 3, ROWS),
        RNG.integers(1, 6, ROWS).astype(float),
        np.round(A / 20),
        np.where(RNG.random(ROWS) < 0.99, np.round(A / 40), 9.0),
    ],
    ids=["noise", "whole noise", "ratings", "coarse", "mostly few values"],
)
def test_what_is_no_formula(target: np.ndarray) -> None:
    x = np.stack([A, B, C, np.round(A), RNG.integers(1, 6, ROWS)], axis=1)
    assert relations(["a", "b", "c", "d", "e"], x, target) == []


def test_rates_that_agree_in_most_rows_are_two_things() -> None:
    rate = np.where(RNG.random(ROWS) < 0.99, RNG.integers(0, 2, ROWS), RNG.random(ROWS).round(2))
    other = np.where((rate == 0) | (rate == 1), rate, RNG.random(ROWS).round(2))
    assert relations(["other"], other[:, None], rate) == []


# tests of two samples -------------------------------------------------------------------------------------------------


def test_p_values_are_those_of_the_tables() -> None:
    assert kolmogorov(1.358 / np.sqrt(5000), 10_000, 10_000) == pytest.approx(0.05, abs=0.003)
    assert chi_squared(np.array([[60.0, 40.0], [40.0, 60.0]])) == pytest.approx(0.0047, abs=0.001)
    table = np.array([[30.0, 30.0, 40.0], [30.0, 30.0, 40.0]])
    assert chi_squared(table) > 0.9


def test_p_values_are_uniform_where_nothing_differs() -> None:
    numbers, words = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=400)
        values[rng.random(400) < 0.1] = np.nan
        numbers.append(shift_of_numbers("x", values[:150], values[150:]).p)
        codes = rng.zipf(2, 400).clip(1, 60) - 2
        words.append(shift_of_words("w", codes[:150], codes[150:]).p)
    for p in (numbers, words):
        assert np.mean(np.array(p) < 0.05) < 0.09
        assert np.mean(np.array(p) < 0.5) < 0.6


def test_shares_of_missing_cells_count() -> None:
    a, b = RNG.normal(size=500), np.where(RNG.random(500) < 0.4, np.nan, RNG.normal(size=500))
    found = shift_of_numbers("x", a, b)
    assert found.distance > 0.3
    assert found.p < 1e-10


# words ----------------------------------------------------------------------------------------------------------------


def test_values_in_words() -> None:
    assert [say(v) for v in (500001, 0.25, -3.0, 1234567.5)] == ["500,001", "0.25", "-3", "1,234,567.5"] or say(
        1234567.5
    ) == "1.23457e+06"
    assert say(86400.0, "time") == "1970-01-02"
    assert listed("abcdefgh") == "a, b, c, d, e and 3 more"
    assert (listed("ab"), listed("a"), listed("")) == ("a and b", "a", "")
    assert (plural(1, "row"), plural(2000, "class", "classes")) == ("1 row", "2,000 classes")
    assert [decimals(np.array(v)) for v in ([1.0, 2.0], [0.25, 1.5], [1 / 3])] == [0, 2, None]
