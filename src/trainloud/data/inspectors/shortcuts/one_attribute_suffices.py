"""Does one trivial attribute predict the label as well as everything else in the example together?

Why it matters: then a network has no reason to learn more. If the attribute is the task (day from night), the task
needs no network; if it is not (a colour that happened to go with the label), the score on a test set of the same
making says nothing of any other, where the colour goes another way.

Remedy: ask whether the attribute is what is to be predicted. If not, collect or weigh the data so that it is
independent of the label, take it away (grey pictures, even brightness, one length), and compare the scores before and
after.

Known limits: as well as a small fixed probe, that is: a deep network may find more in the rest. One attribute is tried
at a time. A trait that tells one class among many is no matter for this question; see attribute-predicts-label.

Source: Arjovsky et al. 2019, "Invariant Risk Minimization", section 5 (coloured MNIST); Ethayarajh, Choi, Swayamdipta
2022, "Understanding Dataset Difficulty with V-usable Information".
"""

from functools import partial

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.inspectors.shortcuts.attribute_predicts_label import value_of
from trainloud.data.methods.binned import Binned, bin_numbers, bin_words, one_hot
from trainloud.data.methods.retention import Bench, Refused, Trial, bench
from trainloud.data.methods.ridge import cross_fitted
from trainloud.data.methods.wordbags import bag
from trainloud.data.survey import Survey

MOST = 0.9  # share of the probe's advantage over the best constant that one attribute reaches
TEXTS = 5_000  # that the probe of texts is fitted on
EXAMPLES = 4
# Of texts only what is about their form: the shares of digits, capitals and signs are the words themselves.
FORM = ("length", "words", "white-space share", "markup", "links", "language", "script", "foreign-script share",
        "garbled sequences", "replacement characters", "control characters")  # fmt: skip


def judge(survey: Survey) -> Finding:
    if survey.task != "classes":
        return unknown("there are no class labels")
    try:
        found, whole = _whole(survey)
    except Refused as refused:
        return unknown(str(refused))
    tried = []
    for name, column in _columns(survey, found.rows).items():
        trial = found.trial(f"only {name}", partial(_one_hot, column))
        tried.append((found.kept(trial, whole), trial, name))
    if not tried:
        return unknown("no attribute differs between the examples")
    tried.sort(key=lambda t: -t[0].value)
    best, trial, name = tried[0]
    said = (
        f"{name} alone reaches {found.metric} {trial.value:.3f} ({trial.low:.3f} to {trial.high:.3f}) on "
        f"{len(found):,} rows, "
        f"the probe of the whole {whole.value:.3f}, the best constant {found.chance:.3f}: {best} of the advantage"
    )
    numbers = {n: {"value": t.value, "kept": k.value, "low": k.low, "high": k.high} for k, t, n in tried}
    if best.value < MOST or best.ruling == "needed":
        return passed(said, attributes=numbers)
    return fired(
        said,
        f"less than {MOST} of the advantage from any one attribute",
        exhibits=_exhibits(survey, found, name),
        attributes=numbers,
        whole=whole.value,
        constant=found.chance,
    )


def _one_hot(column: Binned) -> np.ndarray:
    return one_hot(column.codes, column.size).astype(np.float32)


def _whole(survey: Survey) -> tuple[Bench, Trial]:
    """The bench and the whole probe, clearly above the constant. Raises Refused."""
    if survey.kind == "images":
        from trainloud.data.methods.appearance import view

        seen = view(survey)
        return seen.bench, seen.whole
    found = bench(survey, min(TEXTS, survey.limits.probe_rows))
    x = bag(survey, found.rows)  # not standardised: rare words would be as loud as common ones
    fit = cross_fitted(x, found.y, found.folds, found.weight)
    return found, found.require(found.judged("bag of words", fit.predicted, x.shape[1]))


def _columns(survey: Survey, rows: np.ndarray) -> dict[str, Binned]:
    measured = survey.measured
    columns = {k: bin_numbers(np.asarray(v, np.float64)[rows]) for k, v in measured.axes.items()}
    columns |= {k: bin_words(codes[rows], words) for k, (codes, words) in measured.words.items()}
    return {k: c for k, c in columns.items() if c.size > 1 and (survey.kind != "text" or k in FORM)}


def _exhibits(survey: Survey, found: Bench, name: str) -> list:
    """Examples of the largest classes, each with its value."""
    assert survey.labels is not None
    codes, names = survey.labels
    sizes = np.bincount(codes[found.rows], minlength=len(names))
    shown = []
    for c in np.argsort(-sizes, kind="stable")[:3]:
        rows = survey.sample(EXAMPLES, found.rows[codes[found.rows] == c]).tolist()
        notes = [value_of(survey, name, r) for r in rows]
        shown.append(survey.exhibit(f"{names[c]!r} by {name}", rows, notes, int(sizes[c])))
    return shown


INSPECTOR = Inspector(
    fault="one-attribute-suffices",
    severity="warning",
    basis="experiment",
    judge=judge,
    kinds=("images", "text"),
    probe=True,
)


def _write(folder, go_with):
    import numpy as np

    chance = np.random.default_rng(0)
    labels = chance.integers(0, 2, 1200)
    shape = np.zeros((1200, 16, 16), np.uint8)
    shape[labels == 0, 4:12, 7:9] = 200
    shape[labels == 1, 7:9, 4:12] = 200
    shape = np.maximum(shape, chance.integers(0, 120, shape.shape, np.uint8))
    labels = np.where(chance.random(1200) < 0.25, 1 - labels, labels)  # shape reaches three in four
    colour = np.where(chance.random(1200) < go_with, labels, 1 - labels)
    pictures = np.zeros((1200, 16, 16, 3), np.uint8)
    pictures[np.arange(1200), :, :, colour] = shape
    np.savez(folder / "pictures.npz", x=pictures, y=labels)
    return ["pictures.npz"]


def bad(folder):
    return _write(folder, go_with=0.85)


def good(folder):
    return _write(folder, go_with=0.5)
