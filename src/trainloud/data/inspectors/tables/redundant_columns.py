"""Do columns say the same twice?

Why it matters: a column that follows from another adds weights and no information; the effect of either alone cannot be
told, and importance is split between them at random. A wrong join or a forgotten copy looks just like this.

Remedy: keep one of each group: the code with an order for ordered words, the finer one where one follows from another.

Known limits: one-to-one and "follows from" are judged on all rows, correlation on numbers only. Pairs are searched on a
sample of the rows and then confirmed. That one column follows from another is told for columns of few values.

Source: Ash 1965, "Information Theory" (a function of X has no entropy given X); Belsley, Kuh, Welsch 1980, "Regression
Diagnostics", chapter 3 (collinearity).
"""

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, listed
from trainloud.data.methods.redundant import correlated, determined, same_codes
from trainloud.data.survey import Survey

LEAST_ROWS = 50  # rows: in fewer, columns agree by chance


def judge(survey: Survey) -> Finding:
    if len(survey.columns) < 2:
        return unknown("there are no two columns besides the target")
    if len(survey) < LEAST_ROWS:
        return unknown(f"{plural(len(survey), 'row')}: in so few, columns agree by chance")
    groups = same_codes(survey)
    grouped = {c: g[0] for g in groups for c in g}
    alike = [p for p in correlated(survey) if grouped.get(p.a, p.a) != grouped.get(p.b, p.b)]
    near = {(p.a, p.b) for p in alike}
    follows = [p for p in determined(survey, skip=[c for g in groups for c in g[1:]]) if (p.a, p.b) not in near]
    if not groups and not alike and not follows:
        return passed(f"no two of {plural(len(survey.columns), 'column')} say the same", groups=[])
    parts = []
    if groups:
        parts.append(f"one-to-one in {plural(len(survey), 'row')}: {listed(' = '.join(g[:6]) for g in groups)}")
    if alike:
        parts.append("correlated: " + listed(f"{p.a} and {p.b} ({p.value:+.4f})" for p in alike))
    if follows:
        parts.append("follows from another: " + listed(f"{p.b} from {p.a} ({p.value:.0f} values)" for p in follows))
    return fired(
        "; ".join(parts),
        "columns of which none follows from another",
        groups=[list(g) for g in groups[:100]],
        correlated=[[p.a, p.b, p.value] for p in alike[:100]],
        follows=[[p.a, p.b] for p in follows[:100]],
    )


INSPECTOR = Inspector(fault="redundant-columns", severity="note", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    words = ["none", "school", "college", "master"]
    rows = [f"{i * 7 % 4},{words[i * 7 % 4]},{i * 5 % 11}" for i in range(200)]
    (folder / "table.csv").write_text("education,degree,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    words = ["none", "school", "college", "master"]
    rows = [f"{i * 7 % 5},{words[i * 7 % 4]},{i * 5 % 11}" for i in range(200)]
    (folder / "table.csv").write_text("education,degree,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
