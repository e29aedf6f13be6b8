"""Are there texts that are almost the same?

Why it matters: agency news printed twice, mails with another name in them, answers copied from answers: across splits
they let a model be tested on what it has learned by heart, inside one they count one thing several times, and where two
of them carry different labels one is wrong.

Remedy: keep one text of each group, or keep each group in one split (`GroupShuffleSplit`); look at the labels of the
groups shown.

Known limits: alike means the share of equal runs of letters (5, or longer where texts are made from a small alphabet),
so a text in other words is not found. Texts of less than about 36 letters are not compared: short ones repeat by
nature. Where random pairs are as alike, all texts are made from one mould and the question is not asked.

Source: Broder 1997, "On the resemblance and containment of documents"; Lee et al. 2022, "Deduplicating Training Data
Makes Language Models Better", section 4.2.
"""

from typing import NamedTuple

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.shingles import BYTES_A_ROW, SHORTEST, Alike, alike, groups
from trainloud.data.survey import Survey

LEAST = 0.7  # share of equal runs of letters of two texts, of all their runs: a sentence in five or a few words differ
LEAK = 0.01  # share of the smaller split's texts with one alike in another split, from which tests are spoilt
SHOWN = 12


class _Group(NamedTuple):
    rows: np.ndarray
    best: float
    """Similarity of its most alike pair."""
    splits: int
    labels: int


def judge(survey: Survey) -> Finding:
    content = survey.measured.content
    if content is None:
        return unknown("the contents were not measured")
    _, first = np.unique(content, axis=0, return_index=True)  # equal texts are told elsewhere
    distinct = np.sort(first)
    rows = survey.sample(survey.limits.rows(BYTES_A_ROW, 0.5), distinct)
    found = survey.once("alike texts", lambda: alike(survey.texts, rows, LEAST))
    if not found.size:
        return unknown(
            f"the texts are made from one mould: one random pair in a hundred has {found.chance:.0%} of its runs of "
            f"letters in common"
        )
    if found.compared < 2:
        return unknown(f"fewer than two different texts have {SHORTEST} runs of {found.size} letters and more")
    sampled = f" (a sample of {len(rows):,} of {len(distinct):,})" if len(rows) < len(distinct) else ""
    if not len(found.first):
        return passed(
            f"no two of {found.compared:,} different texts{sampled} have {LEAST:.0%} of their runs of {found.size} "
            f"letters in common; one random pair in a hundred has {found.chance:.1%}",
            pairs=0,
        )
    return _told(survey, found, sampled)


def _told(survey: Survey, found: Alike, sampled: str) -> Finding:
    told = _groups(survey, found)
    members = np.concatenate([g.rows for g in told])
    across = [g for g in told if g.splits > 1]
    against = [g for g in told if g.labels > 1]
    leaked = sum(len(g.rows) for g in across)
    smallest = min(np.bincount(survey.split, minlength=len(survey.splits)))
    spoilt = bool(across) and _leaked(survey, across) >= LEAK * smallest
    parts = [
        f"{len(members):,} of {found.compared:,} different texts{sampled} are almost equal to another ({LEAST:.0%} "
        f"and more of their runs of {found.size} letters), in {len(told):,} group{'s' * (len(told) > 1)}"
    ]
    if len(survey.splits) > 1:
        parts.append(
            f"{plural(len(across), 'group')} with {plural(leaked, 'text')} {'lies' if len(across) == 1 else 'lie'} "
            f"across splits"
        )
    if survey.labels is not None:
        parts.append(f"{plural(len(against), 'group')} {'carries' if len(against) == 1 else 'carry'} different labels")
    ranked = sorted(told, key=lambda g: (g.splits < 2, g.labels < 2, -g.best, int(g.rows[0])))
    shown = [
        survey.exhibit(
            f"{g.best:.0%} in common" + f", {g.labels} labels" * (g.labels > 1) + ", across splits" * (g.splits > 1),
            g.rows[:6].tolist(),
            total=len(g.rows),
        )
        for g in ranked[:SHOWN]
    ]
    return fired(
        "; ".join(parts),
        f"texts that share less, as random pairs do: 99 in 100 of them less than {found.chance:.1%}",
        severity="warning" if spoilt else "note",
        exhibits=shown,
        groups=len(told),
        texts=len(members),
        across=len(across),
        different_labels=len(against),
        pairs=len(found.first),
        members=[g.rows.tolist() for g in ranked[:100]],
    )


def _groups(survey: Survey, found: Alike) -> list[_Group]:
    codes = survey.labels[0] if survey.labels is not None else np.zeros(len(survey), np.int32)
    best: dict[int, float] = {}
    for a, s in zip(found.first.tolist(), found.similarity.tolist(), strict=True):
        best[a] = max(best.get(a, 0.0), s)
    return [
        _Group(
            g,
            max(best.get(int(r), 0.0) for r in g),
            len(set(survey.split[g].tolist())),
            len(set(codes[g][codes[g] >= 0].tolist())),
        )
        for g in groups(found.first, found.second)
    ]


def _leaked(survey: Survey, across: list[_Group]) -> int:
    """Texts outside the largest split that have one alike in another split."""
    rows = np.concatenate([g.rows for g in across])
    largest = int(np.bincount(survey.split).argmax())
    return int((survey.split[rows] != largest).sum())


INSPECTOR = Inspector(fault="near-duplicate-texts", severity="warning", basis="heuristic", judge=judge, kinds=("text",))


def _write(folder, repeat):
    import random

    chance = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(3, 9))) for _ in range(800)]
    texts = [" ".join(chance.choices(words, k=30)) for _ in range(60)]
    for split, start in (("train", 0), ("test", 40)):
        for i in range(40 if split == "train" else 20):
            text = texts[start + i]
            if repeat and split == "test" and i < 5:
                text = texts[i].replace(texts[i].split()[3], "another")
            path = folder / "texts" / split / ("pro", "con")[i % 2] / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return ["texts"]


def bad(folder):
    return _write(folder, repeat=True)


def good(folder):
    return _write(folder, repeat=False)
