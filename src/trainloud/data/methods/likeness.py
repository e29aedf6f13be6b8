"""What a thumbnail looks like as a vector whose cosine tells copies from what pictures of this data share anyway.

Square roots of histograms of oriented gradients (Dalal and Triggs 2005, "Histograms of Oriented Gradients for Human
Detection", section 6; the root: Arandjelovic and Zisserman 2012, "Three things everyone should know to improve object
retrieval", section 3) and small colours, whitened by the data's own components: whitening makes the cosine a test
against what pictures of this data have in common (Hariharan, Malik, Ramanan 2012, "Discriminative Decorrelation for
Clustering and Classification", section 2). Nothing is trained, nothing is downloaded.
"""

import numpy as np

from trainloud.data.methods.neighbours import unit
from trainloud.data.survey import SEED, SIDE

BINS = 8  # directions of the gradient, light to dark told apart
CELL = 8  # pixels a side that one histogram, and half a side of a colour, is taken over
CELLS = SIDE // CELL
COLOURS = 8  # colours a side
SHAPE = CELLS * CELLS * BINS  # first columns of the features; the colours follow
BLOCK = 256  # pictures at a time: their intermediates stay in the cache
DIMS = 192  # components kept; fewer lose copies, more find no more of them
FITTED = 6000  # pictures that the components are told from, and as many mirrored ones
THIN = 1e-5  # of the largest variance: what rounding leaves of a component that is none


def features(images: np.ndarray) -> np.ndarray:
    """(m, SIDE, SIDE, 3) of any dtype -> (m, SHAPE + 192) float32."""
    out: np.ndarray = np.empty((len(images), SHAPE + COLOURS * COLOURS * 3), np.float32)
    pooled = np.repeat(np.eye(CELLS, dtype=np.float32), CELL, axis=1) / CELL  # (CELLS, SIDE)
    turns = 2 * np.pi * np.arange(BINS // 2) / BINS
    for start in range(0, len(images), BLOCK):
        block: np.ndarray = images[start : start + BLOCK].astype(np.float32)
        across, down = _gradients(block)
        responses: np.ndarray = np.empty((len(block), BINS, SIDE, SIDE), np.float32)
        for i, turn in enumerate(turns):
            along = np.float32(np.cos(turn)) * across + np.float32(np.sin(turn)) * down
            np.maximum(along, 0, out=responses[:, 2 * i])
            np.subtract(responses[:, 2 * i], along, out=responses[:, 2 * i + 1])
        cells = np.matmul(pooled, responses @ pooled.T)  # (m, BINS, CELLS, CELLS)
        out[start : start + BLOCK, :SHAPE] = np.sqrt(cells.transpose(0, 2, 3, 1)).reshape(len(block), -1)
        out[start : start + BLOCK, SHAPE:] = _colours(block).reshape(len(block), -1)
    return out


def _colours(block: np.ndarray) -> np.ndarray:
    """(m, COLOURS, COLOURS, 3) means; sums of slices, as numpy is slow along short axes."""
    step = SIDE // COLOURS
    rows: np.ndarray = np.add.reduce([block[:, i::step] for i in range(step)])
    return np.add.reduce([rows[:, :, i::step] for i in range(step)]) / np.float32(step * step)


def grey(images: np.ndarray) -> np.ndarray:
    """(m, h, w, 3) -> (m, h, w) float32 mean of the channels."""
    return (images[..., 0].astype(np.float32) + images[..., 1] + images[..., 2]) / np.float32(3)


def _gradients(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m, SIDE, SIDE) differences across and down, of the channel in which they are strongest."""
    padded = np.pad(block, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    strength = across * across + down * down
    best_across, best_down, best = across[..., 0], down[..., 0], strength[..., 0]
    for channel in range(1, block.shape[3]):
        more = strength[..., channel] > best
        best = np.where(more, strength[..., channel], best)
        best_across = np.where(more, across[..., channel], best_across)
        best_down = np.where(more, down[..., channel], best_down)
    return best_across, best_down


def mirrored() -> np.ndarray:
    """Columns of the features that are the features of the mirrored picture."""
    order = [b for k in range(BINS // 2) for b in (k, k + BINS // 2)]  # of the directions in the columns
    to = [order.index((BINS // 2 - b) % BINS) for b in order]
    shape = np.arange(SHAPE).reshape(CELLS, CELLS, BINS)[:, ::-1][:, :, to]
    colours = np.arange(COLOURS * COLOURS * 3).reshape(COLOURS, COLOURS, 3)[:, ::-1]
    return np.concatenate((shape.ravel(), SHAPE + colours.ravel()))


class Whitening:
    """Features -> rows of length 1, with all components of the data's own variation at equal weight."""

    def __init__(self, sample: np.ndarray, dims: int = DIMS):
        """sample (m, d): features of pictures of the data, drawn at random; they are joined by their mirrors."""
        sample = np.concatenate((sample, sample[:, mirrored()]))
        self.middle = sample.mean(axis=0)
        # Both kinds of features count the same before whitening.
        scale: np.ndarray = np.full(sample.shape[1], sample[:, :SHAPE].std() + 1e-6, np.float32)
        scale[SHAPE:] = sample[:, SHAPE:].std() + 1e-6
        self.weight = components((sample - self.middle) / scale, dims, len(sample) // 2) / scale[:, None]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(m, d) -> (m, dims) float32, rows of length 1."""
        return unit((features - self.middle) @ self.weight)


def components(centred: np.ndarray, dims: int, pictures: int) -> np.ndarray:
    """(d, dims) float32 that whitens: fewer dims where there are fewer than 4 pictures for each, or no variance."""
    values, vectors = np.linalg.eigh((centred.T @ centred / len(centred)).astype(np.float64))
    kept = int(min(dims, max(8, pictures // 4), (values > THIN * values[-1]).sum()))
    return (vectors[:, -kept:] / np.sqrt(values[-kept:])).astype(np.float32)


def drawn(n: int, most: int) -> np.ndarray:
    """At most `most` of n places, ascending, with a fixed seed."""
    return np.sort(np.random.default_rng(SEED).permutation(n)[:most])
