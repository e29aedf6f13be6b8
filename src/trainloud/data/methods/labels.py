"""Which labels are probably wrong, and how many, without training a network.

A kernel ridge regression on fixed features predicts every row by a fit without it. The score of the given label less
that of the best other one, its margin, orders the labels: the lower, the more likely wrong (Pleiss et al. 2020,
"Identifying Mislabeled Data using the Area Under the Margin Ranking", for margins; Northcutt, Jiang, Chuang 2021,
"Confident Learning", for out-of-sample predictions). Further fits, in which the most contradicted labels are replaced
by what the fits before said, are averaged with the first: wrong labels that vouched for each other lose their word.
"""

from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.kernel import Components, LeaveOneOut, kernel, width
from trainloud.data.methods.noise_rate import Rate, rate, transition
from trainloud.data.methods.retention import Refused
from trainloud.data.methods.sights import See, sight
from trainloud.data.survey import SEED, Survey

SMALL = 0.01  # share of wrong labels; careful hands leave less (CIFAR-10: 0.1 to 0.5 %), and sound data gave 0.003
FEWEST = 100  # distinct labelled training rows: of fewer the interval says nothing
RAREST = 5  # rows of a class that the fit sees: one of fewer cannot be told from an error
CLASSES = 500  # the most frequent ones: the cost of a fit grows with them
JUDGED = 60_000  # distinct rows that are judged at most: of pictures that takes two CPU-minutes
MEMORY = 0.6  # share of the memory that the kernel, turned into its inverse in place, may take
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
PENALTY_FROM = 3000  # rows on which the penalty is chosen by leave-one-out squared error; it falls with more rows
ROUNDS = 3  # of fits to mended labels; each costs one product of matrices
REPLACED = 1.2  # times the share of contradicted labels: the share of these, worst first, that is mended
BLOCK = 1024  # rows that are judged at a time


@dataclass(frozen=True)
class Study:
    """What the labels were found to be."""

    rows: np.ndarray
    """(n,) int64: the rows that were judged, most likely wrong first."""
    margin: np.ndarray
    """(n,) float32: score of the best other class less that of the label; above 0 the probe prefers the other. A score
    is about a probability."""
    suggested: np.ndarray
    """(n,) int32: that class, a code of the survey's labels."""
    classes: np.ndarray
    """(k,) int32: the codes that took part, ascending."""
    names: tuple[str, ...]
    """(k,) their names."""
    fitted: int
    """Distinct training rows that the probe was fitted on."""
    left_out: int
    """Labelled rows that were not judged: rare classes, or beyond JUDGED."""
    rate: Rate
    """Of the labels of the fitted rows."""
    matrix: np.ndarray
    """(k, k) about P(label j | true class i); NaN where it could not be told."""
    anchors: np.ndarray
    """(k,) rows that each line of the matrix is told from."""
    overlap: bool
    """Inputs need not determine the label."""
    accuracy: float
    """Share of the fitted rows whose label the probe predicts without having seen it."""

    @property
    def suspects(self) -> int:
        """How many labels the probe contradicts; they stand first in `rows`."""
        return int((self.margin > 0).sum())

    @property
    def noisy(self) -> bool:
        """SMALL and more is wrong, of each class's clearest rows and of the clearest of all."""
        return not self.rate.refused and min(self.rate.low, self.rate.surest) >= SMALL


def study(survey: Survey) -> Study:
    """Made once for a survey. Raises Refused where no probe can be fitted."""
    return survey.once("label-noise", lambda: _study(survey))


def margins(scores: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (m, k), labels (m,) -> how far the best other class leads (m,), and which it is (m,)."""
    at = np.arange(len(y))
    other = scores.copy()
    other[at, y] = -np.inf
    best = other.argmax(axis=1)
    return other[at, best] - scores[at, y], best


def _study(survey: Survey) -> Study:
    if survey.labels is None:
        raise Refused("there are no class labels")
    stands_for = representatives(survey)
    rows, classes, known = _fitted_rows(survey, stands_for)
    probe = Probe.fitted(survey, rows, classes)
    judged = np.flatnonzero(known & np.isin(survey.labels[0], classes) & (stands_for >= 0))
    standing = np.unique(stands_for[judged])
    if len(standing) > JUDGED:
        more = np.setdiff1d(standing, rows)
        kept = np.union1d(rows, survey.sample(JUDGED - len(rows), more))
        judged = judged[np.isin(stands_for[judged], kept)]
    margin, suggested = _judged(survey, probe, judged, stands_for[judged], classes)
    order = np.argsort(-margin, kind="stable")
    matrix, anchors = transition(probe.first, probe.y)
    overlap = survey.kind == "table"
    return Study(
        judged[order], margin[order], suggested[order], classes, tuple(survey.labels[1][c] for c in classes), len(rows),
        int((survey.labels[0] >= 0).sum()) - len(judged), rate(probe.first, probe.y, overlap), matrix, anchors, overlap,
        float((probe.first.argmax(axis=1) == probe.y).mean()),
    )  # fmt: skip


def representatives(survey: Survey) -> np.ndarray:
    """(n,) int64: the row that stands for each row and its exact copies, a labelled training row where there is one."""
    content = survey.measured.content
    every = np.arange(len(survey))
    if content is None:
        return every
    assert survey.labels is not None
    second = ~(survey.training & (survey.labels[0] >= 0))
    order = np.lexsort((every, second, content[:, 1], content[:, 0]))
    new: np.ndarray = np.ones(len(order), bool)
    new[1:] = (content[order[1:]] != content[order[:-1]]).any(axis=1) | ~content[order[1:]].any(axis=1)
    found: np.ndarray = np.empty(len(order), np.int64)
    found[order] = order[np.flatnonzero(new)[np.cumsum(new) - 1]]
    return found


def _fitted_rows(survey: Survey, stands_for: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that the probe is fitted on and the classes of these; and (n,) bool, the rows that can be judged at all."""
    assert survey.labels is not None
    codes, names = survey.labels
    known = codes >= 0
    known[[r for r in survey.measured.errors if r < len(known)]] = False
    rows = np.flatnonzero(known & survey.training & (stands_for == np.arange(len(survey))))
    if len(rows) < FEWEST:
        raise Refused(f"{len(rows)} distinct labelled training rows are too few for a probe; it takes {FEWEST}")
    limit = min(survey.limits.probe_rows, int((survey.limits.memory * MEMORY / 4) ** 0.5))
    rows = survey.sample(limit, rows)
    counts = np.bincount(codes[rows], minlength=len(names))
    classes = np.argsort(-counts, kind="stable")[:CLASSES]
    classes = np.sort(classes[counts[classes] >= RAREST]).astype(np.int32)
    rows = rows[np.isin(codes[rows], classes)]
    if len(classes) < 2 or len(rows) < FEWEST:
        raise Refused(
            f"{len(classes)} of {len(names)} classes have {RAREST} distinct rows among the {len(rows):,} that a probe "
            f"is fitted on; it takes two such classes and {FEWEST} rows"
        )
    return rows, classes, known


def _judged(
    survey: Survey, probe: "Probe", judged: np.ndarray, standing: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Margin and suggested code of the rows, each by the scores of the row that stands for it: a copy that the fit has
    seen cannot vouch for another."""
    assert survey.labels is not None
    margin: np.ndarray = np.empty(len(judged), np.float32)
    suggested: np.ndarray = np.empty(len(judged), np.int32)
    order = np.argsort(standing, kind="stable")
    every = np.unique(standing)
    for first in range(0, len(every), BLOCK):
        part = every[first : first + BLOCK]
        scores = probe.scores(part)
        at = order[np.searchsorted(standing[order], part[0]) : np.searchsorted(standing[order], part[-1], side="right")]
        y = np.atleast_1d(np.searchsorted(classes, survey.labels[0][judged[at]]))
        margin[at], best = margins(scores[np.searchsorted(part, standing[at])], y)
        suggested[at] = classes[best]
    return margin, suggested


def _mended(hot: np.ndarray, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Targets (m, k) in which the worst of the contradicted labels (m,) are replaced by their scores: the more of them,
    the more labels are contradicted."""
    lead, _ = margins(scores, y)
    wrong = lead > 0
    if not wrong.any():
        return hot
    least = np.quantile(lead[wrong], 1 - min(1.0, REPLACED * float(wrong.mean())))
    return np.where((wrong & (lead >= least))[:, None], scores, hot).astype(np.float32)


class Probe:
    """The regression on the fitted rows, and what it says of any row without having seen its label."""

    def __init__(self, rows: np.ndarray, y: np.ndarray, seen: np.ndarray, k: int, look: See):
        """Rows of the survey (m,), their classes 0 .. k-1 (m,), their features (m, c), and how other rows are seen."""
        self._look = look
        self.rows = rows
        self.y = y
        self._seen = seen
        self._scale = width(seen)
        hot = np.eye(k, dtype=np.float32)[y]
        self.penalty = self._penalty(hot)
        fit = LeaveOneOut(kernel(seen, seen, self._scale), self.penalty)
        self.first = fit(hot)
        """(m, k) float32: leave-one-out scores of the labels as they are."""
        told, targets = [self.first], [hot]
        for _ in range(ROUNDS):
            targets.append(_mended(hot, np.mean(told, axis=0), y))
            told.append(fit(targets[-1]))
        self.rank = np.mean(told, axis=0)
        """(m, k) float32: leave-one-out scores that order the rows."""
        self._weights, self._constant = fit.weights(np.mean(targets, axis=0))

    @staticmethod
    def fitted(survey: Survey, rows: np.ndarray, classes: np.ndarray) -> "Probe":
        """On these rows, whose labels are among the classes. Raises Refused where the inputs do not vary."""
        assert survey.labels is not None
        looks = sight(survey, rows)
        x = looks.see(rows)
        if not np.ptp(x, axis=0).any():  # a deviation would be of rounding
            raise Refused("the examples do not differ in anything that the probe sees")
        components = Components.of(x, looks.standardise, looks.components, looks.whitened)
        seen = components.see(x)
        del x
        y = np.atleast_1d(np.searchsorted(classes, survey.labels[0][rows]))
        return Probe(rows, y, seen, len(classes), lambda others: components.see(looks.see(others)))

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """(n, k) float32 of rows of the survey (n,), ascending and distinct."""
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        fitted = self.rows[place] == rows
        out = self.rank[place]
        if not fitted.all():
            between = kernel(self._look(rows[~fitted]), self._seen, self._scale)
            out[~fitted] = between @ self._weights + self._constant
        return out

    def _penalty(self, hot: np.ndarray) -> float:
        few = np.random.default_rng(SEED).permutation(len(hot))[:PENALTY_FROM]
        between = kernel(self._seen[few], self._seen[few], self._scale)
        error = [np.square(LeaveOneOut(between.copy(), p)(hot[few]) - hot[few]).mean() for p in PENALTIES]
        # That more rows take as much less was told by experiment: on 3,000 and 15,000 pictures.
        return max(PENALTIES[0], PENALTIES[int(np.argmin(error))] * len(few) / len(hot))
