"""Do rows of one patient, speaker or recording stand in the training and in another split?

Why it matters: rows of one group are alike. A network that has seen the patient knows him again in the validation data,
and the score says how well it remembers, not how well it will do with the next patient.

Remedy: split by group: all rows of one value in one split (`GroupKFold` in scikit-learn). Name the column with
`--group` to have it held.

Known limits: sure only for the group that is named. Without one, columns whose values repeat a few times and from which
other columns follow, and files whose names begin alike and whose contents agree, are told as a note.

Source: Saeb, Lonini, Jayaraman, Mohr, Kording 2017, "The need to approximate the use-case in clinical machine
learning", GigaScience 6(5); Roberts et al. 2017, "Cross-validation strategies for data with ... structure".
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.entities import Grouping, codes_of, of_columns, of_names
from trainloud.data.survey import Survey

STRADDLE = 0.05  # share of the groups of several rows that must straddle, where no group is named
GROUPS_SHOWN = 4


def judge(survey: Survey) -> Finding:
    if len(survey.splits) < 2:
        return unknown("the data is not split")
    if survey.group:
        if survey.group not in survey.data.roles:
            return unknown(f"there is no column {survey.group}")
        return _named(survey, Grouping(survey.group, codes_of(survey, survey.group), ""))
    candidates = of_columns(survey) if survey.columns else []
    by_name = of_names(survey) if survey.measured.axes and survey.kind == "images" else None
    candidates += [by_name] if by_name is not None else []
    if not candidates:
        return unknown("no column and no file name looks like a group; name one with --group")
    worst = max(candidates, key=lambda g: _straddling(survey, g.codes)[1])
    both, share, several = _straddling(survey, worst.codes)
    if share < STRADDLE:
        return passed(
            f"{len(both):,} of {plural(several, 'group')} by {worst.name} "
            f"{'straddles' if len(both) == 1 else 'straddle'} the splits",
            groups=len(both),
        )
    return fired(
        f"{len(both):,} of {plural(several, 'group')} of several rows by {worst.name} "
        f"{'has' if len(both) == 1 else 'have'} rows in {_splits(survey)}: "
        f"{worst.why}",
        f"if {worst.name} tells things apart that are met again, all rows of one in one split",
        severity="note",
        basis="heuristic",
        exhibits=_exhibits(survey, worst.codes, both),
        group=worst.name,
        groups=len(both),
        of=several,
    )


def _named(survey: Survey, group: Grouping) -> Finding:
    both, _, _ = _straddling(survey, group.codes)
    known = np.unique(group.codes[group.codes >= 0])
    if not len(both):
        return passed(f"{plural(len(known), 'value')} of {group.name}: none stands in two splits", groups=0)
    rows = np.isin(group.codes, both) & ~survey.training
    return fired(
        f"{len(both):,} of {plural(len(known), 'value')} of {group.name} {'has' if len(both) == 1 else 'have'} "
        f"rows in several of {_splits(survey)}; "
        f"{int(rows.sum()):,} of {int((~survey.training).sum()):,} rows outside training "
        f"{'belongs' if rows.sum() == 1 else 'belong'} to one of them",
        f"all rows of one {group.name} in one split",
        exhibits=_exhibits(survey, group.codes, both),
        remedy=f"split by {group.name}: all rows of one value in one split (GroupKFold in scikit-learn).",
        group=group.name,
        groups=len(both),
        of=len(known),
    )


def _straddling(survey: Survey, codes: np.ndarray) -> tuple[np.ndarray, float, int]:
    """(groups with rows in two splits, their share of the groups with several rows, how many those are)."""
    known = codes >= 0
    pairs = np.unique(codes[known].astype(np.int64) * len(survey.splits) + survey.split[known])
    group, splits = np.unique(pairs // len(survey.splits), return_counts=True)
    several = int((np.bincount(codes[known]) > 1).sum()) if known.any() else 0
    both = group[splits > 1]
    return both, len(both) / several if several else 0.0, several


def _splits(survey: Survey) -> str:
    return " and ".join(survey.splits)


def _exhibits(survey: Survey, codes: np.ndarray, both: np.ndarray) -> list:
    shown = []
    for value in both[:GROUPS_SHOWN]:
        rows = np.flatnonzero(codes == value)
        picked = [int(r) for s in range(len(survey.splits)) for r in rows[survey.split[rows] == s][:3]]
        shown.append(survey.exhibit("one group, two splits", picked, total=len(rows)))
    return shown


INSPECTOR = Inspector(
    fault="groups-straddle-splits",
    severity="error",
    basis="proof",
    judge=judge,
)


def _parts(folder, patients):
    for part, chosen in patients.items():
        rows = [f"P{p:03d},{p * 7 % 13},{v * 5 % 31},{(p + v) % 2}" for p in chosen for v in range(3)]
        (folder / f"{part}.csv").write_text("patient,age,dose,answer\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "answer", "--group", "patient"]


def bad(folder):
    return _parts(folder, {"train": range(80), "test": range(70, 100)})


def good(folder):
    return _parts(folder, {"train": range(70), "test": range(70, 100)})
