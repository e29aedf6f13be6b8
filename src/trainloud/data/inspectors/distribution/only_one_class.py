"""Is there anything to tell apart?

Why it matters: with one class every answer is right, the loss goes to zero in a few steps, and nothing was learned.

Remedy: check that the right column or the right folder was taken for the target (`--target`), and that the other
classes were copied along.

Known limits: detection of the unlike (one-class learning) trains on one class by design; then no target should be
named (`--task none`).

Source: Karpathy 2019, "A Recipe for Training Neural Networks", step 1.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.survey import Survey


def judge(survey: Survey) -> Finding:
    if survey.labels is None:
        return _number(survey)
    codes, names = survey.labels
    trained = codes[survey.training & (codes >= 0)]
    if not len(trained):
        return unknown("no example of the training split has a label")
    counts = np.bincount(trained, minlength=len(names))
    if (counts > 0).sum() > 1:
        return passed(f"{(counts > 0).sum():,} classes in the training split", classes=int((counts > 0).sum()))
    only = int(counts.argmax())
    return fired(
        f"all {len(trained):,} training examples have the label {names[only]}: there is nothing to learn",
        "two classes or more",
        exhibits=[
            survey.exhibit(f"all are {names[only]}", np.flatnonzero(survey.training)[:8].tolist(), total=len(trained))
        ],
        label=names[only],
        examples=len(trained),
    )


def _number(survey: Survey) -> Finding:
    """The same of a target that is a number."""
    if survey.values is None:
        return unknown("there is no target")
    trained = survey.values[survey.training & np.isfinite(survey.values)]
    if not len(trained):
        return unknown("no example of the training split has a target")
    if len(trained) == 1 or trained.min() < trained.max():
        return passed(f"the target runs from {trained.min():g} to {trained.max():g}")
    return fired(
        f"the target is {trained[0]:g} in all {len(trained):,} training examples: there is nothing to learn",
        "a target that varies",
        examples=len(trained),
    )


INSPECTOR = Inspector(fault="only-one-class", severity="error", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},yes" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
