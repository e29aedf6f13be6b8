"""Do pictures lie on their side, with a note in their EXIF data how to turn them?

Why it matters: viewers turn such a picture, Pillow and torchvision's ImageFolder do not: the network sees it lying on
its side or upside down while its author sees it upright. OpenCV turns it, so two loaders give two pictures.

Remedy: turn on loading (`PIL.ImageOps.exif_transpose`), in training and in use alike, or save the files turned.

Known limits: whether the turned picture is the upright one is the camera's word; the EXIF data of an edited picture may
be older than its pixels.

Source: EXIF 2.32, tag 274 (Orientation); Pillow, `ImageOps.exif_transpose`.
"""

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import again, exif, pictures
from trainloud.data.inspectors.files._told import SHOWN, TOLD, by_split, remarked, tally
from trainloud.data.survey import Survey

MEANING = {
    "2": "mirrored",
    "3": "upside down",
    "4": "mirrored upside down",
    "5": "mirrored on its side",
    "6": "to be turned right",
    "7": "mirrored on its other side",
    "8": "to be turned left",
}
FEW = 0.01  # share of turned pictures up to which training hardly feels them: a note


def judge(survey: Survey) -> Finding:
    if "file size" not in survey.measured.axes:
        return unknown("the data holds arrays, not files")
    found = remarked(survey, "EXIF orientation ")
    if not found:
        return passed(f"none of {len(survey):,} pictures is to be turned", turned=0)
    rows = sorted(found)
    share = len(rows) / len(survey)
    kinds = tally(MEANING[found[r]] for r in rows)
    alike = len(rows) == len(survey) and len(set(found.values())) == 1
    return fired(
        f"{len(rows):,} of {len(survey):,} pictures ({share:.1%}){by_split(survey, rows)} are turned by their EXIF "
        f"data only, which most loaders do not read: {kinds}",
        "pixels that are stored upright",
        severity="note" if share <= FEW or alike else "warning",
        exhibits=[
            survey.exhibit(
                "turned by EXIF (shown upright)", rows[:SHOWN], [MEANING[found[r]] for r in rows[:SHOWN]], len(rows)
            )
        ],
        turned=len(rows),
        names=[survey.data.name_of(r) for r in rows[:TOLD]],
    )


INSPECTOR = Inspector(fault="rotated-by-exif", severity="warning", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    for file in pictures(folder, ".jpg", (24, 32, 3), exif=exif(1))[::3]:
        again(file, exif=exif(6))
    return ["data"]


def good(folder):
    pictures(folder, ".jpg", (24, 32, 3), exif=exif(1))
    return ["data"]
