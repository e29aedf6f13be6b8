"""Near-duplicate pictures: embed, search, lay on each other, hold against chance, group.

The stages stand in `likeness`, `neighbours`, `registration`, `coincidence` and `second_look`; this file joins them.
"""

from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.coincidence import Chance, chance, crowding, draw
from trainloud.data.methods.likeness import FITTED, Whitening, drawn, features, mirrored
from trainloud.data.methods.neighbours import nearest
from trainloud.data.methods.registration import Laid, lay
from trainloud.data.methods.repeats import repeats
from trainloud.data.methods.second_look import order
from trainloud.data.methods.thumbnails import LEAST_CELLS, Squares, showing, squares
from trainloud.data.survey import Survey

FEWEST = 100  # pictures below which chance cannot be told: of 21 samples of 60 digits one had false pairs, of 53
# samples of 100 to 300 none
SMALLEST = 16  # pixels of the longer side: smaller pictures hold too little to tell copies from look-alikes
BYTES_A_ROW = 1000  # two vectors of 192 in float16, neighbours and pairs
NEAREST, MIRRORED = 6, 2  # neighbours and mirrored neighbours that are candidates
ROUND = 10_000, 0.25  # pairs laid on each other before it is asked how many are copies: a picture each up to
# this many, a quarter of one beyond, whichever is more
GOES_ON = 0.005  # share of a round of pairs that must be copies, for another round to be worth while
SURE, LIKELY = 0.78, 0.70  # score, whatever chance says: below, people do not call pictures the same
AGREE = 0.65  # correlation: small things on a plain ground reach 0.6 by their outline, copies 0.7 and more
HOPELESS = 3 * SURE - 2  # correlation below which no cosine makes a pair sure: it is dropped
BY_CHANCE = 1.0  # pairs that chance gives among those called sure
STRIKING = 0.05  # pairs that chance gives as alike as the best one; without one so striking ...
MANY = 5  # ... so many must be sure: chance gives them once in 270 data sets that hold no copy
FALSE_SHARE = 0.2  # of the likely ones that chance may give
STEP = 4096  # pictures embedded at a time


@dataclass(frozen=True)
class Copies:
    """Pairs of pictures that are nearly the same; the surest first, mirrored ones after the others."""

    compared: int
    """Pictures that were compared, equal ones counted once."""
    a: np.ndarray
    b: np.ndarray
    """(pairs,) rows of the survey, each the first of those equal to it."""
    laid: Laid
    likely: int
    """Further pairs that are likely copies, not certain ones."""
    cut: float
    """Score that one pair reaches by chance, at the median of crowding."""
    skipped: tuple[str, ...] = ()
    """Which pictures were left out, in words with their number."""
    why_not: str = ""
    """Why nothing was compared."""


@dataclass(frozen=True)
class Pairs:
    """The pairs that were laid on each other and may be copies, in the order of `second_look`."""

    a: np.ndarray
    b: np.ndarray
    laid: Laid
    expected: np.ndarray
    """Pairs that would be as alike by chance, among all pictures."""
    crowd: np.ndarray
    chance: Chance
    cut: float


def copies(survey: Survey) -> Copies:
    """The survey's near-duplicates, found once for all who ask. Equal pictures count as one."""
    return survey.once("near-duplicates", lambda: _copies(survey))


def _copies(survey: Survey) -> Copies:
    rows, skipped = _compared(survey)
    nothing: np.ndarray = np.zeros(0, np.int64)
    empty = Laid(nothing, nothing, nothing.astype(bool), nothing.reshape(0, 2), nothing.reshape(0, 2))
    if len(rows) < FEWEST:
        why = f"{len(rows):,} different pictures can be compared, and chance is told from {FEWEST} and more"
        return Copies(len(rows), nothing, nothing, empty, 0, 1.0, skipped, why + "".join(f"; {s}" for s in skipped))
    found = pairs(squares(survey).taken(rows))
    sure = certain(found)
    likely = int(probable(found).sum())
    return Copies(
        len(rows), rows[found.a[sure]], rows[found.b[sure]], found.laid.taken(sure), likely, found.cut, skipped
    )


def _compared(survey: Survey) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows that are compared, ascending, and which were left out, in words."""
    content, images = survey.measured.content, squares(survey)
    assert content is not None
    n = len(survey)
    open_ = np.array(content.any(axis=1))
    for group in repeats(survey):
        open_[group[1:]] = False
    said = []
    axes = survey.measured.axes
    if {"width", "height"} <= set(axes):
        small = open_ & (np.fmax(axes["width"], axes["height"]) < SMALLEST)
        if small.any():
            said.append(f"{small.sum():,} of less than {SMALLEST} pixels a side left out")
        open_ &= ~small
    rows = np.flatnonzero(open_)
    some = survey.sample(survey.limits.rows(BYTES_A_ROW, 0.3), rows)
    if len(some) < len(rows):
        said.append(f"a sample of {len(some):,} of {len(rows):,}")
    enough = np.concatenate([np.zeros(0, bool), *(showing(images[r]) >= LEAST_CELLS for r in _steps(some))])
    if not enough.all():
        said.append(f"{(~enough).sum():,} of {n:,} that show next to nothing left out")
    return some[enough], tuple(said)


def _steps(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[i : i + STEP] for i in range(0, len(rows), STEP)]


def pairs(images: Squares) -> Pairs:
    """Near-duplicates among pictures all of which count, with what was measured of them.

    Raises nothing; needs FEWEST pictures for its numbers to mean anything. Memory: about 900 bytes a picture beside the
    pictures themselves.
    """
    n = len(images)
    whiten = Whitening(features(images[drawn(n, FITTED)]))
    z, mirror = _embedded(images, whiten)
    crowd = crowding(z)
    drawn_pairs = draw(z, mirror)
    at_random = lay(images, drawn_pairs.a, drawn_pairs.b, drawn_pairs.mirror, whiten, z)
    by_chance = chance(drawn_pairs, at_random.score, (crowd[drawn_pairs.a] + crowd[drawn_pairs.b]) / 2)
    a, b, flip = _candidates(z, mirror)
    kept: list[tuple[np.ndarray, np.ndarray, Laid, np.ndarray]] = []
    size = max(min(ROUND[0], n), int(ROUND[1] * n))
    for start in range(0, len(a), size):
        i, j = a[start : start + size], b[start : start + size]
        laid = lay(images, i, j, flip[start : start + size], whiten, z, HOPELESS)
        near = np.flatnonzero(laid.peak >= HOPELESS)
        i, j, laid = i[near], j[near], laid.taken(near)
        expected = by_chance.expected(laid.score, (crowd[i] + crowd[j]) / 2, n)
        kept.append((i, j, laid, expected))
        if _sure(laid, expected).sum() < GOES_ON * size:
            break
    i, j, laid, expected = _joined(kept, n)
    first = order(images, i, j, laid, expected)
    cut = by_chance.cut(n, float(np.median(crowd)), BY_CHANCE)
    return Pairs(i[first], j[first], laid.taken(first), expected[first], crowd, by_chance, cut)


def _embedded(images: Squares, whiten: Whitening) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) float16 of the pictures and of their mirrors, rows of length 1."""
    z: np.ndarray = np.empty((len(images), whiten.weight.shape[1]), np.float16)
    mirror, swapped = np.empty_like(z), mirrored()
    for rows in _steps(np.arange(len(images))):
        found = features(images[rows])
        z[rows], mirror[rows] = whiten(found), whiten(found[:, swapped])
    return z, mirror


def _candidates(z: np.ndarray, mirror: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs a < b and whether b is mirrored, the likeliest first, each once."""
    n = len(z)
    parts = []
    for queries, k, flip in ((z, NEAREST, False), (mirror, MIRRORED, True)):
        ids, cosines = nearest(z, queries, k)
        one: np.ndarray = np.arange(n, dtype=np.int32).repeat(ids.shape[1])
        two, cosine = ids.ravel(), cosines.ravel()
        parts.append((np.minimum(one, two), np.maximum(one, two), np.full(len(one), flip), cosine))
    a, b, flips, cosine = (np.concatenate(column) for column in zip(*parts, strict=True))
    there = a >= 0
    a, b, flips, cosine = a[there], b[there], flips[there], cosine[there]
    _, first = np.unique((a.astype(np.int64) * n + b) * 2 + flips, return_index=True)
    first = first[np.argsort(-cosine[first], kind="stable")]
    return a[first].astype(np.int64), b[first].astype(np.int64), flips[first]


def _joined(
    kept: list[tuple[np.ndarray, np.ndarray, Laid, np.ndarray]], n: int
) -> tuple[np.ndarray, np.ndarray, Laid, np.ndarray]:
    """All rounds in one; of a pair that was tried as it is and mirrored the better."""
    a, b, expected = (np.concatenate([k[i] for k in kept]) for i in (0, 1, 3))
    laid = Laid(
        *(np.concatenate([getattr(k[2], f) for k in kept]) for f in ("peak", "cosine", "mirror", "zoom", "shift"))
    )
    best = np.lexsort((-laid.score, b, a))
    key = a[best] * n + b[best]
    best = best[np.concatenate((np.ones(min(len(key), 1), bool), key[1:] != key[:-1]))]
    return a[best], b[best], laid.taken(best), expected[best]


def certain(found: Pairs) -> np.ndarray:
    """Places of the pairs that are copies beyond doubt; none where chance could have made them all."""
    sure = _sure(found.laid, found.expected)
    enough = sure.sum() >= MANY or (found.expected[sure] < STRIKING).any()
    return np.flatnonzero(sure) if enough else np.zeros(0, np.int64)


def _sure(laid: Laid, expected: np.ndarray) -> np.ndarray:
    return (laid.score >= SURE) & (laid.peak >= AGREE) & (expected < BY_CHANCE)


def probable(found: Pairs) -> np.ndarray:
    """(pairs,) bool: no sure copies, but as many as chance gives at most FALSE_SHARE of (Benjamini, Hochberg 1995)."""
    by = np.argsort(found.expected, kind="stable")
    share = found.expected[by] / np.arange(1, len(by) + 1)
    good = np.flatnonzero(share < FALSE_SHARE)
    likely: np.ndarray = np.zeros(len(by), bool)
    likely[by[: good[-1] + 1 if len(good) else 0]] = True
    likely &= (found.laid.score >= LIKELY) & (found.laid.peak >= AGREE)
    likely[certain(found)] = False
    return likely


def stars(a: np.ndarray, b: np.ndarray, score: np.ndarray) -> list[np.ndarray]:
    """Groups of pairs: the picture with most partners takes them, then the next of the rest; its centre first.

    Star clustering (Aslam, Pelekhov, Rus 2004, "The Star Clustering Algorithm for Static and Dynamic Information
    Organization"): every member is a copy of the centre, so chains of small differences (a panning camera) do not join
    what has nothing in common.
    """
    partners: dict[int, dict[int, float]] = {}
    for i, j, value in zip(a.tolist(), b.tolist(), score.tolist(), strict=True):
        partners.setdefault(i, {})[j] = value
        partners.setdefault(j, {})[i] = value
    taken: set[int] = set()
    groups = []
    for i in sorted(partners, key=lambda i: (-len(partners[i]), -sum(partners[i].values()), i)):
        if i not in taken:
            group = [i, *(j for j in partners[i] if j not in taken)]
            taken.update(group)
            if len(group) > 1:
                groups.append(np.array(group))
    return groups
