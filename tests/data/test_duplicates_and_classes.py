"""Copies, leaks and contradictions are told from rows that chance makes equal; classes are counted split by split."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_iris

from trainloud.core.finding import Finding
from trainloud.core.inspection import Recognised
from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.inspector import inspectors, judge
from trainloud.data.measure import measure
from trainloud.data.methods.repeats import chance, poisson_bound
from trainloud.data.methods.spelling import same_spelling
from trainloud.data.survey import Survey


def table(columns: dict[str, Sequence], splits: dict[str, int] | None = None) -> Survey:
    """A table whose last column is the target, a class; `splits` are names and rows in order."""
    target = list(columns)[-1]
    made, roles = {}, {}
    for name, values in columns.items():
        numbers = name != target and np.asarray(values).dtype.kind in "fiu"
        roles[name] = "number" if numbers else "category"
        made[name] = pa.array(np.asarray(values, float)) if numbers else pa.array(list(values)).dictionary_encode()
    n = len(columns[target])
    sizes = splits or {"": n}
    data = Dataset(
        Recognised("table", "classes", target),
        pa.table(made),
        np.repeat(np.arange(len(sizes)), list(sizes.values())).astype(np.int16),
        tuple(sizes),
        "",
        lambda row: f"row {row}",
        roles=roles,  # type: ignore[arg-type]
    )
    return Survey(data, measure(data, Limits(), Cache(""), lambda *_: None))


def texts(words: Sequence[str], labels: Sequence[str]) -> Survey:
    data = Dataset(
        Recognised("text", "classes", "label"),
        pa.table(
            {"text": pa.array(list(words), pa.large_string()), "label": pa.array(list(labels)).dictionary_encode()}
        ),
        np.zeros(len(words), np.int16),
        ("",),
        "",
        lambda row: f"row {row}",
        roles={"text": "text", "label": "category"},
        text="text",
    )
    return Survey(data, measure(data, Limits(), Cache(""), lambda *_: None))


def asked(name: str, of: Survey) -> Finding:
    return judge(inspectors()[name], of)


def fine(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns of which no two rows are equal by chance."""
    rng = np.random.default_rng(seed)
    return {
        "a": rng.normal(size=n).round(4),
        "b": rng.normal(size=n).round(4),
        "c": rng.integers(0, 50, n),
        "d": rng.integers(0, 50, n),
        "y": np.array(["no", "yes"])[rng.integers(0, 2, n)],
    }


def coarse(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns whose few values repeat by chance; they depend on each other."""
    rng = np.random.default_rng(seed)
    hidden = rng.integers(0, 4, n)
    columns = {name: (hidden + rng.integers(0, 5, n)) % 6 for name in "abcde"}
    return columns | {"y": np.array(["no", "yes"])[rng.integers(0, 2, n)]}


def test_copies_are_a_warning() -> None:
    columns = fine(1000)
    for values in columns.values():
        values[500:520] = values[:20]
    told = asked("duplicate-examples", table(columns))
    assert told.severity == "warning"
    assert told.measured == "20 of 1,000 examples (2.00%) repeat another of the same split, in 20 groups of up to 2"
    assert sorted(told.evidence["members"]) == [[i, 500 + i] for i in range(20)]


def test_a_single_copy_in_thousands_is_a_note() -> None:
    columns = fine(5000)
    for values in columns.values():
        values[1] = values[0]
    told = asked("duplicate-examples", table(columns))
    assert told.severity == "note" and "1 of 5,000 examples (0.02%) repeats another" in told.measured


def test_a_lone_pair_in_a_small_coarse_table_is_told_as_chance() -> None:
    """Flowers measured to a tenth: of 150 one is met twice, and about one such pair is chance. Split at random it lies
    across now and then, where the few near pairs across alone tell nothing of chance."""
    iris = load_iris()
    y = np.array(["setosa", "versicolor", "virginica"])[iris.target]
    told = []
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(150)
        columns = {f"c{i}": iris.data[order, i] for i in range(4)} | {"y": y[order]}
        told.append(asked("train-validation-leak", table(columns, {"train": 112, "test": 38})))
    assert {t.severity for t in told if t.outcome == "fired"} == {"note"}
    copied = fine(150)
    for values in copied.values():
        values[149] = values[0]
    assert asked("train-validation-leak", table(copied, {"train": 112, "test": 38})).severity == "error"


@pytest.mark.parametrize("seed", range(5))
def test_coarse_tables_repeat_by_chance(seed: int) -> None:
    of = table(coarse(2000, seed), {"train": 1500, "val": 500})
    inside, across = chance(of, False), chance(of, True)
    assert inside.pairs > 50 and across.pairs > 50
    assert inside.expected == pytest.approx(inside.pairs, rel=0.35)
    assert across.expected == pytest.approx(across.pairs, rel=0.35)
    for name in ("duplicate-examples", "train-validation-leak", "contradicting-labels"):
        told = asked(name, of)
        assert told.severity == "note" and "chance alone" in told.measured, told


def test_pairs_are_counted_inside_and_across_the_splits() -> None:
    columns = coarse(300)
    rows = np.stack([columns[c] for c in "abcde"], axis=1)
    equal = np.triu((rows[:, None] == rows[None]).all(axis=2), 1)
    of = table(columns, {"train": 200, "val": 60, "test": 40})
    same = of.split[:, None] == of.split[None]
    assert chance(of, False).pairs == (equal & same).sum()
    assert chance(of, True).pairs == (equal & ~same).sum()


@pytest.mark.parametrize("seed", range(5))
def test_copies_in_a_table_are_not_taken_for_chance(seed: int) -> None:
    columns = fine(2000, seed)
    for values in columns.values():
        values[1700:1800] = values[:100]
    of = table(columns, {"train": 1500, "val": 500})
    assert chance(of, True).pairs == 100
    assert chance(of, True).expected < 1
    told = asked("train-validation-leak", of)
    assert told.severity == "error"
    assert (
        "100 of 500 val examples (20.00%) stand in train too; chance alone would make about 0 of the 100"
        in told.measured
    )
    assert told.evidence["leaked"] == {"val in train": 100}


def test_tables_of_few_columns_repeat_by_nature() -> None:
    columns = {k: v for k, v in coarse(500).items() if k in "ab" or k == "y"}
    told = asked("duplicate-examples", table(columns))
    assert told.severity == "note" and "no more than 3 columns repeats its rows by nature" in told.measured


def test_a_leak_is_found_whatever_the_labels_are_called() -> None:
    columns = fine(1000)
    for name in "abcd":
        columns[name][900:905] = columns[name][:5]
    columns["y"] = np.array([f"{y}." if i >= 800 else y for i, y in enumerate(columns["y"])])
    of = table(columns, {"train": 800, "test": 200})
    told = asked("train-validation-leak", of)
    assert told.severity == "error" and "5 of 200 test examples (2.50%) stand in train too" in told.measured
    missing = asked("class-missing-in-split", of)
    assert missing.severity == "error" and "spelled otherwise: 'no.' for 'no' and 'yes.' for 'yes'" in missing.measured
    # The copies have equal labels or not by the draw; another spelling alone contradicts nothing.
    same = columns["y"][:5] == np.array([y.rstrip(".") for y in columns["y"][900:905]])
    contradicting = asked("contradicting-labels", of)
    assert contradicting.evidence["groups"] == (~same).sum()


def test_few_leaked_rows_are_a_warning() -> None:
    columns = fine(2000)
    for values in columns.values():
        values[1500:1503] = values[:3]
    told = asked("train-validation-leak", table(columns, {"train": 1000, "val": 1000}))
    assert told.severity == "warning" and "3 of 1,000 val examples (0.30%)" in told.measured


def test_every_pair_of_splits_is_compared() -> None:
    columns = fine(900)
    for values in columns.values():
        values[700] = values[400]
    told = asked("train-validation-leak", table(columns, {"train": 300, "val": 300, "test": 300}))
    assert told.evidence["leaked"] == {"test in val": 1}
    assert asked("train-validation-leak", table(fine(900))).outcome == "unknown"


def test_short_texts_repeat_without_being_copied() -> None:
    long = [f"a message of more than forty characters, number {i} of all" for i in range(200)]
    labels = ["ham", "spam"] * 101
    told = asked("duplicate-examples", texts([*long, "ok", "ok"], labels))
    assert told.severity == "note" and "1 of them are texts of under 40 characters" in told.measured
    assert asked("contradicting-labels", texts([*long, "ok", "ok"], labels)).severity == "note"
    copied = texts([*long, long[0], long[1]], labels)
    assert asked("duplicate-examples", copied).severity == "warning"
    told = asked("contradicting-labels", texts([*long, long[0], long[0]], labels))
    assert told.severity == "error"
    assert told.exhibits[0].caption == "equal, labelled ham (2) and spam (1)"


def test_contradictions_in_a_table() -> None:
    columns = fine(500)
    for values in columns.values():
        values[400] = values[0]
    columns["y"][0], columns["y"][400] = "no", "yes"
    told = asked("contradicting-labels", table(columns))
    assert told.severity == "warning"
    assert "2 of 500 examples (0.40%) are equal to another with another label, in 1 group" in told.measured


def test_spellings() -> None:
    assert same_spelling((">50K", " >50k. ", "<=50K", "1.5", "15", "!", "New York", "new  york")).tolist() == (
        [0, 0, 2, 3, 4, 5, 6, 6]
    )


def labelled(counts: dict[str, dict[str, int]]) -> Survey:
    """Rows of classes by split."""
    words = [c for classes in counts.values() for c, k in classes.items() for _ in range(k)]
    sizes = {split: sum(classes.values()) for split, classes in counts.items()}
    return table({"x": np.arange(len(words)) * 0.7, "y": words}, sizes)


def test_imbalance_in_numbers() -> None:
    told = asked("class-imbalance", labelled({"train": {"a": 90, "b": 10}, "val": {"a": 60, "b": 40}}))
    assert told.severity == "note"
    assert (
        "the largest of 2 classes (a: 90) has 9 times as many training examples as the smallest (b: 10)"
        in told.measured
    )
    assert "an accuracy of 90.0% and of 60.0% in val (50.2% to 69.1%)" in told.measured
    fraud = asked("class-imbalance", labelled({"": {"a": 9970, "b": 30}}))
    assert fraud.severity == "note" and "accuracy of 99.7%, so that accuracy is no measure here" in fraud.measured
    rare = asked("class-imbalance", labelled({"": {"a": 50, "b": 50, "c": 3}}))
    assert rare.severity == "warning" and "1 class has fewer than 5 examples: c" in rare.measured
    sound = asked("class-imbalance", labelled({"": {"a": 30, "b": 50}}))
    assert sound.outcome == "passed"
    even = asked("class-imbalance", labelled({"": {"a": 3, "b": 3, "c": 3}}))
    assert even.outcome == "passed" and "each of 3 classes has 3 training examples" in even.measured


def test_one_class() -> None:
    told = asked("only-one-class", labelled({"train": {"a": 90}, "val": {"a": 5, "b": 5}}))
    assert told.severity == "error"
    assert told.measured == "all 90 training examples have the label a: there is nothing to learn"
    assert asked("only-one-class", labelled({"": {"a": 9, "b": 1}})).outcome == "passed"


def test_classes_missing_from_a_split() -> None:
    new = asked("class-missing-in-split", labelled({"train": {"a": 90, "b": 9}, "val": {"a": 9, "b": 5, "c": 5}}))
    assert new.severity == "error"
    assert "5 of 19 examples in val have 1 class that the training split does not hold: 'c'" in new.measured
    gone = asked("class-missing-in-split", labelled({"train": {"a": 50, "b": 50}, "val": {"a": 20}}))
    assert gone.severity == "warning" and "1 class missing from val: 'b'" in gone.measured
    rare = asked("class-missing-in-split", labelled({"train": {"a": 500, "b": 2}, "val": {"a": 50}}))
    assert rare.severity == "note" and "with a probability of 0.83" in rare.measured
    sound = asked("class-missing-in-split", labelled({"train": {"a": 5, "b": 2}, "val": {"a": 5, "b": 1}}))
    assert sound.outcome == "passed"


def test_the_bound_of_chance_ends_for_every_mean() -> None:
    assert [poisson_bound(m, 0.99) for m in (0.0, 1.0, 10.0)] == [0, 4, 18]
    near = [poisson_bound(m, 0.99) for m in (499.0, 501.0, 746.0, 966.0, 1001.0)]
    assert near == sorted(near) and all(m < b < 1.2 * m for m, b in zip((499, 501, 746, 966, 1001), near, strict=True))
