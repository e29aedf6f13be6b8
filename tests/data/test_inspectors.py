"""Every inspector fires on its bad data and passes on its good data, asked as a person would ask."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from trainloud.cli import main
from trainloud.core.check import SECTIONS
from trainloud.data.inspector import Entry, Inspector, inspectors, questions

ENTRIES = list(inspectors().values())
each = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.item.fault)


def asked(entry: Entry, program: str, folder: Path) -> dict:
    """The entry of this inspector in findings.json, after its data was written and inspected."""
    folder.mkdir()
    words = getattr(entry.module, program)(folder)
    out = folder / "out"
    words = [str(folder / w) if (folder / w).exists() else w for w in words]
    done = CliRunner().invoke(
        main, ["inspect", *words, "--select", entry.item.fault, "--out", str(out), "--no-cache", "--quiet"]
    )
    assert done.exit_code in (0, 1, 3), done.output
    told = json.loads((out / "findings.json").read_text())
    (check,) = told["checks"]
    return check | {"findings": told["findings"]}


@each
def test_fires_on_its_bad_data(entry: Entry, tmp_path: Path) -> None:
    told = asked(entry, "bad", tmp_path / "bad")
    assert told["outcome"] == "fired", told
    (finding,) = told["findings"]
    assert any(c.isdigit() for c in finding["measured"]), "a finding without the number that proves it"
    assert finding["expected"] and finding["remedy"]


@each
def test_passes_on_its_good_data(entry: Entry, tmp_path: Path) -> None:
    told = asked(entry, "good", tmp_path / "good")
    assert told["outcome"] == "passed", told


@each
def test_file_says_all_that_it_must(entry: Entry) -> None:
    assert isinstance(entry.item, Inspector)
    assert entry.explanation.question.endswith("?")
    for name in SECTIONS:
        assert len(entry.explanation.section(name)) > 10, f"section {name!r} is missing or empty"
    assert entry.module.__name__.rsplit(".", 1)[1] == entry.item.fault.replace("-", "_")
    assert (entry.item.basis, entry.item.severity) != ("heuristic", "error")
    source = Path(entry.module.__file__ or "").read_text()
    places = [source.index(mark) for mark in ('"""', "\ndef judge(", "\nINSPECTOR = ", "\ndef bad(", "\ndef good(")]
    assert places == sorted(places)


@pytest.mark.parametrize("entry", list(questions().values()), ids=lambda e: e.item.name)
def test_question_says_all_that_it_must(entry: Entry) -> None:
    assert entry.explanation.question.endswith("?")
    for name in SECTIONS:
        assert len(entry.explanation.section(name)) > 10, f"section {name!r} is missing or empty"
