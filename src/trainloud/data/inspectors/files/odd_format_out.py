"""Is a picture of another format than all the rest of its class?

Why it matters: data of one origin comes in one format. The one GIF among JPEG photographs is mostly no photograph but
what a server sent in its place ("image not available"), and it stands there under a label.

Remedy: look at the pictures shown and remove what does not show its class.

Known limits: a heuristic: a sound picture may have come another way. A class in which several formats are common is
passed over; a format that goes with the class is told by the inspectors of shortcuts.

Source: own observation, on the placeholder GIF in torchvision's hymenoptera data.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import again, pictures
from trainloud.data.inspectors.files._told import SHOWN, TOLD
from trainloud.data.survey import Survey

RARE = 0.01  # share of a class up to which a format is odd in it
FEW = 2  # pictures of a class that may be odd in it, however small it is
LEAST = 20  # pictures of a class from which one format is its rule


def judge(survey: Survey) -> Finding:
    words = survey.measured.words
    if "file size" not in survey.measured.axes or "format" not in words:
        return unknown("the data holds arrays, not files")
    formats, names = words["format"]
    modes, mode_names = words["colour mode"]
    labels = survey.labels[0] if survey.labels is not None else np.zeros(len(survey), np.int32)
    odd: list[tuple[int, str]] = []
    asked = 0
    for label in np.unique(labels[labels >= 0]):
        rows = np.flatnonzero((labels == label) & (formats >= 0) & (modes >= 0))
        if len(rows) < LEAST:
            continue
        asked += 1
        counts = np.bincount(formats[rows], minlength=len(names))
        rule = int(counts.argmax())
        strange = rows[formats[rows] != rule]
        if not 0 < len(strange) <= max(RARE * len(rows), FEW):
            continue
        usual = f"{counts[rule]:,} of {len(rows):,} of its class are {names[rule]}"
        odd += [(int(r), f"{names[formats[r]]}, mode {mode_names[modes[r]]}; {usual}") for r in strange]
    if not asked:
        return unknown(f"no class has {LEAST} pictures, from which a format could be odd")
    if not odd:
        return passed(f"no picture is alone with its format in one of {asked:,} classes", odd=0)
    # What differs in its colour mode too is the odder.
    common = np.bincount(modes[modes >= 0]).argmax()
    odd.sort(key=lambda o: (modes[o[0]] == common, o[0]))
    verb = "is" if len(odd) == 1 else "are"
    first = f"{survey.data.name_of(odd[0][0])} ({odd[0][1]})"
    return fired(
        f"{len(odd):,} of {len(survey):,} pictures {verb} of another format than the rest of the class: {first}",
        "the format of the rest of the class",
        exhibits=[
            survey.exhibit(
                "odd format out", [r for r, _ in odd[:SHOWN]], [what for _, what in odd[:SHOWN]], total=len(odd)
            )
        ],
        odd=len(odd),
        names=[survey.data.name_of(r) for r, _ in odd[:TOLD]],
    )


INSPECTOR = Inspector(fault="odd-format-out", severity="note", basis="heuristic", judge=judge, kinds=("images",))


def bad(folder):
    from PIL import Image

    pictures(folder, ".jpg", count=60)
    Image.new("P", (24, 24)).save(folder / "data/cat/notFound.gif")
    return ["data"]


def good(folder):
    for file in pictures(folder, ".jpg", count=60)[::3]:
        again(file, format="PNG")
        file.rename(file.with_suffix(".png"))
    return ["data"]
