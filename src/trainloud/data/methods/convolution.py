"""What a picture shows to fixed random filters: the features of all probes on pictures.

Patches of the data itself, whitened, are the filters; both signs of the response above a threshold are averaged over
the cells of a grid (Coates, Lee, Ng 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning",
sections 3 and 4.4; Coates and Ng 2011 for random patches and the soft threshold). Nothing is trained and nothing is
downloaded, so that any two conditions of an experiment get the same treatment.
"""

from dataclasses import dataclass

import numpy as np

from trainloud.data.survey import SEED

PATCH = 6  # pixels a side of a filter: the best of 4, 6, 8 on pictures of 32 pixels
GRID = 4  # cells a side of the pooling grid
THRESHOLD = 0.5  # of a response, in its standard deviations
FLAT = 10.0  # added to the variance of a patch, in grey levels of 255 squared, so that flat ones are not blown up
SOFT = 0.1  # of the mean eigenvalue, added to all in whitening
PATCHES = 20_000  # patches that the whitening is estimated from
BLOCK = 4 << 20  # bytes of unrolled patches at a time: they stay in the processor's cache
POSITIONS = 32  # patches a side at most; on larger pictures the filters move in strides
COMPONENTS = 60  # principal components that the kernel sees
COARSE = 16  # pixels a side at which the kernel sees the picture


@dataclass(frozen=True)
class Bank:
    """Filters with their whitening: the response of a patch p, contrast normalised, is `p @ weight - offset`."""

    weight: np.ndarray
    """(side * side * channels, filters) float32."""
    offset: np.ndarray
    """(filters,) float32."""
    side: int
    stride: int


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """(n, side, side, c) float32, each new pixel the mean of the area that it covers."""
    if images.shape[1] == side and images.shape[2] == side:
        return images.astype(np.float32)
    rows, columns = _areas(images.shape[1], side), _areas(images.shape[2], side)
    out = np.empty((len(images), side, side, images.shape[3]), np.float32)
    step = max(1, (32 << 20) // (images[:1].size * 4))
    for a in range(0, len(images), step):
        part: np.ndarray = images[a : a + step].astype(np.float32)
        wide = np.matmul(rows, part.reshape(len(part), part.shape[1], -1)).reshape(len(part), side, *part.shape[2:])
        out[a : a + step] = np.matmul(columns, wide)
    return out


def _areas(old: int, new: int) -> np.ndarray:
    """(new, old) weights of area resampling; interpolation between neighbours where it enlarges."""
    edges = np.linspace(0, old, new + 1)
    if new > old:
        middle = np.clip((edges[:-1] + edges[1:]) / 2 - 0.5, 0, old - 1)
        weights = np.maximum(1 - np.abs(middle[:, None] - np.arange(old)), 0)
    else:
        at = np.arange(old)
        weights = np.clip(np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at), 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _unrolled(images: np.ndarray, side: int, stride: int) -> tuple[np.ndarray, int, int]:
    """(n * rows * columns, side * side * c) patches in float32, and how many rows and columns of them."""
    view = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    n, rows, columns = view.shape[:3]
    flat = np.ascontiguousarray(view.transpose(0, 1, 2, 4, 5, 3), np.float32)
    return flat.reshape(n * rows * columns, -1), rows, columns


def bank(
    images: np.ndarray, filters: int, side: int = PATCH, stride: int = 0, seed: int = SEED, soft: float = SOFT
) -> Bank:
    """Filters from the pictures (n, h, w, c) themselves; `side` shrinks to half the picture where that is smaller.
    `soft`: see SOFT."""
    rng = np.random.default_rng(seed)
    extent = min(images.shape[1:3])
    side = max(min(side, extent // 2), 1)
    stride = stride or max(1, extent // POSITIONS)
    chosen = np.sort(rng.choice(len(images), min(len(images), 1000), replace=False))
    patches, _, _ = _unrolled(images[chosen], side, max(1, extent // 16))
    patches = patches[rng.permutation(len(patches))[: max(PATCHES, filters)]]
    if side > 1:
        patches = patches - patches.mean(axis=1, keepdims=True)
        patches /= np.sqrt(np.square(patches).mean(axis=1, keepdims=True) + FLAT)
    middle = patches.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((patches - middle).T).reshape(patches.shape[1], -1))
    values = np.maximum(values, 0)
    whitening = (vectors / np.sqrt(values + soft * values.mean() + 1e-12)) @ vectors.T
    chosen = np.arange(filters) % len(patches)
    shapes = (patches[chosen] - middle) @ whitening
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True) + 1e-8
    weight = whitening @ shapes.T
    weight /= ((patches - middle) @ weight).std() + 1e-12
    return Bank(weight.astype(np.float32), (middle @ weight).astype(np.float32), side, stride)


def pooled(images: np.ndarray, bank: Bank, grid: int = GRID) -> np.ndarray:
    """(n, 2 * filters * cells) float32: mean response above the threshold, of either sign, in each cell of the grid.

    The grid has `grid` cells a side, or as many as there are positions.
    """
    count = len(bank.offset)
    extent = [(images.shape[a] - bank.side) // bank.stride + 1 for a in (1, 2)]
    cells = [min(grid, e) for e in extent]
    starts = [np.arange(c) * e // c for c, e in zip(cells, extent, strict=True)]
    sizes = np.outer(*(np.diff([*s, e]) for s, e in zip(starts, extent, strict=True))).astype(np.float32)
    # The mean of a patch is taken away by filters that sum to zero instead of from every patch.
    weight = bank.weight - bank.weight.mean(axis=0) if bank.side > 1 else bank.weight
    out = np.empty((len(images), 2, *cells, count), np.float32)
    step = max(1, BLOCK // (extent[0] * extent[1] * len(weight) * 4))
    for a in range(0, len(images), step):
        block: np.ndarray = images[a : a + step].astype(np.float32)
        patches, rows, columns = _unrolled(block, bank.side, bank.stride)
        response = (patches @ weight).reshape(-1, rows, columns, count)
        if bank.side > 1:
            response *= _contrast(block, bank)[..., None]
        response -= bank.offset
        # The mean above a threshold is the mean of the larger of both less the threshold.
        for sign, over in enumerate((np.maximum(response, THRESHOLD), np.minimum(response, -THRESHOLD, out=response))):
            out[a : a + step, sign] = np.add.reduceat(np.add.reduceat(over, starts[0], axis=1), starts[1], axis=2)
    out /= sizes[:, :, None]
    np.negative(out[:, 1], out=out[:, 1])
    out -= THRESHOLD
    return out.reshape(len(images), -1)


def _contrast(images: np.ndarray, bank: Bank) -> np.ndarray:
    """(n, rows, columns) float32: what brings each patch to about one deviation, by sums over boxes."""
    area = bank.side * bank.side * images.shape[3]
    mean = _boxes(images.sum(axis=3), bank) / area
    square = _boxes(np.einsum("nhwc,nhwc->nhw", images, images), bank) / area
    return 1 / np.sqrt(np.maximum(square - mean * mean, 0) + np.float32(FLAT))


def _boxes(x: np.ndarray, bank: Bank) -> np.ndarray:
    """Sums of (n, h, w) over the patches of a bank."""
    for axis in (1, 2):
        count = x.shape[axis] - bank.side + 1
        x = np.sum([np.take(x, range(i, i + count, bank.stride), axis) for i in range(bank.side)], axis=0)
    return x


@dataclass(frozen=True)
class Kernel:
    """Random Fourier features of a Gaussian kernel on the leading components of what it was made from.

    The kernel's width is the median distance of two rows (Rahimi and Recht 2007, "Random Features for Large-Scale
    Kernel Machines", algorithm 1). It sees everything together: no place, no neighbourhood is built into it.
    """

    middle: np.ndarray
    directions: np.ndarray
    """(d, width) float32."""
    phases: np.ndarray

    @staticmethod
    def of(x: np.ndarray, width: int, seed: int = SEED, components: int = COMPONENTS) -> "Kernel":
        """Made from rows (n, ...), seen flat."""
        rng = np.random.default_rng(seed)
        x = x.reshape(len(x), -1).astype(np.float32)
        middle = x.mean(axis=0)
        basis: np.ndarray = np.eye(x.shape[1], dtype=np.float32)
        if x.shape[1] > components:
            few = x[np.sort(rng.choice(len(x), min(len(x), 5000), replace=False))] - middle
            basis = np.linalg.eigh(few.T @ few)[1][:, ::-1][:, :components]
        pairs = rng.integers(0, len(x), (2, 2000))
        squared = float(np.median(np.square((x[pairs[0]] - x[pairs[1]]) @ basis).sum(axis=1)))
        directions = rng.standard_normal((basis.shape[1], width), np.float32) / np.float32(max(squared, 1e-12) ** 0.5)
        return Kernel(middle, basis @ directions, rng.uniform(0, 2 * np.pi, width).astype(np.float32))

    def see(self, x: np.ndarray) -> np.ndarray:
        """(n, width) float32."""
        return np.cos((x.reshape(len(x), -1).astype(np.float32) - self.middle) @ self.directions + self.phases)
