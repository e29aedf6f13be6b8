"""Was anything in the data left unread?

Why it matters: what could not be read is missing from every number of this report, and it may be missing from the
training too: a link whose target was not copied along, a folder without permission, an encrypted entry of an archive.

Remedy: copy what links point to into the data, mend the permissions, unpack the archive with its password.

Known limits: links that lead out of the data are never followed, even where the training would follow them, and no
more than a safe size is expanded of an archive.

Source: CWE-59, "Improper Link Resolution Before File Access"; CWE-409, "Improper Handling of Highly Compressed Data".
"""

from trainloud.core.finding import Finding, fired, passed
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import pictures
from trainloud.data.inspectors.files._told import TOLD, no_examples, tally, troubles
from trainloud.data.measure.decode import TOO_LARGE
from trainloud.data.survey import Survey

KINDS = {
    "outside-link": "link out of the data",
    "broken-link": "broken link",
    "link-loop": "link in a circle",
    "special-file": "device, pipe or socket",
    "unreadable": "unreadable",
    "encrypted": "encrypted",
    "too-large": "too large",
    "truncated": "cut off",
    "repeated-name": "name that stands in the archive twice",
}


def judge(survey: Survey) -> Finding:
    found = troubles(survey, KINDS)
    large = {row: r for row, remarks in survey.measured.remarks.items() for r in remarks if r.startswith(TOO_LARGE)}
    if not found and not large:
        return passed(f"nothing was left unread beside {len(survey):,} examples", unread=0)
    said = []
    exhibits = []
    if found:
        said.append(
            f"{plural(len(found), 'entry', 'entries')} of the data not read: {tally(KINDS[t.kind] for t in found)}"
        )
        exhibits.append(no_examples("not read", found))
    if large:
        said.append(f"{plural(len(large), 'picture')} of {len(survey):,} too large to decode")
        rows = sorted(large)
        exhibits.append(survey.exhibit("not decoded", rows[:12], [large[r] for r in rows[:12]], len(rows)))
    return fired(
        "; ".join(said),
        "every entry of the data read",
        exhibits=exhibits,
        unread=len(found),
        not_decoded=len(large),
        names=[t.name for t in found[:TOLD]],
    )


INSPECTOR = Inspector(fault="unread-entries", severity="warning", basis="proof", judge=judge)


def bad(folder):
    files = pictures(folder)
    files[1].rename(folder / "outside.png")
    files[1].symlink_to(folder / "outside.png")
    files[3].unlink()
    files[3].symlink_to("gone.png")
    return ["data"]


def good(folder):
    files = pictures(folder)
    files[1].with_name("99.png").symlink_to(files[1].name)
    return ["data"]
