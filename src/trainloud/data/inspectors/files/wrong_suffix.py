"""Is every picture in the format that its suffix names?

Why it matters: readers that choose a decoder by the suffix (torchvision.io.decode_jpeg, TensorFlow, DALI) fail on such
a file; readers that look at the content do not notice that it came another way than the rest. A picture that was saved
again by a program is often another picture than its neighbours think: a placeholder, a screenshot, a preview.

Remedy: rename the files shown to what they are, or convert them; look at them first.

Known limits: only suffixes of picture formats are judged; files without a suffix are taken as what they are.

Source: Pillow, `Image.open` (the format is told by the content, never by the name).
"""

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import again, pictures
from trainloud.data.inspectors.files._told import SHOWN, TOLD, by_split, remarked, tally
from trainloud.data.survey import Survey


def judge(survey: Survey) -> Finding:
    if "file size" not in survey.measured.axes:
        return unknown("the data holds arrays, not files")
    found = remarked(survey, "named ")
    if not found:
        return passed(f"all {len(survey):,} pictures are what their suffix says", wrong=0)
    rows = sorted(found)
    said = tally(f"named {found[r]}" for r in rows)
    return fired(
        f"{len(rows):,} of {len(survey):,} pictures have another format than their suffix says"
        f"{by_split(survey, rows)}: {said}",
        "the format that the suffix names",
        exhibits=[
            survey.exhibit(
                "another format than its suffix", rows[:SHOWN], [f"named {found[r]}" for r in rows[:SHOWN]], len(rows)
            )
        ],
        wrong=len(rows),
        names=[survey.data.name_of(r) for r in rows[:TOLD]],
    )


INSPECTOR = Inspector(fault="wrong-suffix", severity="note", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    files = pictures(folder, ".jpg")
    again(files[7], format="PNG")
    return ["data"]


def good(folder):
    for file in pictures(folder, ".jpg")[::3]:
        again(file, format="PNG")
        file.rename(file.with_suffix(".png"))
    return ["data"]
