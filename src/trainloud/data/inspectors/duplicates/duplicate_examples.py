"""Is the same example there more than once?

Why it matters: a copy counts twice in every epoch, so its class and its errors weigh more than the data says. When the
data is split at random later, copies come to lie on both sides, and the validation split is no longer unseen.

Remedy: keep one example of each group shown, and drop duplicates before splitting; where copies must stay (a customer
who came twice), keep each group on one side of the split.

Known limits: contents are compared exactly, without the target: decoded pixels, cells as typed (columns that only
number the rows left out), the text. The same picture saved again at another quality is told as a near-duplicate. Blank
pictures, texts of under 40 characters and rows of coarse tables are equal without being copies and are only noted; how
many rows chance makes equal is estimated from the rows that differ in one or two columns.

Source: Barz and Denzler 2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates"; for the estimate of chance
Chandra Sekar and Deming 1949, "On a Method of Estimating Birth and Death Rates and the Extent of Registration".
"""

import numpy as np

from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.repeats import SMALL, chance, repeats, trivial
from trainloud.data.survey import Survey

GROUPS_SHOWN = 12
IN_A_GROUP = 8  # examples shown of each
GROUPS_TOLD = 1000  # whose rows stand in the evidence
HARMLESS = 0.001  # share of copies up to which they weigh nothing: a note


def judge(survey: Survey) -> Finding:
    if survey.measured.content is None:
        return unknown("the contents were not measured")
    groups = list(repeats(survey, inside=True))
    if not groups:
        where = "" if len(survey.splits) == 1 else " inside a split"
        return passed(f"no two of {len(survey):,} examples are equal{where}", groups=0, copies=0)
    copies = sum(len(g) - 1 for g in groups)
    severity, aside = _severity(survey, groups, copies)
    groups.sort(key=lambda g: -len(g))
    verb = "repeats" if copies == 1 else "repeat"
    return fired(
        f"{copies:,} of {len(survey):,} examples ({copies / len(survey):.2%}) {verb} another of the same split, in "
        f"{plural(len(groups), 'group')} of up to {len(groups[0]):,}{aside}",
        "every example once",
        severity=severity,
        exhibits=[
            survey.exhibit(f"{len(g):,} equal examples", g[:IN_A_GROUP].tolist(), total=len(g))
            for g in groups[:GROUPS_SHOWN]
        ],
        groups=len(groups),
        copies=copies,
        members=[g[:100].tolist() for g in groups[:GROUPS_TOLD]],
    )


def _severity(survey: Survey, groups: list[np.ndarray], copies: int) -> tuple[Severity, str]:
    """How much it costs, and what is to be said with it."""
    if survey.kind == "table":
        by_chance = chance(survey, across=False)
        if by_chance.explains:
            return "note", f"; {by_chance.said()}"
    small = trivial(survey)
    real = sum(len(g) - 1 for g in groups if not small[g[0]])
    aside = "" if real == copies else f"; {copies - real:,} of them are {SMALL.get(survey.kind, 'trivial')}"
    return ("warning" if real > HARMLESS * len(survey) else "note"), aside


INSPECTOR = Inspector(fault="duplicate-examples", severity="warning", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{i * i % 17},{i % 5},{'yes' if i % 2 else 'no'}" for i in range(200)]
    rows[100:110] = rows[40:50]
    (folder / "table.csv").write_text("a,b,c,d,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{i * i % 17},{i % 5},{'yes' if i % 2 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,c,d,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
