"""Do words or numbers stand where no value is?

Why it matters: "?" makes a column of numbers a column of words, and in a column of words it becomes one more category;
-999 is taken for a measurement and moves every mean. Nothing fails, and what the network learns is the filler.

Remedy: tell the reader of the file which spellings mean "missing" (`na_values` in pandas, `null_values` in pyarrow),
then treat these cells as the other missing ones.

Known limits: empty cells and the spellings that readers of tables take for missing unasked (NA, NaN, NULL, N/A, None)
are listed by missing-values. A number is suspected only where it stands often and far outside all others, or where it
is the one
negative number among many; a filler amid the values (0 kg, 50 %) is not seen. Suspected numbers stay values here.

Source: Pearson 2006, "The Problem of Disguised Missing Data", SIGKDD Explorations 8(1); Qahtan et al. 2018, "FAHES".
"""

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import KNOWN_MISSING, TABLES, counted, listed, looked_at, profile, say, written
from trainloud.data.sources.tables.sentinels import KNOWN, sentinels
from trainloud.data.survey import Survey

ROWS_SHOWN = 6
ENDS_FROM = 3  # cells of an outermost number from which it may be a filler
LEAST_KNOWN = 9.0  # a filler such as -999 or 99; -1, 0 and any other number may well have been measured: a note
SPACES = "white space"


def judge(survey: Survey) -> Finding:
    columns = looked_at(survey)
    if not columns or not len(survey):
        return unknown("there are no columns besides the target")
    spelled = {c: _spelled(survey, c) for c in columns}
    spelled = {c: words for c, words in spelled.items() if words}
    numbers = {c: _numbers(survey, c) for c in columns if survey.data.roles[c] == "number"}
    numbers = {c: found for c, found in numbers.items() if found}
    if not spelled and not numbers:
        return passed(f"no spelling of 'missing' and no filler number stands in {plural(len(columns), 'column')}")
    marks = any(abs(v) >= LEAST_KNOWN and v in KNOWN for found in numbers.values() for v in found)
    parts = [part for part in (_told(survey, spelled), _suspected(numbers)) if part]
    return fired(
        "; ".join(parts),
        "missing cells that are empty",
        severity="warning" if spelled or marks else "note",
        basis="proof" if spelled else None,
        exhibits=_exhibits(survey, spelled, numbers),
        spelled=spelled,
        suspected={c: {say(v): n for v, n in found.items()} for c, found in numbers.items()},
        splits={c: _by_split(survey, _rows(survey, c)) for c in spelled},
    )


def _spelled(survey: Survey, column: str) -> dict[str, int]:
    """Spelling -> cells, as typing the column met them."""
    facts = survey.data.facts.get(column)
    if facts is None:
        return {}
    words = {f'"{word}"': cells for word, cells in facts.disguised.items() if word not in KNOWN_MISSING}
    if facts.blank:
        white = int(written(survey, column, (), white=True).sum())
        words |= {SPACES: white} if white else {}
    return words


def _numbers(survey: Survey, column: str) -> dict[float, int]:
    """Number -> cells, of the numbers that look like fillers."""
    seen = profile(survey, column)
    if max(seen.low.counts[:1] + seen.high.counts[:1], default=0) < ENDS_FROM:
        return {}
    found = {float(word): cells for word, cells in sentinels(*counted(survey, column)).items()}
    return {v: n for v, n in found.items() if np.isfinite(v)}


def _rows(survey: Survey, column: str) -> np.ndarray:
    """(n,) bool: the cells of this column that spell 'missing'."""
    words = [word for word in survey.data.facts[column].disguised if word not in KNOWN_MISSING]
    return written(survey, column, words, white=True)


def _told(survey: Survey, spelled: dict[str, dict[str, int]]) -> str:
    if not spelled:
        return ""
    cells = sum(sum(words.values()) for words in spelled.values())
    each = listed(f"{' and '.join(words)} in {c} ({sum(words.values()):,})" for c, words in spelled.items())
    told = (
        f"{plural(cells, 'cell')} in {plural(len(spelled), 'column')} {'spells' if cells == 1 else 'spell'} "
        f"'missing' in "
    )
    told += f"words: {each}"
    if len(survey.splits) > 1:
        by_split = np.sum([list(_by_split(survey, _rows(survey, c)).values()) for c in spelled], axis=0)
        told += f"; {listed(f'{n:,} in {s}' for s, n in zip(survey.splits, by_split, strict=True))}"
    return told


def _suspected(numbers: dict[str, dict[float, int]]) -> str:
    each = [f"{say(v)} in {c} ({plural(n, 'cell')})" for c, found in numbers.items() for v, n in found.items()]
    return f"a number far outside all others and often: {listed(each)}" if each else ""


def _by_split(survey: Survey, gone: np.ndarray) -> dict[str, int]:
    return dict(zip(survey.splits, np.bincount(survey.split[gone], minlength=len(survey.splits)).tolist(), strict=True))


def _exhibits(
    survey: Survey, spelled: dict[str, dict[str, int]], numbers: dict[str, dict[float, int]]
) -> list[Exhibit]:
    shown = []
    for column in list(spelled)[:3]:
        rows = np.flatnonzero(_rows(survey, column))
        words = f"{column} without a value, where the file says {' or '.join(spelled[column])}"
        shown.append(survey.exhibit(words, rows[:ROWS_SHOWN].tolist(), total=len(rows)))
    for column, found in list(numbers.items())[:3]:
        value = next(iter(found))
        rows = np.flatnonzero(survey.number(column) == value)
        words = f"{column} is {say(value)}"
        shown.append(survey.exhibit(words, rows[:ROWS_SHOWN].tolist(), total=len(rows)))
    return shown


INSPECTOR = Inspector(
    fault="disguised-missing-values", severity="warning", basis="heuristic", judge=judge, kinds=TABLES
)


def bad(folder):
    rows = [f"{i},{'?' if i % 10 == 0 else i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i},{'' if i % 10 == 0 else i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
