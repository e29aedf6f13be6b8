"""Are there files in the data that are no examples?

Why it matters: a loader that takes every file of a folder stumbles over them or, worse, takes a folder of thumbnails
for a class. What lies beside the data often says that it was not copied as it was meant.

Remedy: remove the files shown, or give the loader the list of suffixes that it may take.

Known limits: files that come with a data set on purpose (a licence, a list of classes) are told too.

Source: torchvision, `datasets.folder.IMG_EXTENSIONS` (files without these suffixes are passed over in silence).
"""

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.files._made import pictures
from trainloud.data.inspectors.files._told import TOLD, no_examples, troubles
from trainloud.data.methods.columns import listed
from trainloud.data.survey import Survey


def judge(survey: Survey) -> Finding:
    if survey.measured.thumbs is None and not survey.data.troubles:
        return unknown("the data is no folder of files")
    found = troubles(survey, ("stray-file",)) + troubles(survey, ("system-file",))
    if not found:
        return passed("every file of the data is an example or describes them", stray=0)
    verb = "is no example" if len(found) == 1 else "are no examples"
    return fired(
        f"{plural(len(found), 'file')} beside {len(survey):,} examples {verb}: {listed((t.name for t in found), 3)}",
        "examples only",
        exhibits=[no_examples("no examples", found)],
        stray=len(found),
        names=[t.name for t in found[:TOLD]],
    )


INSPECTOR = Inspector(fault="stray-files", severity="note", basis="proof", judge=judge)


def bad(folder):
    pictures(folder)
    (folder / "data/cat/Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0 thumbnails")
    (folder / "data/.DS_Store").write_bytes(b"\0\0\0\x01Bud1")
    return ["data"]


def good(folder):
    pictures(folder)
    return ["data"]
