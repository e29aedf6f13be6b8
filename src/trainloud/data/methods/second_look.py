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
LOOKED_AT = 4000  # pictures at most, of the best pairs first: about 3 CPU-seconds


def order(images: Squares, a: np.ndarray, b: np.ndarray, laid: Laid) -> np.ndarray:
    """Places of the pairs a, b (p,), surest first; mirrored ones stand after the others."""
    by_score = np.argsort(-laid.score, kind="stable")
    value = laid.score - 10.0
    both = np.stack((a, b), axis=1)[by_score]
    _, first = np.unique(both, return_index=True)  # where in the order each picture comes first
    last = int(np.sort(first)[min(LOOKED_AT, len(first)) - 1]) // 2 if len(first) else 0
    seen = by_score[: last + 1]
    if len(seen):
        value[seen] = laid.score[seen] + WEIGHT * _cosine(images, a[seen], b[seen])
    return np.lexsort((-value, laid.mirror))


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
