"""How much of what a probe can tell is left when something is taken away from its input.

A probe is fitted twice, on the data as it is and under an input transformation, and predicts every row out of fold.
Retention is (metric under it - constant) / (metric as it is - constant): the usable information that is kept (Xu et
al. 2020, "A Theory of Usable Information"; Ethayarajh, Choi, Swayamdipta 2022, "Understanding Dataset Difficulty with
V-usable Information"). Both sums run over the same rows, so the interval is a paired bootstrap of whole groups
(Efron and Tibshirani 1993, chapter 16). All of it is relative to the probe.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainloud.data.methods.ridge import cross_fitted, standardised
from trainloud.data.survey import SEED, Survey

FOLDS = 5
ENOUGH = 0.95  # retention: what loses a twentieth of the probe's advantage at most may go
CLEAR = 5.0  # standard errors above the constant: a ratio with a less certain denominator has no useful interval
SMALLEST = 60  # labelled training rows that are worth a probe: twelve a fold
REPEATS = 1000  # of the bootstrap: ends of a 95 % interval are then good to about a tenth of its width
SKEWED = 0.8  # share of the largest class above which accuracy says little and every class is weighed the same
RAREST = 10  # rows of a class below which it has no part in the experiment: two a fold
CLASSES = 200  # classes that take part at most, the most frequent ones: the cost grows with them
BLOCKS = 50  # runs of neighbouring rows that the bootstrap draws where rows are ordered in time

Ruling = Literal["not needed", "needed", "undecided"]


class Refused(Exception):
    """The experiment cannot be made, or its probe tells nothing; the message says why."""


@dataclass(frozen=True)
class Trial:
    """One condition: the probe fitted on one form of the input."""

    name: str
    value: float
    """The metric out of fold, with its 95 % interval."""
    low: float
    high: float
    gain: np.ndarray
    """(m,) float32: what each row adds to the metric above the constant, up to a common factor."""
    width: int
    """Features that the probe had."""


@dataclass(frozen=True)
class Kept:
    """Retention with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def ruling(self) -> Ruling:
        if self.low >= ENOUGH:
            return "not needed"
        return "needed" if self.high < ENOUGH else "undecided"

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


class Bench:
    """Rows, targets and folds that all conditions of a survey share."""

    def __init__(self, rows: np.ndarray, y: np.ndarray, weight: np.ndarray | None, group: np.ndarray, metric: str):
        self.rows = rows
        """(m,) int64: rows of the survey, ascending."""
        self.y = y
        """(m, k) float32: one column a class, 1 for its own; or (m, 1) the number."""
        self.weight = weight
        """(m,) float32 where classes are weighed the same; None otherwise."""
        self.group = group
        """(m,) int64: rows that stay together in folds and in the bootstrap."""
        self.metric = metric
        self.classes = y.shape[1] > 1
        self.folds = _folds(group, y.argmax(axis=1) if self.classes else None)
        w = np.ones(len(rows)) if weight is None else weight
        if self.classes:
            self.scale = w / w.sum()
            shares = self.scale @ y
            self.constant = self.scale * y[:, int(shares.argmax())]
            self.chance = float(shares.max())
        else:
            away = np.square(y[:, 0] - y[:, 0].mean(), dtype=np.float64)
            self.scale = away / max(float(away.sum()), 1e-300)
            self.constant = np.zeros(len(rows))
            self.chance = 0.0
        self._trials: dict[str, Trial] = {}
        self._draws = _draws(group)
        self._scales = self._draws @ self.scale.astype(np.float32)
        # One row more or less on either side: two conditions that never differ on few rows may differ on the next
        # (Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions").
        self._doubt = (np.random.default_rng(SEED + 1).poisson(1.0, (2, REPEATS)) - 1) / len(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def trial(self, name: str, make: Callable[[], np.ndarray]) -> Trial:
        """The probe on the features (m, d) that `make` gives; fitted once for a name."""
        if name not in self._trials:
            x = standardised(make())
            fit = cross_fitted(x, self.y, self.folds, self.weight)
            self._trials[name] = self.judged(name, fit.predicted, x.shape[1])
        return self._trials[name]

    def predicted(self, name: str, make: Callable[[], tuple[np.ndarray, int]]) -> Trial:
        """A probe of another kind: `make` gives predictions (m, k) out of fold and how many features they are from."""
        if name not in self._trials:
            self._trials[name] = self.judged(name, *make())
        return self._trials[name]

    def part(self, keep: np.ndarray) -> "Bench":
        """The bench of some of the rows (places, ascending)."""
        weight = None if self.weight is None else self.weight[keep]
        group = np.unique(self.group[keep], return_inverse=True)[1].reshape(-1)
        return Bench(self.rows[keep], self.y[keep], weight, group, self.metric)

    def judged(self, name: str, predicted: np.ndarray, width: int) -> Trial:
        """The condition of predictions (m, k) that were made out of fold."""
        if self.classes:
            score = self.scale * self.y[np.arange(len(self.y)), predicted.argmax(axis=1)]
        else:
            size = float(np.square(self.y[:, 0] - self.y[:, 0].mean(), dtype=np.float64).sum())
            score = self.scale - np.square(self.y[:, 0] - predicted[:, 0], dtype=np.float64) / max(size, 1e-300)
        low, high = _ends(self._draws @ score.astype(np.float32) / self._scales + self._doubt[0])
        gain = (score - self.constant).astype(np.float32)
        return Trial(name, float(score.sum()), low, min(high, 1.0), gain, width)

    def require(self, whole: Trial, what: str = "the probe") -> Trial:
        """`whole` if it is clearly above the constant; raises Refused otherwise."""
        total = float(whole.gain.sum(dtype=np.float64))
        error = float((self._draws @ whole.gain / self._scales).std())
        if total > CLEAR * error and total > 0:
            return whole
        raise Refused(
            f"{what} reaches {self.metric} {whole.value:.3f} on {len(self):,} rows, the best constant "
            f"{self.chance:.3f}: not clearly above it (standard error {error:.3f}), so nothing it says can be trusted"
        )

    def kept(self, part: Trial, whole: Trial) -> Kept:
        """Retention of `part` against `whole`, by the paired bootstrap."""
        above, below = self._draws @ part.gain + self._doubt[1], self._draws @ whole.gain + self._doubt[0]
        return retained(float(part.gain.sum(dtype=np.float64)), float(whole.gain.sum(dtype=np.float64)), above, below)

    def change(self, part: Trial, whole: Trial) -> Kept:
        """By how much the metric differs, with its 95 % interval."""
        gain = part.gain - whole.gain
        drawn = self._draws @ gain / self._scales + self._doubt[1] - self._doubt[0]
        return spread_of(float(gain.sum(dtype=np.float64)), drawn)


def retained(part: float, whole: float, parts: np.ndarray, wholes: np.ndarray) -> Kept:
    """The ratio of two sums, with the interval of their ratio in the draws of a bootstrap."""
    ratio = parts / np.where(wholes > 0, wholes, np.nan)
    return Kept(part / whole, *_ends(ratio[np.isfinite(ratio)]))


def spread_of(value: float, drawn: np.ndarray) -> Kept:
    """A value with the interval of its draws."""
    return Kept(value, *_ends(drawn))


def bench(survey: Survey, limit: int, classes: int = CLASSES) -> Bench:
    """At most `limit` labelled training rows with their targets, in groups of equal contents (or the person's groups,
    or runs in time), of the `classes` most frequent
    ones. Raises Refused where no probe can be fitted."""
    return survey.once(("bench", limit, classes), lambda: _bench(survey, limit, classes))


def _bench(survey: Survey, limit: int, classes: int) -> Bench:
    if survey.labels is None and survey.values is None:
        raise Refused("there is no target to predict")
    usable = survey.training.copy()
    usable[[r for r in survey.measured.errors if r < len(usable)]] = False
    if survey.labels is not None:
        return _of_classes(survey, np.flatnonzero(usable & (survey.labels[0] >= 0)), limit, classes)
    assert survey.values is not None
    rows = _enough(survey.sample(limit, np.flatnonzero(usable & np.isfinite(survey.values))))
    values = survey.values[rows]
    spread = float(values.std())
    if not spread > 0:
        raise Refused(f"the target has the value {values[0]:g} throughout")
    y = ((values - values.mean()) / spread).astype(np.float32)[:, None]
    return Bench(rows, y, None, _groups(survey, rows), "R squared")


def _of_classes(survey: Survey, rows: np.ndarray, limit: int, classes: int) -> Bench:
    assert survey.labels is not None
    rows = survey.sample(limit, rows)
    codes, names = survey.labels
    counts = np.bincount(codes[rows], minlength=len(names))
    taken = np.argsort(-counts, kind="stable")[:classes]
    taken = np.sort(taken[counts[taken] >= RAREST])
    if len(taken) < 2:
        raise Refused(f"fewer than two classes have {RAREST} labelled training rows")
    rows = _enough(rows[np.isin(codes[rows], taken)])
    y = (codes[rows, None] == taken).astype(np.float32)
    weight, metric = weighed_classes(y)
    return Bench(rows, y, weight, _groups(survey, rows), metric)


def weighed_classes(y: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Weights (m,) of rows that make every class of `y` (m, k) count the same, where one is more than SKEWED of all;
    and what the metric is called then."""
    shares = y.mean(axis=0)
    if shares.max() <= SKEWED:
        return None, "accuracy"
    return (y @ (1 / (shares * y.shape[1]))).astype(np.float32), "balanced accuracy"


def _enough(rows: np.ndarray) -> np.ndarray:
    if len(rows) < SMALLEST:
        raise Refused(f"{len(rows)} labelled training rows are too few for a probe; it takes {SMALLEST}")
    return rows


def _groups(survey: Survey, rows: np.ndarray) -> np.ndarray:
    """(m,) int64 number of the group of each row."""
    if survey.group:
        codes = survey.codes(survey.group)[0][rows].astype(np.int64)
        alone = codes < 0
        codes[alone] = codes.max(initial=0) + 1 + np.arange(int(alone.sum()))
        groups = np.unique(codes, return_inverse=True)[1]
        if groups.max() + 1 >= 2 * FOLDS:
            return groups
    time = survey.data.recognised.time
    if time and time in survey.data.roles:
        place = np.argsort(np.argsort(survey.number(time)[rows], kind="stable"), kind="stable")
        return place * min(BLOCKS, len(rows)) // len(rows)
    if survey.measured.content is not None:
        return np.unique(survey.measured.content[rows], axis=0, return_inverse=True)[1].reshape(-1)
    return np.arange(len(rows))


def _folds(group: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
    """(m,) int64 fold of each row: groups whole, classes spread evenly by the first row of each group."""
    _, first = np.unique(group, return_index=True)
    order = np.random.default_rng(SEED).permutation(len(first))
    if codes is not None:
        order = order[np.argsort(codes[first[order]], kind="stable")]
    fold: np.ndarray = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return fold[group]


def _draws(group: np.ndarray) -> np.ndarray:
    """(repeats, m) float32 times that each row is drawn: Poisson counts a group, near to the multinomial ones."""
    counts = np.random.default_rng(SEED).poisson(1.0, (REPEATS, int(group.max()) + 1)).astype(np.uint8)
    return counts[:, group].astype(np.float32)


def _ends(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return -np.inf, np.inf
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
