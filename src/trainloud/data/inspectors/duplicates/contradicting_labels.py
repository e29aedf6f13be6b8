"""Does one and the same example carry different labels?

Why it matters: a network cannot give two answers to one input. It averages them, the loss keeps a floor that no
training removes, and where one copy lies in the validation split a right answer is counted as wrong.

Remedy: look at the groups shown; keep the copy whose label is right and drop the others, or, where the target is
truly random given these features, expect a floor under the loss and do not chase it.

Known limits: contents are compared exactly (decoded pixels, typed cells, text); the same picture saved again at
another quality is told as a near-duplicate. In a table, equal rows may describe different things, so it is a warning
there, and a note where the columns are so coarse that chance makes rows equal (estimated from rows that differ in one
or two columns). Texts of under 40 characters and blank pictures are noted too.
Labels that differ in case, white space or punctuation only (">50K" and ">50K.") count as equal here.

Source: Northcutt, Athalye, Mueller 2021, "Pervasive Label Errors in Test Sets", section 2; Barz and Denzler 2020,
"Do We Train on Test Data? Purging CIFAR of Near-Duplicates".
"""

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed
from trainloud.data.methods.repeats import SMALL, chance, repeats, trivial
from trainloud.data.methods.spelling import same_spelling
from trainloud.data.survey import Survey

GROUPS_SHOWN = 12
IN_A_GROUP = 8  # examples shown of each
GROUPS_TOLD = 1000  # whose rows stand in the evidence


def judge(survey: Survey) -> Finding:
    if survey.labels is None:
        return unknown("there are no class labels")
    if survey.measured.content is None:
        return unknown("the contents were not measured")
    codes, names = survey.labels
    codes = np.append(same_spelling(names), np.int32(-1))[codes]  # code -1 is the last
    groups = [g[codes[g] >= 0] for g in repeats(survey)]
    groups = [g for g in groups if len(g) and (codes[g] != codes[g[0]]).any()]
    if not groups:
        return passed(f"no two of {len(survey):,} examples are equal and labelled differently", groups=0)
    severity, aside = _severity(survey, groups)
    rows = sum(len(g) for g in groups)
    groups.sort(key=lambda g: -len(g))
    return fired(
        f"{rows:,} of {len(survey):,} examples ({rows / len(survey):.2%}) are equal to another with another label, "
        f"in {plural(len(groups), 'group')}{aside}",
        "equal examples with equal labels",
        severity=severity,
        exhibits=[_exhibit(survey, g, codes, names) for g in groups[:GROUPS_SHOWN]],
        groups=len(groups),
        rows=rows,
        members=[g[:100].tolist() for g in groups[:GROUPS_TOLD]],
    )


def _severity(survey: Survey, groups: list[np.ndarray]) -> tuple[Severity, str]:
    """An error where the copies are real; a table's rows may be equal while what they describe is not."""
    if survey.kind == "table":
        inside = chance(survey, across=False)
        by_chance = inside if inside.pairs else chance(survey, across=True)
        return ("note", f"; {by_chance.said()}") if by_chance.explains else ("warning", "")
    small = trivial(survey)
    trifles = sum(bool(small[g[0]]) for g in groups)
    if trifles == len(groups):
        return "note", f"; all are {SMALL.get(survey.kind, 'trivial')}"
    return "error", ""


def _exhibit(survey: Survey, group: np.ndarray, codes: np.ndarray, names: tuple[str, ...]) -> Exhibit:
    """Examples of every label of the group, the label that most of it has first."""
    kinds, counts = np.unique(codes[group], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    each = max(IN_A_GROUP // len(kinds), 1)
    rows = [r for i in order for r in group[codes[group] == kinds[i]][:each].tolist()]
    told = listed(f"{names[kinds[i]]} ({counts[i]:,})" for i in order)
    return survey.exhibit(f"equal, labelled {told}", rows[: 2 * IN_A_GROUP], total=len(group))


INSPECTOR = Inspector(fault="contradicting-labels", severity="error", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{i * i % 17},{i % 5},{'yes' if i % 2 else 'no'}" for i in range(200)]
    rows[50] = rows[49].replace("yes", "no")
    (folder / "table.csv").write_text("a,b,c,d,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{i * i % 17},{i % 5},{'yes' if i % 2 else 'no'}" for i in range(200)]
    rows[50] = rows[49]
    (folder / "table.csv").write_text("a,b,c,d,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
