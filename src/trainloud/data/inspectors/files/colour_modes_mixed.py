"""Do the pictures come in several colour modes?

Why it matters: a batch needs one number of channels, so loading fails at the first odd picture, or a loader converts.
`convert("RGB")` drops what a transparent picture shows (its hidden colours come up) and cuts 16-bit values down, so
that the odd ones reach the network in another range than the rest.

Remedy: convert on purpose, in training and in use alike: `convert("RGB")` for grey and palette pictures, a background
under transparent ones, a division by 65,535 for 16 bits.

Known limits: grey pictures that are stored as RGB are no other mode; a set where one class alone has a mode is told by
the inspectors of shortcuts.

Source: Pillow, "Concepts: Modes"; torchvision, `datasets.folder.pil_loader` (converts to RGB).
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import again, pictures
from trainloud.data.inspectors.files._told import SHOWN
from trainloud.data.survey import Survey

DEEP = ("I", "F")  # modes of more than 8 bits begin so
RARE = 0.2  # share up to which the pictures of a mode are shown


def judge(survey: Survey) -> Finding:
    if "colour mode" not in survey.measured.words:
        return unknown("the colour modes were not measured")
    codes, modes = survey.measured.words["colour mode"]
    counts = np.bincount(codes[codes >= 0], minlength=len(modes))
    if len(modes) < 2:
        return passed(
            f"all {counts.sum():,} pictures have the mode {''.join(modes)}",
            modes=dict(zip(modes, counts.tolist(), strict=True)),
        )
    order = np.argsort(-counts, kind="stable")
    said = ", ".join(f"{counts[i]:,} {modes[i]}" for i in order)
    deep = {m.startswith(DEEP) or " " in m for m in modes}
    exhibits = []
    for i in order[1:]:
        if counts[i] <= RARE * counts.sum():
            rows = np.flatnonzero(codes == i)
            exhibits.append(survey.exhibit(f"mode {modes[i]}", rows[: SHOWN // 2].tolist(), total=len(rows)))
    depth = "; depths of 8 bits and of more are mixed, so that values differ by a factor of up to 257"
    return fired(
        f"{len(modes)} colour modes among {counts.sum():,} pictures: {said}{depth if len(deep) > 1 else ''}",
        "one colour mode, or a loader that converts",
        severity="warning" if len(deep) > 1 else "note",
        exhibits=exhibits,
        modes={modes[i]: int(counts[i]) for i in order},
    )


INSPECTOR = Inspector(fault="colour-modes-mixed", severity="note", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    for file in pictures(folder)[::6]:
        again(file, "L")
    return ["data"]


def good(folder):
    pictures(folder)
    return ["data"]
