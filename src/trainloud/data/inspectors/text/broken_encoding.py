"""Were texts read in the wrong encoding, or damaged before they were written?

Why it matters: "Ã©" for "é" splits words into pieces that the tokenizer has never seen, so the same word has two
forms; U+FFFD marks characters that are lost for good; and where only one source or class was damaged, the damage
predicts the label.

Remedy: read the source again in its own encoding. "Ã©" is mended by `text.encode("cp1252").decode("utf-8")`, "\\x92"
in place of an apostrophe by `text.encode("latin-1").decode("cp1252")`; what became U+FFFD must be fetched again; other
control characters can be dropped.

Known limits: only damage that shows in the characters is seen: a text in Windows-1251 that was read as Latin-1
consists of sound letters. A text about encodings may quote such sequences on purpose.

Source: RFC 3629 for UTF-8; Speer 2019, "ftfy: fixes text for you", for the sequences that only wrong decoding makes.
"""

import re

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.measure.text import GARBLED
from trainloud.data.survey import Survey

FEW = 0.001  # share of the texts up to which it is worth knowing but spoils nothing
SHOWN = 12
AXES = {
    "garbled sequences": "sequences that UTF-8 read as Latin-1 leaves",
    "replacement characters": "U+FFFD, a character that was lost",
    "control characters": "control characters",
}
_GARBLED = re.compile(re.sub(r"\\x\{(..)\}", r"\\x\1", GARBLED))
_STRAY = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd]")


def judge(survey: Survey) -> Finding:
    axes = survey.measured.axes
    if not all(a in axes for a in AXES):
        return unknown("the characters of the texts were not counted")
    n = len(survey)
    hit = {a: np.flatnonzero(np.nan_to_num(axes[a]) > 0) for a in AXES}
    met = [t for t in survey.data.troubles if t.kind == "encoding"]
    rows = np.unique(np.concatenate(list(hit.values())))
    if not len(rows) and not met:
        return passed(f"none of {n:,} texts holds a garbled sequence, U+FFFD or a control character", rows=0)
    said = [f"{len(r):,} hold {AXES[a]} ({int(axes[a][r].sum()):,} in all)" for a, r in hit.items() if len(r)]
    if met:
        said.append(f"reading met {len(met):,} broken place{'s' * (len(met) > 1)}, first {met[0].name}: {met[0].what}")
    worst = rows[np.argsort(-sum(np.nan_to_num(axes[a][rows]) for a in AXES), kind="stable")]
    share = len(rows) / max(n, 1)
    return fired(
        f"of {n:,} texts {'; '.join(said)}",
        "texts in one sound encoding",
        severity="note" if share <= FEW else None,
        exhibits=[survey.exhibit("damaged texts", worst[:SHOWN].tolist(), _notes(survey, worst[:SHOWN]), len(rows))]
        if len(rows)
        else (),
        rows={a: r[:1000].tolist() for a, r in hit.items()},
        places=[{"where": t.name, "what": t.what} for t in met[:100]],
        share=share,
    )


def _notes(survey: Survey, rows: np.ndarray) -> list[str]:
    """What stands in each text, with a few letters around it."""
    notes = []
    for row in rows:
        text = survey.texts[int(row)].as_py() or ""
        found = [m.start() for m in list(_GARBLED.finditer(text))[:2] + list(_STRAY.finditer(text))[:2]]
        notes.append(", ".join(repr(text[max(at - 8, 0) : at + 10]) for at in found[:3]))
    return notes


INSPECTOR = Inspector(
    fault="broken-encoding", severity="warning", basis="heuristic", judge=judge, kinds=("text", "characters")
)


def bad(folder):
    lines = [f"Der Fluß fließt über die Brücke, Nummer {i}" for i in range(60)]
    broken = [line.encode().decode("cp1252", "replace") for line in lines]
    (folder / "texts.txt").write_text("\n".join(lines + broken), encoding="utf-8")
    return ["texts.txt"]


def good(folder):
    lines = [f"Der Fluß fließt über die Brücke, SÃO Paulo, Âge d'or, Nummer {i}" for i in range(60)]
    (folder / "texts.txt").write_text("\n".join(lines), encoding="latin-1")
    return ["texts.txt"]
