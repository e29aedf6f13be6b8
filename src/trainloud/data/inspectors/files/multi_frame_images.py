"""Does any file hold several frames?

Why it matters: a loader takes the first frame and nothing else, which is often a title, a blank or a preview; the rest
of an animation or of a stack of slices is never seen.

Remedy: look at the files shown; save the frame that is meant as a picture of its own, or load all frames on purpose.

Known limits: frames are counted, not compared; thumbnails that a file carries in its metadata are no frames.

Source: Pillow, "Sequences": `Image.open` gives frame 0, `seek` the others.
"""

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import again, pictures
from trainloud.data.inspectors.files._told import SHOWN, TOLD, by_split
from trainloud.data.survey import Survey

FRAMES = " frames"


def judge(survey: Survey) -> Finding:
    if "file size" not in survey.measured.axes:
        return unknown("the data holds arrays, not files")
    found = {r: m for r, remarks in survey.measured.remarks.items() for m in remarks if m.endswith(FRAMES)}
    if not found:
        return passed(f"each of {len(survey):,} files holds one frame", files=0)
    frames = {row: int(m.removesuffix(FRAMES).replace(",", "")) for row, m in found.items()}
    rows = sorted(frames, key=lambda r: (-frames[r], r))
    verb = "holds" if len(rows) == 1 else "hold"
    return fired(
        f"{len(rows):,} of {len(survey):,} files {verb} more than one frame{by_split(survey, rows)}, "
        f"up to {frames[rows[0]]:,}; loaders take the first",
        "one frame a file",
        exhibits=[survey.exhibit("first of several frames", rows[:SHOWN], [found[r] for r in rows[:SHOWN]], len(rows))],
        files=len(rows),
        most=frames[rows[0]],
        names=[survey.data.name_of(r) for r in rows[:TOLD]],
    )


INSPECTOR = Inspector(fault="multi-frame-images", severity="note", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    import numpy as np
    from PIL import Image

    files = pictures(folder, ".gif", (24, 24))
    later = [Image.fromarray(np.full((24, 24), grey, np.uint8)) for grey in (50, 200)]
    again(files[5], save_all=True, append_images=later)
    return ["data"]


def good(folder):
    pictures(folder, ".gif", (24, 24))
    return ["data"]
