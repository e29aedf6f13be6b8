"""Inspectors and questions, found by looking into the folders: a new one is a new file and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType

from trainloud.core.answer import Answer
from trainloud.core.check import Explanation
from trainloud.core.finding import Basis, Finding, Severity, declared, unknown
from trainloud.core.inspection import Kind
from trainloud.data.found import modules
from trainloud.data.survey import Survey

FAILED = "the inspector itself failed"  # begins an answer that is a defect of trainloud, and is never kept
ALL_KINDS: tuple[Kind, ...] = ("images", "table", "text", "characters", "series")


@dataclass(frozen=True)
class Inspector:
    """One question about one defect of a data set, and how to tell it.

    `judge` is pure: the same survey gives the same finding. Where it does not apply (no second split, no target) it
    answers `unknown` with the reason.
    """

    fault: str
    severity: Severity
    basis: Basis
    judge: Callable[[Survey], Finding]
    kinds: tuple[Kind, ...] = ALL_KINDS
    """Kinds of data that it can be asked of; of others it is not asked at all."""
    probe: bool = False
    """It fits a model and takes seconds to minutes: left out with `--no-probes`."""
    symptoms: tuple[str, ...] = ()
    """Faults that this one explains: where both fire, they are folded under it."""


@dataclass(frozen=True)
class Question:
    """One of the six questions, answered by a cheap experiment."""

    name: str
    ask: Callable[[Survey], Answer]
    kinds: tuple[Kind, ...] = ALL_KINDS


@dataclass(frozen=True)
class Entry:
    """An inspector or a question with the module that holds it."""

    item: Inspector | Question
    family: str
    module: ModuleType

    @property
    def explanation(self) -> Explanation:
        return Explanation(self.module.__doc__ or "")


@cache
def inspectors() -> dict[str, Entry]:
    """Fault name -> its inspector, by family and name."""
    found = {}
    for module in modules("trainloud.data.inspectors"):
        if hasattr(module, "INSPECTOR"):
            found[module.INSPECTOR.fault] = Entry(module.INSPECTOR, module.__name__.split(".")[-2], module)
    return found


@cache
def questions() -> dict[str, Entry]:
    """Question name -> the question, in the order of the recipe (`ORDER` in each file)."""
    found = [m for m in modules("trainloud.data.questions") if hasattr(m, "QUESTION")]
    return {m.QUESTION.name: Entry(m.QUESTION, "questions", m) for m in sorted(found, key=lambda m: m.ORDER)}


def judge(entry: Entry, survey: Survey) -> Finding:
    """The finding of one inspector, with what it declares filled in.

    One that raises is a defect of trainloud: the answer is unknown and says so.
    """
    item = entry.item
    assert isinstance(item, Inspector)
    try:
        found = item.judge(survey)
    except Exception as error:
        found = unknown(f"{FAILED}: {type(error).__name__}: {error}")
    return declared(found, item.fault, item.severity, item.basis, entry.explanation.section("Remedy"))


def answer(entry: Entry, survey: Survey) -> Answer:
    """The answer to one question; refused, with the reason, where the experiment itself failed."""
    item = entry.item
    assert isinstance(item, Question)
    try:
        found = item.ask(survey)
    except Exception as error:
        why = f"{FAILED}: {type(error).__name__}: {error}"
        found = Answer(item.name, entry.explanation.question, "refused", why, "")
    return replace(found, name=item.name, question=found.question or entry.explanation.question)
