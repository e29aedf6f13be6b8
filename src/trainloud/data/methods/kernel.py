"""Kernel ridge regression in which every row is judged by a fit that has not seen it, from one matrix inverse.

Features -> principal components, whitened in part -> rational quadratic kernel -> exact leave-one-out predictions. The
inverse serves every later fit with other targets, which then costs one product of matrices.
"""

from dataclasses import dataclass

import numpy as np

from trainloud.data.survey import SEED

WHITENED = 0.3  # exponent: a component of deviation s is given s ** (1 - 0.3); 0 and 1 order wrong labels worse
COMPONENTS = 1000
SMALLEST = 1e-6  # of the largest: eigenvalues and deviations below are rounding
PAIRS_FROM = 500  # rows whose distances give the kernel its width
BLOCK = 500  # rows of a kernel at a time


@dataclass(frozen=True)
class Components:
    """Leading principal components, whitened in part: x -> ((x - middle) / deviation) @ weight."""

    middle: np.ndarray
    deviation: np.ndarray
    """(d,) float32, infinite for constant columns."""
    weight: np.ndarray
    """(d, c) float32."""

    @staticmethod
    def of(
        x: np.ndarray, standardise: bool = True, count: int = COMPONENTS, whitened: float = WHITENED
    ) -> "Components":
        """Told from rows (m, d) of finite float32."""
        middle, deviation = x.mean(axis=0), x.std(axis=0)
        least = SMALLEST * max(float(deviation.max(initial=0)), 1e-30)
        varies = deviation > least
        deviation = np.where(varies, deviation if standardise else 1, np.inf).astype(np.float32)
        z = (x - middle) / deviation
        if x.shape[1] <= len(x):
            values, vectors = np.linalg.eigh((z.T @ z) / np.float32(len(z)))
        else:
            values, left = np.linalg.eigh((z @ z.T) / np.float32(len(z)))
            vectors = (z.T @ left) / np.sqrt(np.maximum(values, 1e-12) * len(z))
        order = np.argsort(-values)[:count]
        order = order[values[order] > SMALLEST * max(float(values.max(initial=0)), 1e-30)]
        weight = vectors[:, order] * values[order] ** (-whitened / 2)
        return Components(middle, deviation, weight.astype(np.float32))

    def see(self, x: np.ndarray) -> np.ndarray:
        """(n, c) float32."""
        return ((x - self.middle) / self.deviation) @ self.weight


def width(x: np.ndarray) -> float:
    """Median squared distance of two rows of (m, c), told from a few of them."""
    part = x[np.random.default_rng(SEED).permutation(len(x))[:PAIRS_FROM]]
    squares = np.square(part).sum(axis=1)
    between = squares[:, None] + squares - 2 * part @ part.T
    return max(float(np.median(between[~np.eye(len(part), dtype=bool)])), 1e-12)


def kernel(a: np.ndarray, b: np.ndarray, scale: float) -> np.ndarray:
    """(n, m) float32: 1 / (1 + |a - b|^2 / scale) of the rows of (n, c) and (m, c): the rational quadratic kernel with
    exponent 1, a mixture of Gaussian ones of all widths (Rasmussen and Williams 2006, equation 4.19). On CIFAR-10 it
    predicts better than one Gaussian, and orders wrong labels by .002 better."""
    found = a @ b.T
    by, of_a, of_b = np.float32(1 / scale), np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    for first in range(0, len(a), BLOCK):
        part = found[first : first + BLOCK]
        part *= -2 * by
        part += by * of_b
        part += by * of_a[first : first + BLOCK, None]
        np.maximum(part, 0, out=part)
        part += 1
        np.reciprocal(part, out=part)
    return found


class LeaveOneOut:
    """Kernel ridge regression with a free mean: exact leave-one-out predictions (Rasmussen and Williams 2006, "Gaussian
    Processes for Machine Learning", section 5.4.2, equations 5.10 to 5.12, here with an unpenalised constant)."""

    def __init__(self, between: np.ndarray, penalty: float):
        """Of the kernel between all rows (m, m) float32, which is used up. Raises numpy.linalg.LinAlgError where it has
        no inverse."""
        from scipy.linalg import lapack

        between[np.diag_indices(len(between))] += np.float32(penalty)
        factor, failed = lapack.spotrf(between.T, lower=1, overwrite_a=1)
        if failed:
            raise np.linalg.LinAlgError("the kernel is not positive definite at this penalty")
        self._inverse = lapack.spotri(factor, lower=1, overwrite_c=1)[0]  # its lower triangle
        self._ones = self._times(np.ones((len(between), 1), np.float32))
        self._diagonal = np.diag(self._inverse)[:, None] - self._ones**2 / self._ones.sum()

    def _times(self, y: np.ndarray) -> np.ndarray:
        from scipy.linalg import blas

        return blas.ssymm(1.0, self._inverse, np.asfortranarray(y, np.float32), lower=1)

    def weights(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m, k) and (k,) of targets (m, k): the prediction at x is kernel(x, rows) @ weights + constant."""
        constant = (self._ones.T @ y) / self._ones.sum()
        return self._times(y) - self._ones * constant, constant[0]

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """(m, k) float32: each row's prediction by the fit without it."""
        return y - self.weights(y)[0] / self._diagonal
