"""Equal examples, and how many of them chance alone would make equal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from trainloud.data.methods.groups import equal_groups
from trainloud.data.methods.spans import mix
from trainloud.data.survey import SEED, Measured, Survey

SHORT = 40  # characters: shorter messages ("ok", names) are written twice without being copied
SIMPLE_BITS = 100.0  # entropy of a whole picture: blank and near blank ones are equal without being copied
SMALL = {"images": "blank pictures", "text": f"texts of under {SHORT} characters"}  # kind -> what `trivial` finds
SMALL["series"] = "series of one value"
SMALL["characters"] = f"lines of under {SHORT} characters"
APART = np.uint64(0x9E3779B97F4A7C15)  # an odd number whose multiples differ in all bits
CELLS = 6_000_000  # of the sample that chance is estimated on
ROWS = 5_000, 60_000  # fewest and most rows of that sample
COLUMNS = 2_000  # left out in turn at most
DEEPEST = 4  # columns that tell most rows apart, tried in pairs
FEW_COLUMNS = 3  # up to which rows repeat by nature: there is nothing to tell copies from others by
BY_CHANCE = 1 / 3  # share of chance that is estimated: it errs low where columns depend on each other; 0 for copies
SURE = 0.99  # probability that chance makes no more pairs than are taken for its work


@dataclass(frozen=True)
class Chance:
    """How many pairs of equal rows a table has, and how many of them come of its columns being coarse."""

    pairs: int
    """Pairs of equal rows that were counted."""
    expected: float
    """Pairs of rows that would be equal by chance."""
    columns: tuple[str, ...]
    """The two columns by which nearly equal rows differ most; empty where all of the few columns count."""

    @property
    def most(self) -> int:
        """As many pairs chance makes with the probability SURE at most."""
        return poisson_bound(self.expected / BY_CHANCE, SURE)

    @property
    def explains(self) -> bool:
        return self.pairs <= self.most

    def said(self) -> str:
        """In words, for the end of a message."""
        if not self.columns:
            return f"a table of no more than {FEW_COLUMNS} columns repeats its rows by nature"
        if self.expected >= self.pairs:
            return f"the columns are so coarse that chance alone makes {self.pairs:,} pairs of equal rows and more"
        about = f"{self.expected:,.0f}" if self.expected >= 10 or not self.expected else f"{self.expected:.2g}"
        bound = f", and up to {self.most:,} are its work" if self.explains else ""
        return (
            f"chance alone would make about {about} of the {self.pairs:,} pair{'s' * (self.pairs != 1)} of equal "
            f"rows{bound}"
        )


def repeats(survey: Survey, inside: bool = False) -> list[np.ndarray]:
    """Rows of equal contents, over all splits or only `inside` one; see `equal_groups`."""
    content = survey.measured.content
    assert content is not None

    def make() -> list[np.ndarray]:
        if not inside or len(survey.splits) < 2:
            return equal_groups(content)
        own = content.copy()
        known = content.any(axis=1)
        own[known, 1] ^= survey.split[known].astype(np.uint64) * APART
        return equal_groups(own)

    return survey.once(("equal contents", inside and len(survey.splits) > 1), make)


def trivial(survey: Survey) -> np.ndarray:
    """(n,) bool: contents so small that equal ones need not be copies: short texts, blank pictures, flat series."""
    axes = survey.measured.axes
    if survey.kind == "images" and {"entropy", "width", "height"} <= set(axes):
        return axes["entropy"] * axes["width"] * axes["height"] < SIMPLE_BITS
    if survey.kind in ("text", "characters") and "length" in axes:
        return np.asarray(axes["length"] < SHORT)
    if survey.kind == "series" and "range" in axes:
        return np.asarray(axes["range"] == 0)
    return np.zeros(len(survey), bool)


def chance(survey: Survey, across: bool) -> Chance:
    """Of the pairs of equal rows inside the splits (or `across` them), how many chance would make.

    Rows that agree in all columns but one, and in all but two, tell how often a column agrees by itself where the
    others do: pairs(all) x pairs(all but j and k) = pairs(all but j) x pairs(all but k) if j and k agree independently
    of each other (the dual-system estimate of Chandra Sekar and Deming 1949, here for pairs of rows). Copies do not
    move it: they have no pairs that differ in one column only. The largest estimate of several pairs (j, k) is taken.
    It is made over all splits together, as a small split has too few nearly equal rows to tell; of that, inside and
    across have the share of all pairs of rows that lie there. Tables only.
    """
    return survey.once(("chance repeats", across), lambda: _chance(survey, across))


def _chance(survey: Survey, across: bool) -> Chance:
    from trainloud.data.measure.table import compared_columns

    columns = compared_columns(survey)[0]
    assert survey.measured.content is not None
    seen = _pairs(_first(survey.measured.content), survey.split, across)
    if len(columns) <= FEW_COLUMNS or not seen:
        return Chance(seen, float(seen), ())
    expected, by = survey.once("chance repeats of all", lambda: _expected(survey, columns))
    n = np.bincount(survey.split, minlength=1).astype(np.float64)
    inside = float((n * (n - 1)).sum() / max(n.sum() * (n.sum() - 1), 1))
    return Chance(seen, expected * (1 - inside if across else inside), by)


def _expected(survey: Survey, columns: Sequence[str]) -> tuple[float, tuple[str, ...]]:
    """Pairs of rows of the whole table that chance makes equal, and the two columns that they are told from."""
    from trainloud.data.measure.rows import cell_digests

    part = _sampled(survey, columns)
    scale = (len(survey) / len(part)) ** 2
    left_out = [columns[i] for i in np.unique(np.linspace(0, len(columns) - 1, COLUMNS).astype(int))]
    whole: np.ndarray = np.zeros(len(part), np.uint64)
    for i, column in enumerate(columns):
        whole += _own(cell_digests(part, column), i)
    place = {column: i for i, column in enumerate(columns)}
    together: np.ndarray = np.zeros(len(part), np.int16)

    def without(*left: str) -> int:
        keys = whole.copy()
        for column in left:
            keys -= _own(cell_digests(part, column), place[column])
        return _pairs(keys, together, False)

    equal = without()
    one = {column: without(column) - equal for column in left_out}
    deepest = sorted(one, key=lambda c: -one[c])[:DEEPEST]
    best, by = 0.0, tuple(deepest[:2])
    for j, k in combinations(deepest, 2):
        both = without(j, k) - one[j] - one[k] - equal
        # One is added as in Chapman 1951, so that nothing is divided by zero.
        guess = one[j] * one[k] / (both + 1)
        if guess > best:
            best, by = guess, (j, k)
    return best * scale, by


def _own(cells: np.ndarray, place: int) -> np.ndarray:
    """Digests of a column's cells that differ from those of equal cells in another column."""
    return mix(cells + np.uint64(2 * place + 1))


def _sampled(survey: Survey, columns: Sequence[str]) -> Survey:
    """The table's rows, or a sample of them drawn with a fixed seed."""
    data = survey.data
    most = int(np.clip(CELLS // len(columns), *ROWS))
    table, split = data.table.select(list(columns)), data.split
    if len(data) > most:
        rows = np.sort(np.random.default_rng(SEED).choice(len(data), most, replace=False))
        table, split = table.take(pa.array(rows)), split[rows]
    roles = {c: data.roles[c] for c in columns}
    return Survey(replace(data, table=table, split=split, roles=roles), Measured(), survey.limits)


def poisson_bound(mean: float, sure: float) -> int:
    """The least k with a probability of at least `sure` of k events or fewer; normal from 500 events on,
    before exp(-mean) leaves the range of floats."""
    if mean > 500:
        return int(mean + NormalDist().inv_cdf(sure) * math.sqrt(mean)) + 1
    k, term = 0, math.exp(-mean)
    whole = term
    while whole < sure:
        k += 1
        term *= mean / k
        whole += term
    return k


def _first(content: np.ndarray) -> np.ndarray:
    return content[:, 0] ^ (content[:, 1] << np.uint64(1))


def _pairs(keys: np.ndarray, split: np.ndarray, across: bool) -> int:
    """Pairs of equal keys within one split, or of different splits."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    group = np.cumsum(np.concatenate(([0], (ordered[1:] != ordered[:-1]).astype(np.int64))))
    sizes = np.bincount(group).astype(np.float64)
    within = 0.0
    for part in np.unique(split):
        counts = np.bincount(group[split[order] == part], minlength=len(sizes)).astype(np.float64)
        within += float((counts * (counts - 1)).sum()) / 2
    return int(float((sizes * (sizes - 1)).sum()) / 2 - within if across else within)
