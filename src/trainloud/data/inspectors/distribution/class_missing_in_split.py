"""Does every split hold every class?

Why it matters: a class that is missing from the training split is always answered wrongly; one that is missing from
the validation split is never measured, and macro averages leave it out or divide by zero. Where labels are spelled in
two ways ("yes", "Yes."), one class becomes two, each missing somewhere.

Remedy: split again, stratified by class; check the spelling of the labels named here; gather examples of the class.

Known limits: a class so rare that a random split of this size misses it with a probability over 1 % is a note. Splits
without any labels are not judged.

Source: Kohavi 1995, "A study of cross-validation and bootstrap", section 3 (stratification).
"""

from dataclasses import dataclass

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.finding import SEVERITIES, Finding, Severity, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed
from trainloud.data.methods.spelling import plain
from trainloud.data.survey import Survey

BY_CHANCE = 0.01  # probability that a random split misses the class, from which it is no more than a note
FEW = 0.001  # share of a split whose classes cannot be learned, up to which it hardly counts: a warning
SHOWN = 8


def judge(survey: Survey) -> Finding:
    if survey.labels is None:
        return unknown("there are no class labels")
    if len(survey.splits) < 2:
        return unknown("the data is not split")
    codes, names = survey.labels
    own = [codes[(survey.split == i) & (codes >= 0)] for i in range(len(survey.splits))]
    counts = np.stack([np.bincount(c, minlength=len(names)) for c in own])
    labelled = [i for i in range(len(counts)) if counts[i].sum()]
    trained = int(survey.split[survey.training][0])
    if len(labelled) < 2 or trained not in labelled:
        return unknown("fewer than two splits have labels")
    both = [of(survey, counts, trained, i) for i in labelled for of in (_unlearned, _unmeasured)]
    told = [t for t in both if t is not None]
    if not told:
        where = listed(survey.splits[i] for i in labelled)
        return passed(f"all {(counts[trained] > 0).sum():,} classes stand in {where}")
    return fired(
        "; ".join(t.words for t in told),
        "every class in every split",
        severity=min((t.severity for t in told), key=SEVERITIES.index),
        exhibits=[t.exhibit for t in told if t.exhibit is not None],
        missing=[{"from": t.missing_from, "classes": list(t.classes[:200])} for t in told],
    )


@dataclass(frozen=True)
class Told:
    words: str
    severity: Severity
    missing_from: str
    classes: tuple[str, ...]
    exhibit: Exhibit | None = None


def _unlearned(survey: Survey, counts: np.ndarray, trained: int, split: int) -> Told | None:
    """Classes of this split that the training split does not hold."""
    assert survey.labels is not None
    codes, names = survey.labels
    classes = np.flatnonzero((counts[split] > 0) & (counts[trained] == 0))
    if not len(classes):
        return None
    rows, of = int(counts[split][classes].sum()), int(counts[split].sum())
    words = (
        f"{rows:,} of {of:,} examples in {survey.splits[split]} have {plural(len(classes), 'class', 'classes')} that "
        f"the training split does not hold: {listed(repr(names[c]) for c in classes)}"
        f"{_twins(names, classes, np.flatnonzero(counts[trained]))}"
    )
    shown = np.flatnonzero((survey.split == split) & np.isin(codes, classes))
    exhibit = survey.exhibit(
        f"in {survey.splits[split]}, but not to be learned", shown[:SHOWN].tolist(), total=len(shown)
    )
    severity: Severity = "error" if rows > FEW * of else "warning"
    return Told(words, severity, survey.splits[trained], tuple(names[c] for c in classes), exhibit)


def _unmeasured(survey: Survey, counts: np.ndarray, trained: int, split: int) -> Told | None:
    """Classes of the training split that this one does not hold."""
    assert survey.labels is not None
    _, names = survey.labels
    classes = np.flatnonzero((counts[split] == 0) & (counts[trained] > 0))
    if not len(classes):
        return None
    chance = _missed(counts[trained][classes], int(counts[trained].sum()), int(counts[split].sum()))
    words = (
        f"{plural(len(classes), 'class', 'classes')} missing from {survey.splits[split]}: "
        f"{listed(repr(names[c]) for c in classes)} (a random split misses the largest of them with a probability of "
        f"{_probability(chance)})"
    )
    severity: Severity = "note" if chance > BY_CHANCE else "warning"
    return Told(words, severity, survey.splits[split], tuple(names[c] for c in classes))


def _twins(names: tuple[str, ...], strange: np.ndarray, known: np.ndarray) -> str:
    """Which of the strange classes are known ones in another spelling (case, punctuation, white space)."""
    spelled = {plain(names[c]): names[c] for c in known}
    twins = [f"{names[c]!r} for {spelled[plain(names[c])]!r}" for c in strange if plain(names[c]) in spelled]
    return f" (spelled otherwise: {listed(twins)})" if twins else ""


def _probability(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-9 else "under 1e-9"


def _missed(in_training: np.ndarray, training: int, size: int) -> float:
    """Probability that `size` examples drawn from all hold none of the largest of these classes.

    Drawn without replacement; with as many as `in_training` examples it is about (1 - size / all) to that power.
    """
    return float((training / (training + size)) ** in_training.max())


INSPECTOR = Inspector(fault="class-missing-in-split", severity="warning", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{'abc'[i % 3]}" for i in range(300)]
    (folder / "train.csv").write_text("x,y,answer\n" + "\n".join(rows[:200]) + "\n")
    # One class was left out of the validation part, and another one is new.
    left = [r.replace(",b", ",d") for r in rows[200:] if not r.endswith("c")]
    (folder / "val.csv").write_text("x,y,answer\n" + "\n".join(left) + "\n")
    return ["train.csv", "--val", "val.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{'abc'[i % 3]}" for i in range(300)]
    (folder / "train.csv").write_text("x,y,answer\n" + "\n".join(rows[:200]) + "\n")
    (folder / "val.csv").write_text("x,y,answer\n" + "\n".join(rows[200:]) + "\n")
    return ["train.csv", "--val", "val.csv", "--target", "answer"]
