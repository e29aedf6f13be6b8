"""Does every mask fit its picture?

Why it matters: a mask of another size is scaled or cropped until it covers the wrong pixels, or ends the training with
an error of shapes; a mask that cannot be read teaches nothing.

Remedy: make the masks shown again at the size of their pictures (by nearest neighbour, never by interpolation: it
invents classes), and fetch again those that cannot be read.

Known limits: that a mask has the size of its picture does not say that it lies on what it marks. Masks that are
smaller by design (by one factor for all pictures) are a note.

Source: Long, Shelhamer, Darrell 2015, "Fully Convolutional Networks for Semantic Segmentation", section 4.
"""

import re

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._told import SHOWN, TOLD, no_examples, remarked, tally, troubles
from trainloud.data.measure.images import MASK
from trainloud.data.survey import Survey

SIZES = re.compile(r"(\d+) x (\d+) for a picture of (\d+) x (\d+)")


def judge(survey: Survey) -> Finding:
    if survey.data.masks is None:
        return unknown("the data has no masks")
    found = remarked(survey, MASK)
    without = troubles(survey, ("no-mask",))
    if not found and not without:
        return passed(f"all masks of {len(survey):,} pictures have the size of their pictures", wrong=0)
    rows = sorted(found)
    sizes = {r: m for r in rows if (m := SIZES.fullmatch(found[r]))}
    factors = {(int(m[3]) / int(m[1]), int(m[4]) / int(m[2])) for m in sizes.values()}
    by_design = len(sizes) == len(survey) and len(factors) == 1
    said = []
    if sizes:
        said.append(f"{len(sizes):,} of {len(survey):,} masks have another size than their picture")
    if len(sizes) < len(rows):
        kinds = tally(found[r] for r in rows if r not in sizes)
        said.append(f"{len(rows) - len(sizes):,} of {len(survey):,} cannot be read: {kinds}")
    if without:
        said.append(f"{plural(len(without), 'picture')} without a mask in a folder that has masks")
    exhibits = [no_examples("no mask", without)] if without else []
    if rows:
        shown = rows[:SHOWN]
        exhibits.insert(0, survey.exhibit("the mask does not fit", shown, [found[r] for r in shown], len(rows)))
    return fired(
        "; ".join(said),
        "a mask of its picture's size for every picture",
        severity=("note" if by_design else "error") if rows else "warning",
        exhibits=exhibits,
        wrong=len(rows),
        without=len(without),
        names=[survey.data.name_of(r) for r in rows[:TOLD]],
    )


INSPECTOR = Inspector(fault="mask-mismatch", severity="error", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    _masked(folder, (10, 10))
    return ["data"]


def good(folder):
    _masked(folder, (24, 24))
    return ["data"]


def _masked(folder, size):
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / "data" / name).mkdir(parents=True)
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(folder / f"data/images/{i:02d}.png")
        side = size if i == 7 else (24, 24)
        mask = Image.fromarray((rng.random(side) > 0.5).astype(np.uint8) * 255)
        mask.save(folder / f"data/masks/{i:02d}.png")
