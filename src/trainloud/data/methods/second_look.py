"""The order of pairs that are alike: a second, independent look at the few pictures that are in question.

Responses to random filters of the data itself, pooled (see `convolution`) and whitened, are too dear for all pictures,
and no better than `likeness` alone; together they order pairs better than either.
"""

import numpy as np

from trainloud.data.methods.convolution import bank, pooled
from trainloud.data.methods.likeness import components, drawn
from trainloud.data.methods.neighbours import unit
from trainloud.data.methods.registration import Laid
from trainloud.data.methods.thumbnails import Squares

FILTERS = 32  # twice as many order no better
FITTED = 3000  # pictures that filters and components are told from
DIMS = 256
WEIGHT = 0.5  # of the second look, beside a score of weight 1
UNSEEN = -10.0  # added to the score of pairs without a second look
IN_QUESTION = 0.2  # pairs a picture that chance may make as alike: of those that it makes more of, none is a copy
LOOKED_AT = 4000  # pictures at most, of the best pairs first: about 3 CPU-seconds


def order(images: Squares, a: np.ndarray, b: np.ndarray, laid: Laid, expected: np.ndarray) -> np.ndarray:
    """Places of the pairs a, b (p,), surest first; mirrored ones stand after the others.

    `expected` (p,): how many pairs chance makes as alike. Those without a second look stand last, by their score.
    """
    by_score = np.argsort(-laid.score, kind="stable")
    by_score = by_score[expected[by_score] < IN_QUESTION * len(images)]
    value = laid.score + UNSEEN
    both = np.stack((a, b), axis=1)[by_score]
    _, first = np.unique(both, return_index=True)  # where in the order each picture comes first
    last = int(np.sort(first)[min(LOOKED_AT, len(first)) - 1]) // 2 if len(first) else 0
    seen = by_score[: last + 1]
    if len(seen):
        value[seen] = laid.score[seen] + WEIGHT * _cosine(images, a[seen], b[seen])
    return np.lexsort((-value, laid.mirror & (value > UNSEEN / 2), value < UNSEEN / 2))


def _cosine(images: Squares, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(p,) whitened cosine of the pairs as they are."""
    sample = images[drawn(len(images), FITTED)]
    filters = bank(sample.astype(np.float32), FILTERS)
    fitted = pooled(sample, filters)
    middle = fitted.mean(axis=0)
    weight = components(fitted - middle, DIMS, len(fitted))
    shown, place = np.unique(np.concatenate((a, b)), return_inverse=True)
    z = unit((pooled(images[shown], filters) - middle) @ weight)
    return (z[place[: len(a)]] * z[place[len(a) :]]).sum(axis=1)
