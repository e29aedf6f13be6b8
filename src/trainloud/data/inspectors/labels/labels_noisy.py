"""Is 1 % of the labels wrong, or more, beyond doubt?

Why it matters: a wrong label is learned last and by heart. It raises the loss that can be reached, bends the decision
boundary, makes confident answers wrong, and in a validation split it blames a network for being right.

Remedy: look at the suspects in the order shown and mend or drop what is wrong, the validation and test splits first;
then inspect again. Where cleaning is too dear, use label smoothing of about the rate, stop early, and do not chase a
training error below the rate's lower end.

Known limits: relative to a fixed probe on at most 12,000 distinct training rows. The interval holds if hard examples
are at most twice as badly labelled (in odds) as clear ones, and if the input determines the label. In a table it need
not (of two customers with equal cells one leaves): there the lower end is 0, nothing fires, and the suspects are
evidence only. Two classes that the probe cannot tell apart even at their clearest look like swapped labels; so it
fires only if labels are wrong among the clearest of all classes together, too, and errors of one class alone may not.
Exact copies of an example do not vouch for each other; near-duplicates do. Mistakes that are made alike in all
examples of a kind cannot be seen. Rows of a rare class come first among the suspects, right or wrong; a class with
under 5 rows in the fit is not judged.

Source: Northcutt, Jiang, Chuang 2021, "Confident Learning", sections 3 and 4; Pleiss et al. 2020, "Identifying
Mislabeled Data using the Area Under the Margin Ranking"; Liu and Tao 2016, "Classification with Noisy Labels by
Importance Reweighting", section 4; Rasmussen and Williams 2006, section 5.4.2, for leaving one out.
"""

from dataclasses import replace

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.labels import SMALL, Study, study
from trainloud.data.methods.retention import Refused
from trainloud.data.survey import Survey

SHOWN = 24  # suspects
PAIRS_SHOWN = 6  # of classes, with the suspects given as one and probably the other
IN_A_PAIR = 8
RANKED = 500  # rows of the ranking in the evidence
MATRIX = 40  # classes up to which the transition matrix stands in the evidence


def judge(survey: Survey) -> Finding:
    try:
        found = study(survey)
    except Refused as why:
        return unknown(str(why))
    rate = found.rate

    def shown(finding: Finding) -> Finding:
        return replace(finding, exhibits=exhibits(survey, found), evidence=evidence(survey, found))

    if rate.refused:
        return shown(unknown(rate.refused))
    said = (
        f"between {rate.low:.1%} and {rate.high:.1%} of {found.fitted:,} labels are wrong (95 %); "
        f"the probe contradicts {found.suspects:,} of {plural(len(found.rows), 'label')} that it judged"
    )
    if found.left_out:
        said += f" ({found.left_out:,} were not: too rare a class, unreadable, or too many)"
    if found.overlap:
        said += "; in a table equal inputs may rightly have different labels, so the lower end is 0"
    elif rate.low >= SMALL and not found.noisy:
        said += (
            f"; among the clearest of all classes together it may be {rate.surest:.1%} only, so that some classes may "
            "be alike to the probe instead of mislabelled"
        )
    if not found.noisy:
        return shown(passed(said))
    return shown(fired(said, f"less than {SMALL:.0%} of the labels wrong"))


def evidence(survey: Survey, found: Study) -> dict[str, object]:
    """The numbers behind the finding, the suspects ranked."""
    assert survey.labels is not None
    codes, names = survey.labels
    rate, top = found.rate, slice(0, min(RANKED, found.suspects))
    small = len(found.classes) <= MATRIX
    splits = {}
    for i, split in enumerate(survey.splits):
        part = found.margin[survey.split[found.rows] == i]
        if len(part):
            splits[split] = {"judged": len(part), "contradicted": int((part > 0).sum())}
    return {
        "interval": [round(rate.low, 4), round(rate.high, 4)],
        "clearest": [round(v, 4) for v in rate.clearest],
        "surest": round(rate.surest, 4),
        "fitted": found.fitted,
        "judged": len(found.rows),
        "left out": found.left_out,
        "accuracy": round(found.accuracy, 4),
        "splits": splits,
        "classes": list(found.names) if small else len(found.names),
        "transition": [[None if v != v else round(float(v), 3) for v in line] for line in found.matrix]
        if small
        else None,
        "suspects": [
            {"row": int(r), "given": names[codes[r]], "probably": names[s], "margin": round(float(m), 3)}
            for r, s, m in zip(found.rows[top], found.suggested[top], found.margin[top], strict=True)
        ],
    }


def _number(value: float) -> float | None:
    return None if value != value else round(float(value), 3)


def exhibits(survey: Survey, found: Study) -> tuple[Exhibit, ...]:
    """The suspects, most likely wrong first, and the pairs of classes with most of them."""
    assert survey.labels is not None
    codes, names = survey.labels
    rows, given, better = (v[: found.suspects] for v in (found.rows, codes[found.rows], found.suggested))
    if not len(rows):
        return ()

    def shown(caption: str, places: np.ndarray, total: int) -> Exhibit:
        notes = [f"probably {names[better[p]]}, margin {found.margin[p]:.2f}" for p in places]
        return survey.exhibit(caption, rows[places].tolist(), notes, total)

    out = [shown("labels most likely wrong, the surest first", np.arange(min(SHOWN, len(rows))), len(rows))]
    pair = given.astype(np.int64) * len(names) + better
    kinds, counts = np.unique(pair, return_counts=True)
    for i in np.argsort(-counts, kind="stable")[: PAIRS_SHOWN if len(found.classes) > 2 else 2]:
        a, b = divmod(int(kinds[i]), len(names))
        places = np.flatnonzero(pair == kinds[i])[:IN_A_PAIR]
        out.append(shown(f"given as {names[a]}, probably {names[b]}", places, int(counts[i])))
    return tuple(out)


INSPECTOR = Inspector(
    fault="labels-noisy",
    severity="warning",
    basis="experiment",
    judge=judge,
    kinds=("images", "table", "text", "series"),
    probe=True,
)


def _pictures(folder, wrong):
    import numpy as np

    chance = np.random.default_rng(0)
    labels = chance.integers(0, 3, 1500)
    pictures = chance.integers(0, 120, (1500, 16, 16), dtype=np.uint8)
    for label, shape in enumerate((np.s_[3:13, 7:9], np.s_[7:9, 3:13], np.s_[5:11, 5:11])):
        pictures[(labels == label, *shape)] += 80
    mislabelled = chance.random(1500) < wrong
    labels[mislabelled] = (labels[mislabelled] + chance.integers(1, 3, mislabelled.sum())) % 3
    np.savez(folder / "pictures.npz", x=pictures, y=labels)
    return ["pictures.npz"]


def bad(folder):
    return _pictures(folder, wrong=0.1)


def good(folder):
    return _pictures(folder, wrong=0)
