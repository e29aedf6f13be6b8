"""How alike two different pictures of this data come to be by chance.

Pictures drawn at random are compared with the likeliest candidate out of small random blocks of the others: a copy of
one of them rarely lies in its block, even where most pictures have several (frames of films). What holds for the block
is carried over to all pictures: in the tail, the number of pairs that reach a score falls exponentially (block maxima:
Gumbel 1958, "Statistics of Extremes", section 5.2; Coles 2001, "An Introduction to Statistical Modeling of Extreme
Values", section 3.1), on the scale of Fisher 1915, "Frequency Distribution of the Values of the Correlation
Coefficient", and less what pictures score that resemble many (local scaling: Zelnik-Manor and Perona 2004).
"""

from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.likeness import drawn
from trainloud.data.methods.neighbours import largest, nearest
from trainloud.data.survey import SEED

DRAWN = 1200  # pictures that chance is told from
BLOCKED = 300  # pictures of a block at most
SHARE = 4  # a block is at most this part of all, so that most copies lie outside it
CANDIDATES = 3  # of a block that are compared; the likeliest is nearly always among them
MIRRORED = 1  # mirrored ones, besides
CROWD = 1000  # pictures that crowding is told from
NEAREST = 3  # neighbour whose cosine is the crowding: one copy in the sample does not raise it
LOW, HIGH = 0.2, 0.7  # quantiles of the block maxima that the tail is drawn through: above may be copies
STEEPEST = 2.0  # of the score's dependence on crowding
LOWEST = 1e-3  # decay of the tail at least


def fisher(score: np.ndarray) -> np.ndarray:
    """atanh, kept finite."""
    return np.arctanh(np.clip(score, -0.999999, 0.999999))


def crowding(z: np.ndarray) -> np.ndarray:
    """(n,) cosine of each row of length 1 to its third nearest among 1000 random ones (the idea of Zelnik-Manor and
    Perona 2004, and of CSLS, Conneau et al. 2018, section 2.2): a group of copies cannot raise its own."""
    n = len(z)
    picked = drawn(n, max(NEAREST + 1, min(CROWD, n // 2)))
    found = nearest(z[picked], z, k=NEAREST + 1, skip_same=False)[1].clip(-1, 0.999)
    itself: np.ndarray = np.zeros(n, np.int64)
    itself[picked] = 1
    return found[np.arange(n), NEAREST - 1 + itself]


@dataclass(frozen=True)
class Draw:
    """Pairs of a drawn picture (`of`: its place among the drawn) and candidates of its block."""

    of: np.ndarray
    a: np.ndarray
    b: np.ndarray
    mirror: np.ndarray
    block: int
    """Pictures of a block."""


def draw(z: np.ndarray, mirrored: np.ndarray) -> Draw:
    """The pairs that chance is to be told from; z, mirrored (n, d), n > 1: the pictures and their mirrors."""
    n = len(z)
    order = np.random.default_rng(SEED).permutation(n)
    block = max(min(BLOCKED, n // SHARE), 1)
    count = min(DRAWN, n)
    blocks = n // block
    parts = []
    for i in range(min(blocks, count)):
        # The i-th block and pictures of the others: of its own each would meet itself.
        rows = order[i * block : (i + 1) * block]
        asking = order[((i + 1) * block + np.arange(i, count, blocks) % (n - block)) % n]
        columns = np.asarray(z[rows], np.float32).T
        for queries, k, mirror in ((z, CANDIDATES, False), (mirrored, MIRRORED, True)):
            found = largest(np.asarray(queries[asking], np.float32) @ columns, min(k, block))[0]
            k = found.shape[1]
            of = np.arange(i, count, blocks).repeat(k)
            parts.append((of, asking.repeat(k), rows[found.ravel()], np.full(len(of), mirror)))
    of, a, b, mirror = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Draw(of, a, b, mirror, block)


@dataclass(frozen=True)
class Chance:
    """The score that pairs reach by chance."""

    slope: float
    """Of the score (Fisher's scale) by crowding."""
    middle: float
    """Mode of the best of a block, less slope times crowding."""
    decay: float
    """In which the number of pairs falls by e."""
    block: int

    def expected(self, score: np.ndarray, crowd: np.ndarray, n: int) -> np.ndarray:
        """(p,) how many pairs of n pictures reach this score at this crowding by chance."""
        above = (fisher(score) - self.slope * crowd - self.middle) / self.decay
        return n * (n / self.block) / 2 * np.exp(-np.clip(above, -50, 500))

    def cut(self, n: int, crowd: float, false: float = 1.0) -> float:
        """The score that `false` pairs of n pictures reach by chance at this crowding."""
        tail = self.middle + self.decay * np.log(n * (n / self.block) / 2 / false)
        return float(np.tanh(tail + self.slope * crowd))


def chance(pairs: Draw, score: np.ndarray, crowd: np.ndarray) -> Chance:
    """Fitted to the best of each drawn picture; score, crowd (pairs,): crowd is the mean of both pictures."""
    order = np.lexsort((-score, pairs.of))
    best = order[np.concatenate(([True], pairs.of[order][1:] != pairs.of[order][:-1]))]
    y, x = fisher(score[best]), crowd[best]
    low = y <= np.quantile(y, HIGH)
    slope = 0.0
    if float(np.std(x)) > 1e-6:
        slope = float(np.clip(np.polyfit(x[low], y[low], 1)[0], 0, STEEPEST))
    at = np.linspace(LOW, HIGH, 26)
    decay, middle = np.polyfit(-np.log(-np.log(at)), np.quantile(y - slope * x, at), 1)
    return Chance(slope, float(middle), max(float(decay), LOWEST), pairs.block)
