"""What the pages share: the templates, and a finding as they show it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from trainloud.core.check import Explanation
from trainloud.core.finding import Finding
from trainloud.core.jsonable import encode
from trainloud.core.place import Place
from trainloud.report.charts import number

EVIDENCE = 600  # characters of one value of a finding's evidence
NAME_SHOWN = 34  # characters of an example's name below its picture


@dataclass(frozen=True)
class Item:
    """A finding as the templates show it."""

    finding: Finding
    where: str
    anchor: str
    evidence: tuple[tuple[str, str], ...]
    question: str
    why: str
    symptoms: tuple["Item", ...] = ()


def item(finding: Finding, at: Callable[[Place | None], str], known: Mapping[str, Explanation], anchor: str) -> Item:
    """`at` names a place as the person knows it; `known` holds what checks and inspectors say of themselves."""
    explanation = known.get(finding.fault)
    return Item(
        finding,
        at(finding.where),
        anchor,
        tuple((key, short(value)) for key, value in finding.evidence.items()),
        explanation.question if explanation else "",
        explanation.section("Why it matters") if explanation else "",
        tuple(item(s, at, known, f"{anchor}-{i + 1}") for i, s in enumerate(finding.symptoms)),
    )


def short(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    text = value if isinstance(value, str) else json.dumps(encode(value), ensure_ascii=False)
    return text if len(text) <= EVIDENCE else f"{text[:EVIDENCE]} ... ({len(text):,} characters)"


def page(name: str) -> Template:
    """A template by its file's name."""
    return _environment().get_template(name)


def _tail(text: str) -> str:
    """The end of a long name, where it differs from its neighbours."""
    return text if len(text) <= NAME_SHOWN else "…" + text[1 - NAME_SHOWN :].lstrip("/")


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("trainloud.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["tail"] = _tail
    return found
