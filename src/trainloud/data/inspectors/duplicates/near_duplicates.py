"""Are there pictures that are nearly the same?

Why it matters: a picture saved again, cropped, brightened or mirrored, and the frames of one film, count several times
in every epoch. A random split puts them on both sides, so that the validation score is too good; where they carry
different labels, one of them is wrong.

Remedy: look at the groups shown, those with different labels first; keep one picture of each group, or keep each group
on one side of the split (`GroupShuffleSplit` with the group as key).

Known limits: pictures are compared at 32 pixels, by shape and colour, mirrored, enlarged up to 1.17 times and shifted
up to 6 of the 32 pixels; turned ones, half crops and the same object taken again are not found. Where all pictures are
alike by nature (clothes on black, digits) only those are told that are more alike than chance makes any, so that copies
with a shift or a coarser JPEG are missed there. Frames in a row are told in groups around one of them. Pictures under
16 pixels a side, and those that show next to nothing, are left out; equal ones are told elsewhere.

Source: Barz and Denzler 2020, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates"; the parts of the method
name theirs (`data/methods/`: likeness, neighbours, registration, coincidence).
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.copies import SURE, copies
from trainloud.data.methods.told_copies import aside, caption, contradicts, exhibit, groups, held, labelled
from trainloud.data.survey import Survey

GROUPS_SHOWN = 12
GROUPS_TOLD = 1000  # whose rows stand in the evidence
MANY = 0.01  # share of pictures with a near-duplicate, from which a random split leaks as much


def judge(survey: Survey) -> Finding:
    if survey.measured.thumbs is None or survey.measured.content is None:
        return unknown("the pictures were not measured")
    found = copies(survey)
    if found.why_not:
        return unknown(found.why_not)
    splits = held(survey)
    places = np.flatnonzero((splits[found.a] & splits[found.b]).any(axis=1))
    where = " of one split" if len(survey.splits) > 1 else ""
    expected = f"no two more alike than chance makes one pair in all (score {max(found.cut, SURE):.2f})"
    if not len(places):
        return passed(
            f"no two of {found.compared:,} different pictures{where} are more alike than chance makes them: score "
            f"{max(found.cut, SURE):.2f}{aside(found)}",
            pairs=0,
            likely=found.likely,
        )
    told = groups(survey, found, places)
    rows = sum(len(g.rows) for g in told)
    against = int(contradicts(labelled(survey), found.a[places], found.b[places]).sum())
    labels = f"; {against:,} of {plural(len(places), 'pair')} carry different labels" if against else ""
    return fired(
        f"{rows:,} of {found.compared:,} different pictures ({rows / found.compared:.2%}) are nearly the same as "
        f"another{where}, in {plural(len(told), 'group')} of up to {max(len(g.rows) for g in told):,}{labels}"
        f"{aside(found)}",
        expected,
        severity="warning" if against or rows >= MANY * found.compared else "note",
        exhibits=[exhibit(survey, g, caption(g)) for g in told[:GROUPS_SHOWN]],
        pairs=len(places),
        different_labels=against,
        likely=found.likely,
        members=[g.rows[:100].tolist() for g in told[:GROUPS_TOLD]],
    )


INSPECTOR = Inspector(fault="near-duplicates", severity="warning", basis="heuristic", judge=judge, kinds=("images",))


def bad(folder):
    from trainloud.data.inspectors.duplicates._copied import write

    return write(folder, copied=8, splits=("",))


def good(folder):
    from trainloud.data.inspectors.duplicates._copied import write

    return write(folder, copied=0, splits=("",))
