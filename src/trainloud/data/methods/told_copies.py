"""Near-duplicates as the inspectors tell them: which pairs, whose copies, what to show."""

from dataclasses import dataclass

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.data.methods.copies import Copies, stars
from trainloud.data.methods.repeats import repeats
from trainloud.data.methods.spelling import same_spelling
from trainloud.data.survey import Survey

IN_A_GROUP = 8  # examples shown of each


@dataclass(frozen=True)
class Group:
    """Rows that are nearly the same as the first of them."""

    rows: np.ndarray
    notes: tuple[str, ...]
    """Of each row: how it was laid on a partner, and how well they agree then."""
    mirrored: bool
    """All of its pairs are mirrored."""
    labels: int
    """Different labels that it carries; 1 without labels."""
    best: float
    """Correlation of its surest pair."""


def held(survey: Survey) -> np.ndarray:
    """(n, splits) bool: splits that hold the row or one equal to it. Large only where splits are many."""
    found: np.ndarray = np.zeros((len(survey), len(survey.splits)), bool)
    found[np.arange(len(survey)), survey.split] = True
    for group in repeats(survey):
        found[group] = found[group].any(axis=0)
    return found


def labelled(survey: Survey) -> np.ndarray:
    """(n,) int32 label of each row, -1 for none; spellings that differ in case or punctuation count as one."""
    if survey.labels is None:
        return np.full(len(survey), -1, np.int32)
    codes, names = survey.labels
    return np.append(same_spelling(names), np.int32(-1))[codes]


def contradicts(labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(pairs,) bool: both are labelled, differently."""
    return (labels[a] != labels[b]) & (labels[a] >= 0) & (labels[b] >= 0)


def groups(survey: Survey, found: Copies, places: np.ndarray) -> list[Group]:
    """The pairs at these places as groups: contradicting labels first, mirrored ones last, surest first."""
    a, b = found.a[places], found.b[places]
    labels, score = labelled(survey), found.laid.score[places]
    best: dict[int, int] = {}  # row -> place of its surest pair
    for i in np.argsort(-score, kind="stable").tolist():
        for row in (int(a[i]), int(b[i])):
            best.setdefault(row, int(places[i]))
    made = []
    for rows in stars(a, b, score):
        pairs = [best[int(r)] for r in rows]
        given = labels[rows][labels[rows] >= 0]
        notes = tuple(_note(found, i) for i in pairs)
        mirrored = bool(found.laid.mirror[pairs].all())
        made.append(Group(rows, notes, mirrored, max(len(np.unique(given)), 1), float(found.laid.peak[pairs].max())))
    return sorted(made, key=lambda g: (g.labels < 2, g.mirrored, -len(g.rows), -g.best, int(g.rows[0])))


def exhibit(survey: Survey, group: Group, caption: str, order: np.ndarray | None = None) -> Exhibit:
    """The group side by side, in this order of its rows."""
    order = np.arange(len(group.rows)) if order is None else order
    rows = [int(group.rows[i]) for i in order[:IN_A_GROUP]]
    notes = [group.notes[i] for i in order[:IN_A_GROUP]]
    return survey.exhibit(caption, rows, notes, total=len(group.rows))


def caption(group: Group) -> str:
    said = f"correlation {group.best:.2f}"
    if group.labels > 1:
        said += f", {group.labels} labels"
    return said + ", mirrored" * group.mirrored


def aside(found: Copies) -> str:
    """What else is to be said: likely pairs, what was left out."""
    said = [f"{found.likely:,} further pairs are likely"] if found.likely else []
    return "".join(f"; {s}" for s in (*said, *found.skipped))


def _note(found: Copies, i: int) -> str:
    done = found.laid.words(i)
    return f"correlation {found.laid.peak[i]:.2f}" + (f", {done}" if done else "")
