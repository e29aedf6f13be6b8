"""Sound tables of many kinds: no inspector of columns or of splits may raise an alarm on them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from data.made_tables import asked, survey_of
from trainloud.data.inspector import inspectors

Made = tuple[Mapping[str, Any], str, str]
"""Columns, target, column of time."""
Rng = np.random.Generator
SOUND: dict[str, Callable[[Rng], Made]] = {}


def sound(make: Callable[[Rng], Made]) -> Callable[[Rng], Made]:
    SOUND[make.__name__] = make
    return make


def chance(z: np.ndarray, r: Rng) -> np.ndarray:
    """Labels with log-odds z."""
    return np.where(r.random(len(z)) < 1 / (1 + np.exp(-z)), "yes", "no")


def numbered(x: np.ndarray, name: str = "x") -> dict[str, np.ndarray]:
    return {f"{name}{i}": x[:, i] for i in range(x.shape[1])}


DAY = np.datetime64("2020-01-01")


@sound
def mixed_types(r: Rng) -> Made:
    n = 3000
    x, city = r.normal(size=n), r.choice(list("abcde"), n)
    height = np.where(r.random(n) < 0.05, np.nan, np.round(170 + 30 * x, 1))
    y = chance(x + (city == "a"), r)
    return (
        {"height": height, "city": city, "kids": r.poisson(3, n), "joined": DAY + r.integers(0, 700, n), "y": y},
        "y",
        "",
    )


@sound
def heavy_tails(r: Rng) -> Made:
    x = r.lognormal(3, 2, 5000)
    return {"income": np.round(x, 2), "size": r.pareto(1.2, 5000), "y": np.log(x) + r.normal(size=5000)}, "y", ""


@sound
def ordinal_answers(r: Rng) -> Made:
    q = r.normal(size=2000)
    asked_ = {f"q{i}": np.clip(np.round(3 + q + r.normal(size=2000)), 1, 5) for i in range(10)}
    return asked_ | {"overall": np.clip(np.round(3 + q + 0.5 * r.normal(size=2000)), 1, 5)}, "overall", ""


@sound
def sixty_rows(r: Rng) -> Made:
    x = r.normal(size=(60, 6))
    return numbered(x) | {"age": r.integers(20, 70, 60), "y": chance(2 * x[:, 0], r)}, "y", ""


@sound
def sixty_rows_of_prices(r: Rng) -> Made:
    x = np.round(r.normal(size=(60, 4)), 2)
    return numbered(x) | {"price": np.round(100 + 10 * x[:, 0] + 5 * r.normal(size=60))}, "price", ""


@sound
def a_million_rows(r: Rng) -> Made:
    n = 1_000_000
    x = r.normal(size=n)
    return (
        {"a": x, "b": np.round(x * 50 + r.normal(size=n) * 90), "c": r.integers(0, 50, n), "y": x + r.normal(size=n)},
        "y",
        "",
    )


@sound
def many_rare_words(r: Rng) -> Made:
    p = 1 / np.arange(1, 3001)
    tag = np.array([f"word{i}" for i in range(3000)])[r.choice(3000, 4000, p=p / p.sum())]
    return {"tag": tag, "x": r.normal(size=4000), "y": chance(np.full(4000, -0.4), r)}, "y", ""


@sound
def a_nearly_perfect_legitimate_test(r: Rng) -> Made:
    x = r.normal(size=4000)
    return {"test": x, "a": r.normal(size=4000), "b": r.choice(list("xyz"), 4000), "ill": chance(40 * x, r)}, "ill", ""


@sound
def a_nearly_perfect_legitimate_number(r: Rng) -> Made:
    x = r.normal(170, 10, 4000)
    return {"size": x, "a": r.normal(size=4000), "y": x + r.normal(size=4000) * 0.3}, "y", ""


@sound
def a_good_forecast_in_whole_numbers(r: Rng) -> Made:
    x = np.round(r.normal(1000, 100, 4000))
    return {"forecast": x, "a": r.normal(size=4000), "y": x + r.integers(-3, 4, 4000)}, "y", ""


@sound
def lags_of_a_random_walk(r: Rng) -> Made:
    walk = np.cumsum(r.normal(size=5010))
    lags = {f"lag{k}": walk[10 - k : -k] for k in (1, 2, 3, 7)}
    lags["mean3"] = (lags["lag1"] + lags["lag2"] + lags["lag3"]) / 3
    return {"hour": (DAY.astype("M8[h]") + np.arange(5000)), **lags, "y": walk[10:]}, "y", "hour"


@sound
def one_in_a_hundred(r: Rng) -> Made:
    x = r.normal(size=(20_000, 5))
    return numbered(x) | {"flag": (r.random(20_000) < 0.01) * 1, "y": chance(2 * x[:, 0] - 6, r)}, "y", ""


@sound
def zero_inflated_amounts(r: Rng) -> Made:
    n = 5000
    loss = np.where(r.random(n) < 0.7, 0, r.lognormal(4, 1, n).round(2))
    rent = np.where(r.random(n) < 0.5, 0, r.normal(1500, 100, n).round())
    return {"loss": loss, "rent": rent, "age": r.integers(18, 90, n), "y": loss / 10 + r.normal(size=n) * 10}, "y", ""


@sound
def bounded_scales(r: Rng) -> Made:
    n = 3000
    filled, rate = np.clip(r.normal(80, 25, n), 0, 100).round(1), r.beta(0.3, 0.3, n).round(2)
    grade = np.clip(np.round(r.normal(14, 5, n)), 0, 20)
    return (
        {"filled": filled, "rate": rate, "grade": grade, "hour": r.integers(0, 24, n), "y": r.normal(size=n)},
        "y",
        "",
    )


@sound
def counts(r: Rng) -> Made:
    n = 5000
    few = {"visits": r.zipf(2.5, n), "clicks": r.poisson(0.3, n), "tries": r.geometric(0.7, n)}
    return few | {"views": r.negative_binomial(1, 0.001, n), "y": r.poisson(5, n)}, "y", ""


@sound
def one_hot_columns(r: Rng) -> Made:
    c = r.integers(0, 6, 3000)
    y = chance((c > 2) * 2 - 1 + r.normal(size=3000), r)
    return {f"is_{i}": (c == i) * 1 for i in range(6)} | {"x": r.normal(size=3000), "y": y}, "y", ""


@sound
def truth_values(r: Rng) -> Made:
    return {f"b{i}": r.random(800) < 0.5 for i in range(6)} | {"y": r.random(800) < 0.4}, "y", ""


@sound
def rows_sorted_by_class(r: Rng) -> Made:
    x = (r.normal(size=(1500, 3)) + np.repeat([0, 1, 2], 500)[:, None]).round(1)
    return numbered(x) | {"kind": np.repeat(list("abc"), 500)}, "kind", ""


@sound
def rows_sorted_by_a_whole_number(r: Rng) -> Made:
    area = np.sort(r.integers(20, 300, 1000))
    price = np.round(area * 1000 + r.normal(size=1000) * 40_000, -3)
    return {"area": area, "rooms": r.integers(1, 8, 1000), "price": price}, "price", ""


@sound
def more_columns_than_rows(r: Rng) -> Made:
    x = r.normal(size=(200, 400))
    return numbered(x, "gene") | {"y": chance(x[:, 0], r)}, "y", ""


@sound
def years(r: Rng) -> Made:
    output = np.cumsum(np.abs(r.normal(size=120))).round(2)
    return (
        {
            "year": np.arange(1900, 2020),
            "warmth": r.normal(size=120).round(2),
            "output": output,
            "y": r.normal(size=120),
        },
        "y",
        "",
    )


@sound
def no_target(r: Rng) -> Made:
    return {"a": r.normal(size=500), "b": r.choice(list("pq"), 500)}, "", ""


@sound
def houses(r: Rng) -> Made:
    n = 4000
    place = {"lat": r.uniform(40, 41, n).round(4), "lon": r.uniform(-74, -73, n).round(4)}
    return place | {"beds": r.integers(1, 6, n), "price": np.round(np.exp(r.normal(12, 0.5, n)), -3)}, "price", ""


@sound
def flowers(r: Rng) -> Made:
    k = np.repeat([0, 1, 2], 50)
    petal = np.round(np.array([1.5, 4.3, 5.5])[k] + r.normal(0, 0.4, 150) * np.array([0.4, 1.1, 1.3])[k], 1)
    sepal = np.round(np.array([5, 5.9, 6.6])[k] + r.normal(0, 0.35, 150), 1)
    return (
        {"sepal": sepal, "petal": petal, "species": np.array(["setosa", "versicolor", "virginica"])[k]},
        "species",
        "",
    )


@sound
def prices_by_day(r: Rng) -> Made:
    n = 2500
    close = 100 * np.exp(np.cumsum(r.normal(0, 0.01, n)))
    opened = np.r_[100, close[:-1]] * np.exp(r.normal(0, 0.002, n))
    volume = np.round(r.lognormal(15, 0.5, n))
    return (
        {"day": DAY + np.arange(n), "open": opened.round(2), "volume": volume, "close": close.round(2)},
        "close",
        "day",
    )


@sound
def sensors(r: Rng) -> Made:
    base = r.normal(size=4000)
    read = {f"s{i}": np.round(20 + base + 0.3 * r.normal(size=4000), 2) for i in range(8)}
    return read | {"volt": r.choice([0, 228, 229, 230, 231, 232], 4000), "fail": chance(2 * base - 2, r)}, "fail", ""


@sound
def comments(r: Rng) -> Made:
    words = np.array(["red", "green", "blue", "cat", "dog", "house", "tree", "sky", "sea"])
    said = [" ".join(r.choice(words, 6)) for _ in range(600)]
    return {"comment": said, "stars": r.integers(1, 6, 600).astype(str), "x": r.normal(size=600)}, "stars", ""


@sound
def clusters(r: Rng) -> Made:
    k = r.integers(0, 3, 500)
    return (
        numbered(np.array([[0, 0], [9, 9], [0, 9]])[k] + r.normal(size=(500, 2))) | {"kind": k.astype(str)},
        "kind",
        "",
    )


@sound
def clusters_along_one_axis(r: Rng) -> Made:
    k = r.integers(0, 2, 2000)
    return (
        {"u": 12 * k + r.normal(size=2000), "v": 2 * k + r.normal(size=2000), "kind": np.array(["a", "b"])[k]},
        "kind",
        "",
    )


@sound
def an_easy_task(r: Rng) -> Made:
    k = r.integers(0, 2, 2000)
    return numbered(6.5 * k[:, None] + r.normal(size=(2000, 6))) | {"kind": np.array(["a", "b"])[k]}, "kind", ""


@sound
def an_easy_sum(r: Rng) -> Made:
    x = r.normal(size=(3000, 8)) + 3 * r.normal(size=(3000, 1))
    return numbered(x) | {"y": x.sum(axis=1) + r.normal(size=3000) * 0.1}, "y", ""


@sound
def birthdays(r: Rng) -> Made:
    born = np.datetime64("1960-01-01") + r.integers(0, 15_000, 900)
    return {"born": born, "height": r.normal(170, 10, 900).round(), "y": chance(np.full(900, -0.8), r)}, "y", ""


def alarms(columns: Mapping[str, Any], target: str, time: str, split: np.ndarray | None) -> list[str]:
    survey = survey_of(columns, target, split, time=time)
    told = []
    for fault, entry in inspectors().items():
        if entry.family in ("tables", "splits") or fault in ("split-drift", "unseen-categories"):
            found = asked(fault, survey)
            if found.outcome == "fired" and found.severity != "note":
                told.append(f"{found.severity} {fault}: {found.measured}")
    return told


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_alarm(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns, target, time = SOUND[name](rng)
    if name == "a_million_rows" and seed:
        pytest.skip("once is enough")
    assert alarms(columns, target, time, None) == []
    rows = len(next(iter(columns.values())))
    by_time = np.arange(rows) >= 0.7 * rows
    assert alarms(columns, target, time, (by_time if time else rng.random(rows) < 0.3).astype(int)) == []
