"""Are there pictures that show nothing?

Why it matters: a picture of one colour is a failed download, a closed shutter, a tile beyond the edge of the scan. It
carries a label all the same, and the network learns that "nothing" means that class.

Remedy: look at the pictures shown; remove them, or give them a class of their own where they are meant.

Known limits: blank slices at the ends of a volume and blank tiles are blank by nature. Nearly blank pictures are told
by outlying-examples.

Source: CleanVision, "low information" images; here the picture's grey levels must be equal to within rounding.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import again, pictures
from trainloud.data.inspectors.files._told import SHOWN, TOLD, by_split, remarked, tally
from trainloud.data.measure.images import FINE
from trainloud.data.survey import Survey

FLAT = 0.5  # grey levels of standard deviation: what rounding of JPEG leaves of one colour


def judge(survey: Survey) -> Finding:
    axes = survey.measured.axes
    if "contrast" not in axes:
        return unknown("no picture was decoded")
    contrast, brightness = axes["contrast"], axes["brightness"]
    with np.errstate(invalid="ignore"):
        flat = contrast < FLAT
        if "colour spread" in axes:
            flat &= axes["colourfulness"] - 0.3 * np.hypot(axes["red minus green"], axes["yellow minus blue"]) < FLAT
        flat &= axes["width"] * axes["height"] > 1  # one pixel cannot show more
    fine = remarked(survey, FINE)
    rows = [r for r in np.flatnonzero(flat).tolist() if r not in fine]
    if not rows:
        return passed(f"none of {len(survey):,} pictures is of one colour", blank=0)
    notes = [f"grey level {brightness[r]:.0f} of 255 everywhere" for r in rows]
    verb = "is" if len(rows) == 1 else "are"
    classes = f"; classes: {tally(survey.label_of(r) for r in rows)}" if survey.labels is not None else ""
    return fired(
        f"{len(rows):,} of {len(survey):,} pictures {verb} of one colour all over{by_split(survey, rows)}{classes}",
        "pictures that show something",
        exhibits=[survey.exhibit("blank", rows[:SHOWN], notes[:SHOWN], total=len(rows))],
        blank=len(rows),
        names=[survey.data.name_of(r) for r in rows[:TOLD]],
    )


INSPECTOR = Inspector(fault="blank-pictures", severity="note", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    from PIL import Image

    file = pictures(folder)[3]
    Image.new("RGB", (24, 24), (0, 0, 0)).save(file)
    return ["data"]


def good(folder):
    for file in pictures(folder)[::2]:
        again(file, "L")
    return ["data"]
