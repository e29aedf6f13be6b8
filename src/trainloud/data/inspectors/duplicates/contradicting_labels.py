"""Does one and the same example carry different labels?

Why it matters: a network cannot give two answers to one input. It averages them, the loss keeps a floor that no
training removes, and where one copy lies in the validation split a right answer is counted as wrong.

Remedy: look at the groups shown; keep the copy whose label is right and drop the others, or, where the target is
truly random given these features, expect a floor under the loss and do not chase it.

Known limits: contents are compared exactly (decoded pixels, typed cells, text); the same picture saved again at
another quality is told as a near-duplicate. Coarse tables (few columns, few values) repeat rows by nature, so a table
whose columns cannot tell its rows apart is a note.

Source: Northcutt, Athalye, Mueller 2021, "Pervasive Label Errors in Test Sets", section 2; Barz and Denzler 2020,
"Do We Train on Test Data? Purging CIFAR of Near-Duplicates".
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.groups import equal_groups
from trainloud.data.survey import Survey

GROUPS_SHOWN = 12
COARSE = 0.05  # share of rows in contradiction from which the features are taken to be too coarse, not the labels wrong


def judge(survey: Survey) -> Finding:
    if survey.labels is None:
        return unknown("there are no class labels")
    if survey.measured.content is None:
        return unknown("the contents were not measured")
    codes, _ = survey.labels
    groups = [g[codes[g] >= 0] for g in equal_groups(survey.measured.content)]
    groups = [g for g in groups if len(set(codes[g].tolist())) > 1]
    rows = sum(len(g) for g in groups)
    if not groups:
        return passed(f"no two of {len(survey):,} examples are equal and labelled differently", groups=0)
    share = rows / len(survey)
    coarse = share > COARSE and survey.kind == "table"
    shown = [
        survey.exhibit(f"one content, {len(set(codes[g].tolist()))} labels", g[:8].tolist(), total=len(g))
        for g in sorted(groups, key=len, reverse=True)[:GROUPS_SHOWN]
    ]
    return fired(
        f"{rows:,} of {len(survey):,} examples ({share:.2%}) are equal to another with another label, "
        f"in {len(groups):,} group{'' if len(groups) == 1 else 's'}",
        "equal examples with equal labels",
        severity="note" if coarse else None,
        exhibits=shown,
        groups=len(groups),
        rows=rows,
        members=[np.asarray(g).tolist() for g in groups[:100]],
    )


INSPECTOR = Inspector(fault="contradicting-labels", severity="error", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i},{i * 7 % 13},{'yes' if i % 2 else 'no'}" for i in range(200)]
    rows[50] = "49,0,no"
    rows[49] = "49,0,yes"
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i},{i * 7 % 13},{'yes' if i % 2 else 'no'}" for i in range(200)]
    rows[50] = rows[49]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
