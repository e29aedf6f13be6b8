"""Rows of a table as probes see them: every column alone, and columns together.

Columns alone: the rank of a number, bins of everything; a ridge regression on these is a generalised additive model.
Columns together: products of conditions on two to four columns, drawn at random from rows of the data (Friedman and
Popescu 2008, "Predictive Learning via Rule Ensembles", with random rules in place of fitted trees), and random Fourier
features of all columns at once. In closed form the two reach what gradient boosting reaches on the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.binned import Bins, bins_of, tally_classes, tally_number
from trainloud.data.methods.columns import looked_at
from trainloud.data.methods.convolution import Kernel
from trainloud.data.methods.retention import Bench, Refused, Trial, bench
from trainloud.data.methods.ridge import cross_fitted, standardised
from trainloud.data.methods.statistics import midranks
from trainloud.data.survey import SEED, Survey

ROWS = 12_000  # rows of a probe: half the width of an interval of accuracy is then about 0.008
BINS = 32  # of a column: what a smooth column tells is told by them but for some percent
RULES = 512  # products of conditions
GLOBAL = 256  # random Fourier features
ORDERS = (2, 3, 4)  # conditions of a rule
COMPONENTS = 200  # principal components that the kernel sees
MOST = 60  # columns that take part; of more, the ones that tell most of the target alone,
CHOOSING = 3  # told from every third row, which then has no part in the experiment
ROOT12 = 3.4641  # brings uniform ranks to deviation 1


@dataclass(frozen=True)
class Sheet:
    """Columns of a table on the rows of a bench."""

    bench: Bench
    bins: Bins
    ranks: tuple[np.ndarray | None, ...]
    """(m,) float32 of each column: the rank of its number from -1.7 to 1.7, 0 where missing; None for words."""

    @property
    def names(self) -> tuple[str, ...]:
        return self.bins.names

    def of(self, names: Sequence[str]) -> "Sheet":
        """Some of the columns."""
        kept = [i for i, n in enumerate(self.names) if n in set(names)]
        columns = tuple(self.bins.columns[i] for i in kept)
        bins = Bins(self.bins.rows, tuple(self.names[i] for i in kept), columns)
        return Sheet(self.bench, bins, tuple(self.ranks[i] for i in kept))

    def block(self, i: int) -> np.ndarray:
        """(m, d) float32: what column i tells alone."""
        column, rank = self.bins.columns[i], self.ranks[i]
        hot = (column.codes[:, None] == np.arange(column.size)).astype(np.float32)
        return hot if rank is None else np.concatenate([rank[:, None], hot], axis=1)

    def alone(self) -> np.ndarray:
        """(m, d) float32: what the columns tell each by itself."""
        return np.concatenate([self.block(i) for i in range(len(self.names))], axis=1)

    def plane(self) -> np.ndarray:
        """(m, d) float32 coordinates in which rows have distances: ranks, and words at one distance of each other."""
        parts = []
        for i, rank in enumerate(self.ranks):
            if rank is not None:
                parts.append(rank[:, None])
                continue
            hot = self.block(i)
            hot = hot - hot.mean(axis=0)
            parts.append(hot / np.sqrt(max(float(hot.var(axis=0).sum()), 1e-9)))
        return np.concatenate(parts, axis=1).astype(np.float32)

    def rules(self, count: int = RULES, orders: Sequence[int] = ORDERS) -> np.ndarray:
        """(m, count) float32: whether a row meets all conditions of a rule, each drawn from the cell of some row: not
        above or not below it for a number, equal to it for a word."""
        rng = np.random.default_rng(SEED)
        usable = [i for i, c in enumerate(self.bins.columns) if c.size > 1]
        out: np.ndarray = np.ones((len(self.bench), count), bool)
        for k in range(count if usable else 0):
            row = rng.integers(len(self.bench))
            for i in rng.choice(usable, min(orders[k % len(orders)], len(usable)), replace=False):
                codes = self.bins.columns[i].codes
                if self.ranks[i] is None:
                    out[:, k] &= codes == codes[row]
                else:
                    out[:, k] &= codes <= codes[row] if rng.random() < 0.5 else codes >= codes[row]
        return out.astype(np.float32)

    def together(self) -> np.ndarray:
        """(m, d) float32: the whole probe."""
        kernel = Kernel.of(self.plane(), GLOBAL, components=COMPONENTS).see(self.plane())
        return np.concatenate([self.alone(), self.rules(), kernel], axis=1)

    def whole(self) -> Trial:
        """The whole probe, clearly above the constant. Raises Refused."""
        return self.bench.require(self.bench.trial("all columns together", self.together))


def sheet(survey: Survey) -> Sheet:
    """The columns of a table on the probe's rows, made once. Raises Refused."""
    return survey.once("sheet", lambda: _sheet(survey))


def _sheet(survey: Survey) -> Sheet:
    if not survey.columns:
        raise Refused("there is no column besides the target")
    found = bench(survey, min(ROWS, survey.limits.probe_rows))
    names = looked_at(survey)
    if len(names) > MOST:
        choosing = np.arange(len(found)) % CHOOSING == 0
        names = _strongest(survey, found.part(np.flatnonzero(choosing)), names)
        found = found.part(np.flatnonzero(~choosing))
    made = coded(survey, found, names, BINS)
    varied = [n for n, c in zip(made.names, made.bins.columns, strict=True) if c.size > 1]
    if not varied:
        raise Refused("no column varies")
    return made.of(varied)


def coded(survey: Survey, found: Bench, names: Sequence[str], bins: int, exact: bool = True) -> Sheet:
    """The columns in so many bins; numbers keep their exact rank, or are known by their bin only."""
    made = bins_of(survey, names, found.rows, bins)
    ranks: list[np.ndarray | None] = []
    for name, column in zip(names, made.columns, strict=True):
        if survey.data.roles[name] not in ("number", "time"):
            ranks.append(None)
            continue
        values = survey.number(name)[found.rows]
        missing = np.isnan(values)
        rank: np.ndarray = np.zeros(len(values), np.float32)
        known = values[~missing] if exact else column.codes[~missing]
        rank[~missing] = ((midranks(known) - 0.5) / max(len(known), 1) - 0.5) * ROOT12
        ranks.append(rank)
    return Sheet(found, made, tuple(ranks))


def _strongest(survey: Survey, found: Bench, names: Sequence[str]) -> tuple[str, ...]:
    """The columns that tell most of the target out of fold, each alone, in their order."""
    told = []
    for name in names:
        (column,) = bins_of(survey, (name,), found.rows, BINS).columns
        if found.classes:
            tallied = tally_classes(column, found.y.argmax(axis=1), found.y.shape[1], found.folds)
            shares = np.take_along_axis(
                tallied.means[found.folds, column.codes], found.y.argmax(axis=1)[:, None], axis=1
            )
            told.append(float(np.log(np.maximum(shares, 1e-6)).mean()))
        else:
            told.append(tally_number(column, found.y[:, 0].astype(np.float64), found.folds).explained)
    kept = np.sort(np.argsort(-np.nan_to_num(np.array(told), nan=-np.inf), kind="stable")[:MOST])
    return tuple(names[i] for i in kept)


def by_effect(made: Sheet) -> list[str]:
    """Columns by the variance of what each adds to the additive fit, smallest first."""
    blocks = [made.block(i) for i in range(len(made.names))]
    x = standardised(np.concatenate(blocks, axis=1))
    weights = np.mean(cross_fitted(x, made.bench.y, made.bench.folds, made.bench.weight).weights, axis=0)
    ends = np.cumsum([b.shape[1] for b in blocks]).tolist()
    spans = [slice(e - b.shape[1], e) for b, e in zip(blocks, ends, strict=True)]
    effects = [float((x[:, at] @ weights[at]).var(axis=0).sum()) for at in spans]
    return [made.names[i] for i in np.argsort(effects, kind="stable")]
