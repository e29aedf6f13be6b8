"""Real data sets with known defects: one command each, and what it must say of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from trainloud.cli import main

Shared = Callable[[str], Path]


def inspected(tmp_path: Path, *words: str, code: tuple[int, ...] = (0, 1)) -> dict[str, Any]:
    """findings.json of one command without probes, with the findings by name under "by"."""
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["inspect", *words, "--no-probes", "--no-cache", "--quiet", "--out", str(out)])
    assert done.exit_code in code, done.output
    told = json.loads((out / "findings.json").read_text())
    failed = [c for c in told["checks"] if "inspector itself failed" in c["reason"]]
    assert not failed, failed
    assert (out / "report.html").stat().st_size < 2_000_000
    return told | {"by": {f["fault"]: f for f in told["findings"]}}


def names(exhibit: dict[str, Any]) -> set[str]:
    return {e["name"] for e in exhibit["examples"]}


def serious(told: dict[str, Any]) -> list[str]:
    return [f["fault"] for f in told["findings"] if f["severity"] != "note"]


def test_flowers_has_six_exact_groups_four_of_them_with_two_labels(tmp_path: Path, shared: Shared) -> None:
    known = json.loads(shared("known_defects.json").read_text())["images/flowers5_128px.zip"]
    told = inspected(tmp_path, str(shared("images/flowers5_128px.zip")))
    groups = [set(g) for g in known["exact_duplicate_groups"]]
    found = [names(e) for e in told["by"]["duplicate-examples"]["exhibits"]]
    assert sorted(map(sorted, found)) == sorted(map(sorted, groups))
    contradicting = [names(e) for e in told["by"]["contradicting-labels"]["exhibits"]]
    assert sorted(map(sorted, contradicting)) == sorted(sorted(g) for g in groups if any("rose" in n for n in g))
    assert "flowers/.DS_Store" in told["by"]["stray-files"]["measured"]
    assert told["findings"][0]["fault"] == "contradicting-labels"


def test_the_placeholder_among_the_ants_is_found(tmp_path: Path, shared: Shared) -> None:
    told = inspected(tmp_path, str(shared("images/hymenoptera.zip")))
    odd = told["by"]["odd-format-out"]
    assert names(odd["exhibits"][0]) == {"hymenoptera_data/train/ants/imageNotFound.gif"}
    assert "duplicate-examples" not in told["by"] and "undecodable-files" not in told["by"]
    assert told["data"]["splits"] == {"train": 201, "val": 118}


def test_sound_pictures_raise_nothing_serious(tmp_path: Path, shared: Shared) -> None:
    told = inspected(tmp_path, str(shared("images/isbi2012_membrane.zip")))
    assert told["data"]["task"] == "segmentation" and not serious(told)


@pytest.mark.slow
def test_fashion_mnist_has_no_exact_duplicate(tmp_path: Path, shared: Shared) -> None:
    told = inspected(tmp_path, str(shared("images/fashion-mnist/train-images-idx3-ubyte.gz").parent))
    assert told["data"]["splits"] == {"train": 60_000, "test": 10_000}
    assert not {"duplicate-examples", "train-validation-leak", "contradicting-labels"} & set(told["by"])
    near = {"near-duplicates", "near-duplicates-across-splits"}  # a few garments were photographed twice
    assert not set(serious(told)) - near
    assert len(told["by"]["near-duplicates-across-splits"]["exhibits"]) < 20


@pytest.mark.parametrize(
    ("table", "target", "columns"),
    [
        ("titanic_seaborn.csv", "survived", {"alive"}),
        ("nyc_taxis.csv", "fare", {"total"}),
        ("bike_sharing_hour.csv", "cnt", {"casual", "registered"}),
    ],
)
def test_planted_leaks_are_named_first(
    tmp_path: Path, shared: Shared, table: str, target: str, columns: set[str]
) -> None:
    told = inspected(tmp_path, str(shared(f"tables/{table}")), "--target", target)
    first = told["findings"][0]
    assert first["fault"] == "target-leaks-into-features"
    head = first["measured"].split(" is ")[0]
    assert all(column in head for column in columns), first["measured"]


def test_adult(tmp_path: Path, shared: Shared) -> None:
    train, test = shared("tables/adult_train.csv.gz"), shared("tables/adult_test.csv.gz")
    told = inspected(tmp_path, str(train), "--test", str(test))
    by = told["by"]
    assert by["train-validation-leak"]["measured"].startswith("26 of 16,281 test examples")
    assert '"<=50K" and "<=50K."' in by["label-map-differs-between-splits"]["measured"]
    missing = by["disguised-missing-values"]
    assert "4,262 in train and 2,203 in test" in missing["measured"]
    assert "column 3 = column 4" in by["redundant-columns"]["measured"]
    assert told["findings"][0]["fault"] == "label-map-differs-between-splits"


def test_kddcup(tmp_path: Path, shared: Shared) -> None:
    told = inspected(tmp_path, str(shared("tables/kddcup99_10_percent.csv.gz")))
    assert told["data"]["splits"] == {"": 494_021}
    assert len(told["data"]["classes"]) == 23
    measured = told["by"]["duplicate-examples"]["measured"]
    assert int(measured.split(" of ")[0].replace(",", "")) >= 348_435


@pytest.mark.parametrize(
    ("words", "fault", "needle"),
    [
        (("tables/california_housing.csv", "--target", "median_house_value"), "capped-values", "965 cells"),
        (("tables/california_housing.csv", "--target", "median_house_value"), "missing-values", "207"),
        (("tables/telco_churn.csv", "--target", "Churn"), "disguised-missing-values", "TotalCharges (11)"),
        (("tables/telco_churn.csv", "--target", "Churn"), "identifier-columns", "customerID"),
        (("tables/beijing_pm25.csv.gz", "--target", "pm2.5"), "target-missing", "2,067 of 43,824"),
        (("tables/winequality-red.csv",), "duplicate-examples", "240 of 1,599"),
        (("tables/winequality-white.csv",), "duplicate-examples", "937 of 4,898"),
        (("tables/titanic_kaggle_train.csv", "--target", "Survived"), "missing-values", "866 of"),
        (("text/sms_spam.tsv",), "duplicate-examples", "403 of 5,574"),
        (("text/makemore_names.txt",), "repeated-lines", "2,539 of 32,033"),
    ],
)
def test_known_numbers(tmp_path: Path, shared: Shared, words: tuple[str, ...], fault: str, needle: str) -> None:
    told = inspected(tmp_path, str(shared(words[0])), *words[1:])
    assert needle in told["by"][fault]["measured"]


@pytest.mark.parametrize(
    ("words", "kind", "task"),
    [
        (("tables/flights_200k.parquet", "--target", "delay"), "table", "number"),
        (("text/ag_news_test.csv",), "text", "classes"),
        (("text/tinyshakespeare.txt",), "characters", "none"),
        (("sequence/ETTh1.csv",), "series", "forecast"),
    ],
)
def test_sound_data_raises_nothing_serious(
    tmp_path: Path, shared: Shared, words: tuple[str, ...], kind: str, task: str
) -> None:
    told = inspected(tmp_path, str(shared(words[0])), *words[1:])
    assert (told["data"]["kind"], told["data"]["task"]) == (kind, task)
    assert not serious(told)


@pytest.mark.parametrize("name", ["ItalyPowerDemand", "JapaneseVowels"])
def test_sound_series_raise_nothing_serious(tmp_path: Path, shared: Shared, name: str) -> None:
    train, test = shared(f"sequence/{name}_TRAIN.ts"), shared(f"sequence/{name}_TEST.ts")
    told = inspected(tmp_path, str(train), "--test", str(test))
    assert told["data"]["kind"] == "series" and told["data"]["task"] == "classes"
    assert not serious(told)
