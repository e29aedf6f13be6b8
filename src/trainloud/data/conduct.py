"""All inspectors and questions on one data set: in order, kept as they are answered, cut short by Ctrl-C."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from trainloud.core.answer import Answer
from trainloud.core.finding import Finding, unknown
from trainloud.core.jsonable import decode, encode
from trainloud.data.cache import Cache
from trainloud.data.inspector import FAILED, Entry, Inspector, answer, inspectors, judge, questions
from trainloud.data.measure import Tell
from trainloud.data.survey import Survey


@dataclass
class Conducted:
    """What was asked of one data set, and what came of it."""

    answers: list[Finding] = field(default_factory=list)
    questions: list[Answer] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """What was done -> seconds it took; answers taken from the cache are not in it."""
    interrupted: bool = False


@dataclass(frozen=True)
class Wanted:
    """What to ask."""

    probes: bool = True
    """False: nothing that fits a model: no label noise, no shortcuts, none of the six questions."""
    select: tuple[str, ...] = ()
    """Only these inspectors and questions; all if empty."""

    def takes(self, entry: Entry) -> bool:
        item = entry.item
        name = item.fault if isinstance(item, Inspector) else item.name
        slow = item.probe if isinstance(item, Inspector) else True
        return name in self.select if self.select else self.probes or not slow


def conduct(survey: Survey, wanted: Wanted, cache: Cache, tell: Tell) -> Conducted:
    """Ask everything that is wanted and can be asked of this kind of data."""
    done = Conducted()
    asked = [e for e in _of_kind(inspectors().values(), survey.kind) if wanted.takes(e)]
    cheap_first = sorted(asked, key=lambda e: isinstance(e.item, Inspector) and e.item.probe)
    last = [e for e in _of_kind(questions().values(), survey.kind) if wanted.takes(e)]
    whole = [*cheap_first, *last]
    for i, entry in enumerate(whole):
        tell(entry.explanation.question, i, len(whole))
        try:
            if not done.interrupted:
                with _timed(done.seconds, _name(entry)):
                    _one(entry, survey, cache, done)
                continue
        except KeyboardInterrupt:
            done.interrupted = True
        _left_out(entry, done)
    return done


def _one(entry: Entry, survey: Survey, cache: Cache, done: Conducted) -> None:
    """One answer, from the cache if it was given before."""
    name = f"answer-{_name(entry)}"
    kept = cache.json(name)
    if isinstance(entry.item, Inspector):
        finding = decode(Finding, kept) if kept is not None else judge(entry, survey)
        if kept is None and not finding.measured.startswith(FAILED):
            cache.keep_json(name, encode(finding))
        done.answers.append(finding)
        return
    began = time.monotonic()
    said = decode(Answer, kept) if kept is not None else answer(entry, survey)
    if kept is None:
        said = replace(said, seconds=round(time.monotonic() - began, 2))
        if not said.statement.startswith(FAILED):
            cache.keep_json(name, encode(said))
    done.questions.append(said)


def _left_out(entry: Entry, done: Conducted) -> None:
    why = "interrupted before it was asked"
    if isinstance(entry.item, Inspector):
        done.answers.append(judge_nothing(entry, why))
    else:
        done.questions.append(Answer(entry.item.name, entry.explanation.question, "refused", why, ""))


def judge_nothing(entry: Entry, why: str) -> Finding:
    """The answer of an inspector that was not asked."""
    item = entry.item
    assert isinstance(item, Inspector)
    return replace(unknown(why), fault=item.fault, severity=item.severity, basis=item.basis)


def _of_kind(entries: Iterable[Entry], kind: str) -> list[Entry]:
    return [e for e in entries if kind in e.item.kinds]


def _name(entry: Entry) -> str:
    return entry.item.fault if isinstance(entry.item, Inspector) else entry.item.name


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - began, 3)
