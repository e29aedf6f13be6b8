"""What every check has in common."""

import inspect
import re
from pathlib import Path

import pytest

from trainloud.checks.catalogue import Entry, catalogue, vocabulary
from trainloud.core.check import SECTIONS, Runs
from trainloud.core.trace import Trace

ENTRIES = list(catalogue().values())
each = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.check.fault)


@each
def test_docstring_has_a_question_and_every_section(entry: Entry):
    explanation = entry.explanation
    assert explanation.question.endswith("?"), explanation.question
    for name in SECTIONS:
        assert len(explanation.section(name)) > 10, f"section {name!r} is missing or empty"


@each
def test_file_is_named_after_the_fault(entry: Entry):
    assert entry.module.__name__.rsplit(".", 1)[1] == entry.check.fault.replace("-", "_")


@each
def test_heuristic_is_never_an_error(entry: Entry):
    assert (entry.check.basis, entry.check.severity) != ("heuristic", "error")


@each
def test_programs_are_there_and_differ(entry: Entry):
    assert callable(entry.module.bad)
    assert callable(entry.module.good)
    bad, good = (inspect.getsource(f).split("\n", 1)[1] for f in (entry.module.bad, entry.module.good))
    assert bad != good


@each
def test_order_of_the_file(entry: Entry):
    source = Path(entry.module.__file__).read_text()
    places = [source.index(mark) for mark in ('"""', "\ndef judge(", "\nCHECK = ", "\ndef bad(", "\ndef good(")]
    assert places == sorted(places)


@each
def test_torch_is_imported_by_the_programs_only(entry: Entry):
    assert not re.search(r"^(?:import|from) torch", Path(entry.module.__file__).read_text(), re.M)


@each
def test_an_empty_trace_is_unknown(entry: Entry):
    found = entry.check.judge(Runs(Trace([]), {n: Trace([]) for n in entry.check.needs}))
    assert found.outcome == "unknown", found
    assert found.measured


@each
def test_symptoms_are_other_known_faults(entry: Entry):
    assert set(entry.check.symptoms) <= set(vocabulary())
    assert entry.check.fault not in entry.check.symptoms


@each
def test_the_fault_is_in_the_vocabulary_and_its_folder_is_the_family(entry: Entry):
    assert vocabulary()[entry.check.fault]["family"] == entry.family
