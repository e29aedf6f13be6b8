"""Does an example of the validation or test split stand in the training split too?

Why it matters: a network can answer it from memory. The score no longer says how it does on unseen data, and the more
a model memorises, the better it looks: regularisation and model selection are steered by the leak.

Remedy: drop from the training split what the other splits hold (the groups shown), or split again with all copies of
an example on one side.

Known limits: contents are compared exactly and without the target, so that labels spelled in two ways hide nothing.
The same picture saved again at another quality is told as a near-duplicate. Rows of coarse tables, texts of under 40
characters and blank pictures are equal without being copies: a note, with the number of pairs that chance makes. In a
table it is a note up to as many equal pairs as chance makes with 99 %, estimated over all splits together: a lone copy
in a small, coarse table cannot be told from chance.

Source: Barz and Denzler 2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates"; Kapoor and Narayanan 2023,
"Leakage and the Reproducibility Crisis in Machine-Learning-Based Science", section L1.4 (duplicates in datasets).
"""

from itertools import combinations

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed
from trainloud.data.methods.repeats import SMALL, chance, repeats, trivial
from trainloud.data.survey import Survey

GROUPS_SHOWN = 12
OF_A_SPLIT = 3  # examples shown of each split of a group
GROUPS_TOLD = 1000  # whose rows stand in the evidence
SPOILS = 0.01  # share of a split from which its score is off by about a point: an error


def judge(survey: Survey) -> Finding:
    if len(survey.splits) < 2:
        return unknown("the data is not split: there is nothing that could leak")
    if survey.measured.content is None:
        return unknown("the contents were not measured")
    groups = [g for g in repeats(survey) if len(set(survey.split[g].tolist())) > 1]
    sizes = np.bincount(survey.split, minlength=len(survey.splits))
    if not groups:
        counts = listed(f"{n:,} {s}" for n, s in zip(sizes, survey.splits, strict=True))
        return passed(f"no example stands in two splits ({counts})", groups=0)
    real = ~trivial(survey)[[int(g[0]) for g in groups]]
    held = _held(survey, groups)
    said, worst, leaked = [], 0.0, {}
    for a, b in combinations(survey.splits_in_order, 2):
        inside = held[:, a] > 0
        count = int(held[inside, b].sum())
        if count:
            leaked[f"{survey.splits[b]} in {survey.splits[a]}"] = count
            share = f"{count:,} of {sizes[b]:,} {survey.splits[b]} examples ({count / sizes[b]:.2%})"
            said.append(f"{share} stand in {survey.splits[a]} too")
            worst = max(worst, int(held[inside & real, b].sum()) / sizes[b])
    severity, aside = _severity(survey, worst)
    order = sorted(range(len(groups)), key=lambda i: (not real[i], -len(groups[i])))
    return fired(
        "; ".join(said) + aside,
        "no example in two splits",
        severity=severity,
        exhibits=[_exhibit(survey, groups[i]) for i in order[:GROUPS_SHOWN]],
        groups=len(groups),
        leaked=leaked,
        members=[groups[i][:100].tolist() for i in order[:GROUPS_TOLD]],
    )


def _held(survey: Survey, groups: list[np.ndarray]) -> np.ndarray:
    """(groups, splits): how many members of each group lie in each split."""
    rows = np.concatenate(groups)
    owner = np.arange(len(groups)).repeat([len(g) for g in groups])
    held: np.ndarray = np.zeros((len(groups), len(survey.splits)), np.int64)
    np.add.at(held, (owner, survey.split[rows]), 1)
    return held


def _severity(survey: Survey, worst: float) -> tuple[Severity, str]:
    """`worst` is the largest share of a split that leaks, without what is equal by nature."""
    if survey.kind == "table":
        by_chance = chance(survey, across=True)
        if by_chance.explains:
            return "note", f"; {by_chance.said()}"
        return ("error" if worst >= SPOILS else "warning"), f"; {by_chance.said()}"
    if not worst:
        return "note", f"; all are {SMALL.get(survey.kind, 'trivial')}, equal without being copies"
    return ("error" if worst >= SPOILS else "warning"), ""


def _exhibit(survey: Survey, group: np.ndarray) -> Exhibit:
    names = [survey.splits[i] for i in np.unique(survey.split[group])]
    shown = [r for i in np.unique(survey.split[group]) for r in group[survey.split[group] == i][:OF_A_SPLIT].tolist()]
    return survey.exhibit(f"equal, in {listed(names)}", shown, total=len(group))


INSPECTOR = Inspector(fault="train-validation-leak", severity="error", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{i * i % 17},{i % 5},{'yes' if i % 2 else 'no'}" for i in range(400)]
    (folder / "train.csv").write_text("a,b,c,d,answer\n" + "\n".join(rows[:300]) + "\n")
    # The labels of the copies are spelled in another way.
    copied = [r + "." for r in rows[280:300]]
    (folder / "val.csv").write_text("a,b,c,d,answer\n" + "\n".join(copied + [r + "." for r in rows[300:]]) + "\n")
    return ["train.csv", "--val", "val.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{i * i % 17},{i % 5},{'yes' if i % 2 else 'no'}" for i in range(400)]
    (folder / "train.csv").write_text("a,b,c,d,answer\n" + "\n".join(rows[:300]) + "\n")
    (folder / "val.csv").write_text("a,b,c,d,answer\n" + "\n".join(rows[300:]) + "\n")
    return ["train.csv", "--val", "val.csv", "--target", "answer"]
