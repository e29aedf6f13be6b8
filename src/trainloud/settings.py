"""What the person set: options, `[tool.trainloud]` in pyproject.toml, and ignore comments in their code."""

import linecache
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from trainloud.core.finding import Finding
from trainloud.experiments.plan import Budget

_COMMENT = re.compile(r"#\s*trainloud:\s*ignore(?:\[(?P<names>[^\]]*)\])?\s*(?P<reason>.*)")
FAIL_ON = ("error", "warning", "note", "never")


class SettingsError(Exception):
    """Wrong use: said in one line, exit code 2."""


@dataclass(frozen=True)
class Settings:
    fail_on: str = "warning"
    select: tuple[str, ...] = ()
    ignore: dict[str, str] = field(default_factory=dict)
    """Fault -> reason."""
    budget: Budget = field(default_factory=Budget)
    """Time for the whole, watched run and experiments."""


def split(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def settings(
    fail_on: str | None,
    select: Iterable[str],
    ignore: Iterable[str],
    known: Iterable[str],
    budget: str | None = None,
    others: Iterable[str] = (),
) -> Settings:
    """Options over the nearest pyproject.toml over the defaults. Raises SettingsError.

    pyproject.toml serves several commands: of its names, the `others` belong to another one and are left out.
    """
    table = _table()
    names = set(known)
    elsewhere = set(others) - names
    here = [n for n in split(_strings(table, "select")) if n not in elsewhere]
    chosen = split(select) or tuple(here)
    dropped = {n: "pyproject.toml" for n in split(_strings(table, "ignore")) if n not in elsewhere}
    dropped |= dict.fromkeys(split(ignore), "--ignore")
    for name in (*chosen, *dropped):
        if name not in names:
            raise SettingsError(f"no check is named {name!r}; `trainloud explain` lists them")
    level = fail_on or table.get("fail-on", "warning")
    if level not in FAIL_ON:
        raise SettingsError(f"fail-on is {level!r}; it must be one of {', '.join(FAIL_ON)}")
    return Settings(str(level), chosen, dropped, _budget(budget or table.get("budget")))


def _budget(text: object) -> Budget:
    if text is None:
        return Budget()
    try:
        return Budget.parse(str(text))
    except ValueError:
        raise SettingsError(f"the budget is {text!r}; it must be a time such as 60s, 5m or 3x") from None


def _strings(table: dict[str, object], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise SettingsError(f"[tool.trainloud] {key} in pyproject.toml must be a list of fault names")
    return value


def _table() -> dict[str, object]:
    for folder in (Path.cwd(), *Path.cwd().parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            try:
                found = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("trainloud", {})
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise SettingsError(f"{file} cannot be read: {error}") from error
            return dict(found) if isinstance(found, dict) else {}
    return {}


def ignored_in_code(finding: Finding) -> str | None:
    """The reason in a comment `# trainloud: ignore[name] reason` on the finding's line; None without such a comment."""
    if finding.where is None:
        return None
    found = _COMMENT.search(linecache.getline(finding.where.file, finding.where.line))
    if found is None:
        return None
    names = split([found["names"]]) if found["names"] is not None else (finding.fault,)
    return (found["reason"].strip() or "ignored in the code") if finding.fault in names else None
