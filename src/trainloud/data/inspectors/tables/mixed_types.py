"""Does a column mix numbers with words, or two ways of writing a date?

Why it matters: one word among a million numbers makes many a reader take the whole column for words: each number
becomes a category of its own, and what could be added and compared is lost. A cell that does not fit is often a shifted
or broken row.

Remedy: look at the cells named, mend them at the source, or read them as missing; take white space off the words.

Known limits: words that spell "missing" are told by disguised-missing-values. A column of codes some of which are bare
numbers (ticket numbers) is a note. Data that came typed (Parquet, Arrow) is only asked for numbers among its words.

Source: Ceritli, Williams, Geddes 2020, "ptype: probabilistic type inference".
"""

import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, listed, looked_at, profile
from trainloud.data.survey import Survey

MIXED = (0.05, 0.95)  # share of a words' column that are plain numbers, between which it is a mixture
MOST_WORDS = 100_000  # different words of a column that came typed that are looked at
NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"


def judge(survey: Survey) -> Finding:
    columns = looked_at(survey, tuple(c for c in (*survey.columns, survey.target) if c in survey.data.roles))
    if not columns or not len(survey):
        return unknown("there are no columns")
    odd: dict[str, str] = {}
    mixed: dict[str, str] = {}
    padded: dict[str, int] = {}
    for column in columns:
        facts = survey.data.facts.get(column)
        if facts is not None and facts.odd_cells:
            kind = "numbers" if facts.role == "number" else "dates" if facts.role == "time" else facts.role
            words = listed((f'"{w}" ({n:,})' for w, n in facts.odd.items()), 3)
            odd[column] = f"{column} holds {kind} but for {plural(facts.odd_cells, 'cell')}: {words}"
        if facts is not None and facts.padded:
            padded[column] = facts.padded
        if survey.data.roles[column] == "category" and column != survey.data.text:
            share = _numeric(survey, column)
            if MIXED[0] <= share <= MIXED[1]:
                mixed[column] = f"{share:.1%} of the words in {column} are plain numbers"
    return _answer(columns, odd, mixed, padded)


def _numeric(survey: Survey, column: str) -> float:
    """Share of the cells with a value that are plain numbers."""
    seen = profile(survey, column)
    facts = survey.data.facts.get(column)
    if facts is not None:
        return facts.numeric / max(seen.present, 1)
    cells = survey.data.table.column(column)
    if seen.distinct > MOST_WORDS or not seen.present or not pa.types.is_dictionary(cells.type):
        return 0.0
    matched = pc.match_substring_regex(pc.cast(cells, pa.string()), NUMBER)
    return int(pc.sum(matched).as_py() or 0) / seen.present


def _answer(columns: tuple[str, ...], odd: dict[str, str], mixed: dict[str, str], padded: dict[str, int]) -> Finding:
    parts = [listed(odd.values())] if odd else []
    parts += [listed(mixed.values())] if mixed else []
    if padded:
        cells = f"white space around {sum(padded.values()):,} cells of"
        all_of = f"all {len(columns):,} columns"
        parts.append(f"{cells} {all_of if len(padded) == len(columns) else listed(padded)}")
    if not parts:
        return passed(f"each of {plural(len(columns), 'column')} holds one type of value", columns=0)
    return fired(
        "; ".join(parts),
        "one type of value in a column",
        severity=None if odd else "note",
        basis=None if odd else "heuristic",
        odd=list(odd)[:200],
        mixed=list(mixed)[:200],
        padded=dict(list(padded.items())[:200]),
    )


INSPECTOR = Inspector(fault="mixed-types", severity="warning", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{i % 17},{'heavy' if i == 77 else i * 7 % 113},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,weight,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i % 17},{i * 7 % 113},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,weight,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
