"""Do words stand in the validation or test data that training never saw?

Why it matters: an encoder that was fitted on the training data fails on a new word, or maps it to nothing; an embedding
has a row for it that was never trained.

Remedy: give the encoder a place for unknown words and train it too (drop words at random), group rare words, or find
out why the splits differ.

Known limits: asked of columns of words. Rare words are unseen by chance in any split: a share that a random split would
show as well is a note. The group by which the data was split has other words in each split on purpose and is left out,
and so is any column of which no word, in whatever spelling, stands in two splits, if training has 5 of them and more.

Source: Good 1953, "The population frequencies of species and the estimation of population parameters" (the share of
unseen words is about that of the words met once).
"""

import math

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, encoded, listed, looked_at, profile
from trainloud.data.methods.identifiers import identifiers
from trainloud.data.methods.spelling import plain
from trainloud.data.survey import Survey

TIMES = 3.0  # times the rows that a random split would leave unseen ...
SURE = 5.0  # ... and standard errors beyond them, ...
SHARE = 0.01  # ... and share of the split's rows, ...
LEAST = 10  # ... and rows: beyond all four the split is not a random one
DIFFERENT = 0.5  # different words a row, from which a column is no set of categories
OWN = 5  # words in training from which a column without a common word is what the data was split by: codes that were
# written in another way (1, 2 for "yes", "no") are mostly fewer
ROWS_SHOWN = 6


def judge(survey: Survey) -> Finding:
    if len(survey.splits) < 2:
        return unknown("the data is not split")
    named = identifiers(survey)
    columns = [c for c in looked_at(survey, survey.of_role("category")) if c not in named]
    columns = [c for c in columns if profile(survey, c).distinct < DIFFERENT * profile(survey, c).present]
    split_by = {c for c in columns if c == survey.group or _own_words(survey, c)}
    columns = [c for c in columns if c not in split_by]
    if not columns:
        return unknown(f"there is no column of categories{_but(split_by)}")
    found = [one for c in columns for one in _unseen(survey, c)]
    if not found:
        where = f"{plural(len(columns), 'column')} of categories{_but(split_by)}"
        return passed(f"every word of {where} is met in training", columns=0)
    found.sort(key=lambda u: (not u["beyond"], -u["share"]))
    shown = [survey.exhibit(f"{u['column']} never met in training", u["first"], total=u["rows"]) for u in found[:3]]
    return fired(
        listed(map(_words, found)),
        "words that are met in training, or as few others as a random split leaves",
        severity="warning" if found[0]["beyond"] else "note",
        exhibits=shown,
        columns=[{k: v for k, v in u.items() if k != "first"} for u in found[:100]],
    )


def _but(split_by: set[str]) -> str:
    return f" but {listed(sorted(split_by))}, whose words each split has for itself" if split_by else ""


def _own_words(survey: Survey, column: str) -> bool:
    """Whether no word stands in two splits, in whatever spelling: the rows were split by this column."""
    codes, words = encoded(survey, column)
    met = [np.unique(codes[(survey.split == i) & (codes >= 0)]) for i in range(len(survey.splits))]
    met = [m for m in met if len(m)]
    trained = np.unique(codes[survey.training & (codes >= 0)])
    if len(met) < 2 or len(trained) < OWN or sum(map(len, met)) > len(np.unique(np.concatenate(met))):
        return False
    spelled = [{plain(str(words[int(w)].as_py())) for w in m} for m in met]
    return sum(map(len, spelled)) == len(set().union(*spelled))


def _words(unseen: dict) -> str:
    chance = unseen["chance"]
    return (
        f"{unseen['column']}: {unseen['rows']:,} {unseen['split']} rows ({unseen['share']:.1%}) hold one of "
        f"{plural(unseen['words'], 'word')} never met in training ({listed(unseen['some'], 3)}), where a random split "
        f"leaves about {chance:,.0f}"
    )


def _unseen(survey: Survey, column: str) -> list[dict]:
    codes, words = encoded(survey, column)
    training = codes[survey.training]
    seen = np.bincount(training[training >= 0], minlength=len(words))
    found = []
    for i, split in enumerate(survey.splits):
        own = (survey.split == i) & ~survey.training & (codes >= 0)
        rows = np.flatnonzero(own)
        rows = rows[seen[codes[rows]] == 0]
        if not len(rows) or not seen.any():
            continue
        whole = int(own.sum())
        # A word met k times in both together lies wholly in this split with the probability mine^k.
        often = seen + np.bincount(codes[own], minlength=len(words))
        wholly = (whole / (whole + int(seen.sum()))) ** often[often > 0]
        chance = float((often[often > 0] * wholly).sum())
        error = math.sqrt(float((often[often > 0] ** 2 * wholly * (1 - wholly)).sum()))
        far = max(TIMES * chance, chance + SURE * error)
        counts = np.bincount(codes[rows], minlength=len(words))
        order = np.argsort(-counts, kind="stable")[:3]
        found.append(
            {
                "column": column,
                "split": split,
                "rows": len(rows),
                "share": len(rows) / whole,
                "words": int((counts > 0).sum()),
                "some": [str(words[int(w)].as_py()) for w in order if counts[w]],
                "chance": chance,
                "beyond": len(rows) > far and len(rows) >= max(SHARE * whole, LEAST),
                "first": rows[:ROWS_SHOWN].tolist(),
            }
        )
    return found


INSPECTOR = Inspector(fault="unseen-categories", severity="note", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    for part, city in (("train", "Rome"), ("test", "Oslo")):
        rows = [f"{i * 37 % 101},{city if i % 4 == 0 else 'Paris'},{i % 2}" for i in range(400)]
        (folder / f"{part}.csv").write_text("a,city,answer\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "answer"]


def good(folder):
    for part in ("train", "test"):
        rows = [f"{i * 37 % 101},{'Rome' if i % 4 == 0 else 'Paris'},{i % 2}" for i in range(400)]
        (folder / f"{part}.csv").write_text("a,city,answer\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "answer"]
