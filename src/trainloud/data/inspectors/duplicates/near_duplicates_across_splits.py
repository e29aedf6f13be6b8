"""Does a picture of the validation or test split have a twin in the training split?

Why it matters: 3 % of CIFAR-10's test pictures have a near-duplicate among the training ones (10 % of CIFAR-100's). A
network answers them from memory, and the more it memorises the better it looks: the score rises by the leak, and so do
the choices made by it.

Remedy: drop the twins shown from the training split, or report the score on the test pictures without a twin too; split
anew by scene, film, patient or source, not picture by picture.

Known limits: as for `near-duplicates`: mirrored, slightly enlarged and shifted copies are found, turned ones and half
crops are not; where all pictures look alike, only the closest copies are told. Equal pictures are told by
`train-validation-leak` and do not count here.

Source: Barz and Denzler 2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates", section 3; the parts of the
method name theirs (`data/methods/`: likeness, neighbours, registration, coincidence).
"""

from itertools import combinations

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.copies import SURE, Copies, copies
from trainloud.data.methods.told_copies import aside, caption, exhibit, groups, held
from trainloud.data.survey import Survey

GROUPS_SHOWN = 12
GROUPS_TOLD = 1000  # whose rows stand in the evidence


def judge(survey: Survey) -> Finding:
    if len(survey.splits) < 2:
        return unknown("the data is not split: there is nothing that could leak")
    if survey.measured.thumbs is None or survey.measured.content is None:
        return unknown("the pictures were not measured")
    found = copies(survey)
    if found.why_not:
        return unknown(found.why_not)
    splits = held(survey)
    counted = {(s, t): _twins(survey, found, splits, s, t) for s, t in combinations(survey.splits_in_order, 2)}
    places = np.unique(np.concatenate([p for _, p in counted.values()]))
    if not len(places):
        return passed(
            f"of {found.compared:,} different pictures no two of different splits are more alike than chance makes "
            f"them: score {max(found.cut, SURE):.2f}{aside(found)}",
            pairs=0,
            likely=found.likely,
        )
    sizes = np.bincount(survey.split, minlength=len(survey.splits))
    names = survey.splits
    said = [
        f"{len(rows):,} of {sizes[t]:,} {names[t]} pictures ({len(rows) / sizes[t]:.2%}) have a near-duplicate in "
        f"{names[s]}"
        for (s, t), (rows, _) in counted.items()
        if len(rows)
    ]
    rank = {s: -i for i, s in enumerate(survey.splits_in_order)}  # what is held out stands first
    told = groups(survey, found, places)
    return fired(
        "; ".join(said) + aside(found),
        f"no two more alike than chance makes one pair in all (score {max(found.cut, SURE):.2f})",
        exhibits=[
            exhibit(survey, g, caption(g), np.argsort([rank[int(s)] for s in survey.split[g.rows]], kind="stable"))
            for g in told[:GROUPS_SHOWN]
        ],
        pairs=len(places),
        leaked={f"{names[t]} in {names[s]}": len(rows) for (s, t), (rows, _) in counted.items() if len(rows)},
        likely=found.likely,
        members=[g.rows[:100].tolist() for g in told[:GROUPS_TOLD]],
    )


def _twins(survey: Survey, found: Copies, splits: np.ndarray, s: int, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of split t with a near-duplicate in s, no equal one, and the places of their pairs."""
    rows, places = [], []
    for one, other in ((found.a, found.b), (found.b, found.a)):
        at = np.flatnonzero(splits[one, t] & ~splits[one, s] & splits[other, s])
        rows.append(one[at])
        places.append(at)
    return np.unique(np.concatenate(rows)), np.unique(np.concatenate(places))


INSPECTOR = Inspector(
    fault="near-duplicates-across-splits", severity="warning", basis="heuristic", judge=judge, kinds=("images",)
)


def bad(folder):
    from trainloud.data.inspectors.duplicates._copied import write

    return write(folder, copied=8, splits=("train", "test"))


def good(folder):
    from trainloud.data.inspectors.duplicates._copied import write

    return write(folder, copied=0, splits=("train", "test"))
