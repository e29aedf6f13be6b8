"""Do the names of the files tell the classes apart, though they do not spell them?

Why it matters: a network does not see names, but a name tells where a file comes from: another camera, another day,
another web site for each class. What came together shares more than its content (light, compression, author), and a
split by name or by number puts classes apart.

Remedy: find out what the names stand for, and test on files of a making that no class has for itself. Split at random
or by source, not by the order of names.

Known limits: of a name without its folders only the letters before its first digit, and that first number, are read;
names that spell their own class are no sign of anything. Numbers run on where classes were numbered one after another;
that is harmless unless a split follows them.

Source: Torralba and Efros 2011, "Unbiased Look at Dataset Bias"; Zech et al. 2018, "Variable generalization
performance of a deep learning model to detect pneumonia", where the hospital predicted the finding.
"""

import re

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.binned import Binned, bin_numbers, bin_words
from trainloud.data.methods.one_against_rest import FEWEST, Labelled, areas, bins_for, corrected, labelled
from trainloud.data.survey import Survey

ROWS = 10_000
LEAST = 0.85  # area under the ROC curve, lower end: names that merely lean to a class stay below
EXAMPLES = 4
FILE = re.compile(r"\.[A-Za-z0-9]{1,5}$|/")  # a name with a suffix or a folder; "table.csv:18" and "row 18" are none
PARTS = re.compile(r"^([^\d]*)(\d{1,15})?")


def judge(survey: Survey) -> Finding:
    if survey.task != "classes":
        return unknown("there are no class labels")
    data = labelled(survey, ROWS)
    if data is None:
        return unknown(f"fewer than two classes have {FEWEST} labelled training rows")
    names = [survey.data.name_of(int(r)) for r in data.rows]
    if not all(FILE.search(n) for n in names[:100]):
        return unknown("the examples are no files of their own")
    stems = [n.rsplit("/", 1)[-1] for n in names]
    columns = _columns(stems, data)
    found = {k: areas(c, data) for k, c in columns.items() if c.size > 1}
    if not found:
        return passed(
            f"{len(stems):,} file names begin alike and hold no number, or spell their class", names=len(stems)
        )
    z = corrected(sum(int(np.isfinite(a.area).sum()) for a in found.values()))
    lows = {k: np.nan_to_num(a.area - z * a.error, nan=0.0) for k, a in found.items()}
    part = max(lows, key=lambda k: lows[k].max())
    label = int(lows[part].argmax())
    area = float(found[part].area[label])
    said = (
        f"the {part} in the file name tells {data.names[label]!r} from the rest, area under the ROC curve {area:.3f} "
        f"(at least {max(lows[part][label], 0):.3f}), on {len(stems):,} files"
    )
    if lows[part][label] < LEAST:
        return passed(said, names=len(stems), area=area)
    telling = int((lows[part] >= LEAST).sum())
    mine = data.rows[data.codes == label]
    others = data.rows[data.codes != label]
    rows = [*survey.sample(EXAMPLES, mine).tolist(), *survey.sample(EXAMPLES, others).tolist()]
    return fired(
        f"{said}; {telling} of {len(data.names)} classes can be told like that",
        f"names that say nothing of the class (an area under {LEAST})",
        exhibits=[survey.exhibit(f"names of {data.names[label]!r}, then of others", rows, (), len(mine))],
        area=area,
        part=part,
        classes=telling,
    )


def _columns(stems: list[str], data: Labelled) -> dict[str, Binned]:
    """The letters before the first digit, and the first number; letters that spell the class count as none."""
    parts = [PARTS.match(s) for s in stems]
    begins = [p.group(1).lower() if p else "" for p in parts]
    keys = [re.sub(r"[^a-z]", "", n.lower()) for n in data.names]
    spelt = [_spells(b, keys[c]) for b, c in zip(begins, data.codes.tolist(), strict=True)]
    found = {
        "number": bin_numbers(
            np.array([float(p.group(2)) if p and p.group(2) else np.nan for p in parts]), bins_for(len(parts))
        )
    }
    if np.mean(spelt) < 0.5:
        words = sorted(set(begins))
        place = {w: i for i, w in enumerate(words)}
        found["beginning"] = bin_words(np.array([place[b] for b in begins], np.int32), words)
    return found


def _spells(begin: str, key: str) -> bool:
    begin = re.sub(r"[^a-z]", "", begin)
    return len(begin) > 1 and len(key) > 1 and (begin.startswith(key[:4]) or key.startswith(begin) or key in begin)


INSPECTOR = Inspector(
    fault="file-name-predicts-label", severity="note", basis="heuristic", judge=judge, kinds=("images", "text")
)


def _write(folder, begin):
    import random

    chance = random.Random(0)
    for _ in range(60):
        for name in ("pro", "con"):
            path = folder / "texts" / name / f"{begin[name]}{chance.randrange(10**6):06d}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                " ".join(chance.choices(["ship", "sails", "wind", "harbour", "night", "crew", "storm", "rope"], k=20))
            )
    return ["texts"]


def bad(folder):
    return _write(folder, {"pro": "DSC_", "con": "IMG"})


def good(folder):
    return _write(folder, {"pro": "mail_", "con": "mail_"})
