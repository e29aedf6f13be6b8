"""Can every picture be decoded to its last pixel?

Why it matters: one file that cannot be decoded ends a training hours after its start, when a worker first meets it. If
the loader skips it or fills it up with grey, the network is trained on nothing under a label.

Remedy: fetch the files shown again from where they came, or remove them together with their rows in the table of
labels. Do not set LOAD_TRUNCATED_IMAGES: it trains on the grey rest.

Known limits: single flipped bits inside coded pixels often leave a file that every decoder takes for sound. HEIF and
JPEG XL are told as undecodable, since Pillow and torchvision need plugins for them.

Source: libjpeg's `jerror.h` (the warnings that most readers pass over) and Pillow, `ImageFile.LOAD_TRUNCATED_IMAGES`.
"""

from trainloud.core.finding import Finding, fired, passed
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import pictures
from trainloud.data.inspectors.files._told import SHOWN, TOLD, by_split, tally
from trainloud.data.survey import Survey


def judge(survey: Survey) -> Finding:
    errors = survey.measured.errors
    if not errors:
        return passed(f"all {len(survey):,} pictures were decoded to their last pixel", undecodable=0)
    rows = sorted(errors)
    kinds = tally(_kind(errors[r]) for r in rows)
    return fired(
        f"{len(rows):,} of {len(survey):,} pictures cannot be decoded{by_split(survey, rows)}: {kinds}",
        f"{len(survey):,} pictures that can be decoded",
        exhibits=[
            survey.exhibit("cannot be decoded", rows[:SHOWN], [errors[r] for r in rows[:SHOWN]], total=len(rows)),
        ],
        undecodable=len(rows),
        names=[survey.data.name_of(r) for r in rows[:TOLD]],
    )


def _kind(error: str) -> str:
    """The part of the reason that files have in common."""
    reason = error.removeprefix("cannot be decoded: ").removeprefix("no picture: ").removeprefix("it is ")
    return reason.split(",")[0].split(" (")[0]


INSPECTOR = Inspector(fault="undecodable-files", severity="error", basis="proof", judge=judge, kinds=("images",))


def bad(folder):
    files = pictures(folder, ".jpg")
    whole = files[1].read_bytes()
    files[1].write_bytes(whole[: len(whole) // 2])
    files[2].write_bytes(b"<!DOCTYPE html><html>404</html>")
    files[4].write_bytes(b"")
    return ["data"]


def good(folder):
    pictures(folder, ".jpg")
    return ["data"]
