"""Does a column of words have so many different ones that most are met a few times only?

Why it matters: each word needs an effect of its own, learnt from the rows that hold it. One-hot columns by the thousand
or an embedding row that saw three examples are learnt by heart, and new data brings words that were never met.

Remedy: group the words (a prefix, a region, the rest as "other"), replace each by what the training folds say of it
(smoothed target means, out of fold), hash them, or embed with strong regularisation.

Known limits: counted over all splits. Columns that only name their rows are told by identifier-columns.

Source: Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD Explorations
3(1).
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, encoded, listed, looked_at, profile
from trainloud.data.methods.identifiers import identifiers
from trainloud.data.survey import Survey

MANY = 50  # different words: fewer are met often enough in any table worth training on
SELDOM = 10  # rows of a word, under which its effect is hardly learnt
SHARE = 0.2  # share of the rows with such words
VERY_MANY = 1_000  # different words that are told however often each is met


def judge(survey: Survey) -> Finding:
    columns = [c for c in looked_at(survey) if survey.data.roles[c] in ("category", "text") and c != survey.data.text]
    if not columns or not len(survey):
        return unknown("there is no column of words")
    named = identifiers(survey)
    found: dict[str, str] = {}
    evidence: dict[str, dict[str, float]] = {}
    for column in columns:
        seen = profile(survey, column)
        if column in named or seen.distinct < MANY:
            continue
        codes, _ = encoded(survey, column)
        counts = np.bincount(codes[codes >= 0])
        seldom = float(counts[counts < SELDOM].sum() / max(seen.present, 1))
        if seldom < SHARE and seen.distinct < VERY_MANY:
            continue
        evidence[column] = {"distinct": seen.distinct, "rows": seen.present, "seldom": seldom}
        found[column] = (
            f"{column} {seen.distinct:,} in {seen.present:,} rows ({seldom:.0%} of the rows hold one that is met fewer "
            f"than {SELDOM} times)"
        )
    if not found:
        return passed(f"{plural(len(columns), 'column')} of words: none has many that are seldom met", columns=0)
    return fired(
        f"different words: {listed(found.values())}",
        f"fewer than {MANY} different words, or words that are met {SELDOM} times and more",
        columns=evidence,
    )


INSPECTOR = Inspector(fault="high-cardinality-categories", severity="note", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [
        f"{i % 17},street {'abcdefghijklmnop'[i % 16]} {'qrstuvwxyz'[i // 16 % 10]},{i * 7 % 11}" for i in range(400)
    ]
    (folder / "table.csv").write_text("a,address,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i % 17},street {'abcdefghijklmnop'[i % 16]},{i * 7 % 11}" for i in range(400)]
    (folder / "table.csv").write_text("a,address,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
