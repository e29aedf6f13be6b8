"""What the inspectors of files share: finding rows by what was remarked, and showing what is no example."""

from collections import Counter
from collections.abc import Iterable, Sequence

from trainloud.core.example import Example, Exhibit
from trainloud.data.dataset import Trouble
from trainloud.data.survey import Survey

SHOWN = 24  # examples of an exhibit
TOLD = 1000  # rows or names that stand in the evidence


def remarked(survey: Survey, begin: str) -> dict[int, str]:
    """Row -> the rest of its remark that begins with these words."""
    found = {}
    for row, remarks in survey.measured.remarks.items():
        for remark in remarks:
            if remark.startswith(begin):
                found[row] = remark.removeprefix(begin)
    return found


def troubles(survey: Survey, kinds: Iterable[str]) -> list[Trouble]:
    wanted = set(kinds)
    return [t for t in survey.data.troubles if t.kind in wanted]


def no_examples(caption: str, found: Sequence[Trouble]) -> Exhibit:
    """Files that are no examples, by their names."""
    shown = tuple(Example(-1, name=t.name, note=t.what) for t in found[:SHOWN])
    return Exhibit(caption, shown, len(found))


def tally(words: Iterable[str], shown: int = 4) -> str:
    """ "truncated (7), an HTML page (2) and 3 others", most frequent first."""
    counts = Counter(words).most_common()
    said = ", ".join(f"{word} ({count:,})" for word, count in counts[:shown])
    others = sum(count for _, count in counts[shown:])
    return f"{said} and {others:,} others" if others else said


def by_split(survey: Survey, rows: Sequence[int]) -> str:
    """ " (12 in train, 3 in val)"; "" for data that is not split."""
    if len(survey.splits) < 2:
        return ""
    counts = Counter(survey.splits[survey.split[r]] for r in rows)
    return f" ({', '.join(f'{counts[s]:,} in {s}' for s in survey.splits if counts[s])})"
