"""Are some classes much rarer than others?

Why it matters: a constant answer already reaches the share of the largest class, so accuracy says little, and a class
with a handful of examples is neither learned nor measured: two right answers of three are 67 % with an interval of 21
to 94 %.

Remedy: judge by a measure that counts every class alike (balanced accuracy, macro F1, average precision) beside the
best constant named here; weigh the loss or sample the rare classes more often only if the measure asks for it; gather
more of the rarest.

Known limits: imbalance may be how the world is: fraud is rare. It is a warning only where the rarest class has fewer
examples than can be learned from, or than there are splits to hold one each; otherwise a note, however uneven.

Source: Japkowicz and Stephen 2002, "The class imbalance problem: a systematic study"; Brodersen et al. 2010, "The
balanced accuracy and its posterior distribution".
"""

from typing import Any

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed
from trainloud.data.methods.statistics import wilson
from trainloud.data.survey import Survey

UNEVEN = 5.0  # largest by smallest class from which it is told: below, a random batch of 32 holds all of a few classes
CONSTANT = 0.95  # accuracy of the best constant from which it is said that accuracy is no measure
RAREST = 5  # examples below which a class is not learned, let alone measured


def judge(survey: Survey) -> Finding:
    if survey.labels is None:
        return unknown("there are no class labels")
    codes, names = survey.labels
    trained = codes[survey.training & (codes >= 0)]
    counts = np.bincount(trained, minlength=len(names))
    there = np.flatnonzero(counts)
    if len(there) < 2:
        return unknown(f"the training split has {plural(len(there), 'class', 'classes')}")
    most, least = int(there[np.argmax(counts[there])]), int(there[np.argmin(counts[there])])
    ratio = counts[most] / counts[least]
    constant = counts[most] / len(trained)
    numbers: dict[str, Any] = {
        "ratio": float(ratio),
        "best_constant": float(constant),
        "counts": {names[i]: int(counts[i]) for i in there[np.argsort(-counts[there], kind="stable")][:200]},
    }
    said = f"each of {len(there):,} classes has {counts[most]:,} training examples; "
    if ratio > 1:
        times = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
        said = (
            f"the largest of {len(there):,} classes ({names[most]}: {counts[most]:,}) has {times} times as many "
            f"training examples as the smallest ({names[least]}: {counts[least]:,}); "
        )
    said += f"the best constant answer has an accuracy of {constant:.1%}{_elsewhere(survey, most)}"
    if ratio < UNEVEN:
        return passed(said, **numbers)
    if constant >= CONSTANT:
        said += ", so that accuracy is no measure here"
    few_are = max(RAREST, len(survey.splits))
    rare = [names[i] for i in there if counts[i] < few_are]
    if rare:
        said += f"; {plural(len(rare), 'class has', 'classes have')} fewer than {few_are} examples: {listed(rare)}"
    few = np.flatnonzero(survey.training & (codes == least))
    return fired(
        said,
        f"classes within a factor of {UNEVEN:g} of each other",
        severity="warning" if rare else "note",
        exhibits=[survey.exhibit(f"the rarest class, {names[least]}", few[:8].tolist(), total=len(few))],
        rare=rare[:200],
        **numbers,
    )


def _elsewhere(survey: Survey, most: int) -> str:
    """What answering the largest class of the training split gives in the others."""
    assert survey.labels is not None
    codes, _ = survey.labels
    said = []
    for i, split in enumerate(survey.splits):
        own = codes[(survey.split == i) & (codes >= 0) & ~survey.training]
        if (own == most).any():  # a class of another spelling there is told by another inspector
            low, high = wilson(float((own == most).sum()), len(own))
            said.append(f"{np.mean(own == most):.1%} in {split} ({low:.1%} to {high:.1%})")
    return f" and of {listed(said)}" if said else ""


INSPECTOR = Inspector(fault="class-imbalance", severity="warning", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{'fraud' if i % 70 == 3 else 'sound'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i * 0.37:.2f},{i * 7 % 13},{'fraud' if i % 3 == 0 else 'sound'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
