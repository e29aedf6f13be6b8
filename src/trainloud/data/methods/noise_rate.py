"""How many labels are wrong: an interval, from predictions that have not seen the label they are compared with.

A label may be contradicted because it is wrong, because the model is, or because the input does not determine it. The
last two die out towards the examples on which the model is clearest (anchor points: Liu and Tao 2016, "Classification
with Noisy Labels by Importance Reweighting", section 4; Patrini et al. 2017, "Making Deep Neural Networks Robust to
Label Noise", section 3.1); the first does not. So what is left among the clearest is the noise there. That hard
examples are at most `ODDS` times as badly labelled, in odds, is an assumption (Rosenbaum 2002, "Observational
Studies", chapter 4, for bounds of this form), as is the power law by which model error dies out: both were checked by
experiment only, on human labels (CIFAR-10N: 1.6 to 2.7 times) and on planted errors.
"""

from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.statistics import wilson

ODDS = 2.0
EASY = 0.5  # share of each predicted class, clearest first, that the curve is fitted on
BINS = 200  # of that half, narrowing towards the clearest
QUEUE = 20  # rows predicted as a class, below which it shares one queue with others like it
WEIGHTS = (0.2, 5.0)  # least and most of a row of a predicted class
STEEPEST, FLATTEST = 3.0, 0.5  # exponents of the power law; a flatter one can hardly be told from a level
LIKELY = 1.92  # of the log likelihood: half the 95 % point of chi squared with one degree of freedom
WIDEST = 0.5  # an interval wider than that says nothing
ANCHORS = 0.1  # share of the rows predicted as a class that a row of the transition matrix is told from


@dataclass(frozen=True)
class Rate:
    """The share of wrong labels."""

    low: float
    high: float
    """95 % interval under the assumptions above; 0 and `contradicted` where it cannot be told."""
    clearest: tuple[float, float, float]
    """Estimate and 95 % profile interval of the share among the clearest examples."""
    surest: float
    """Low end of the same among the clearest of all classes together. Two classes that the model cannot tell apart at
    all, which look like swapped labels, are not among them."""
    contradicted: float
    """Share of labels that the model contradicts."""
    refused: str = ""
    """Why it cannot be told; "" where it can."""


def easiness(scores: np.ndarray, together: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(m, k) -> predicted class (m,) and place (m,) in (0, 1) by the gap of the best two within the predicted class,
    or in all classes `together`; 0 the clearest."""
    top = np.partition(scores, -2, axis=1)
    gap, best = top[:, -1] - top[:, -2], scores.argmax(axis=1)
    queue = np.where(np.bincount(best, minlength=scores.shape[1])[best] < QUEUE, -1, best)
    queue = np.zeros_like(queue) if together else queue
    order = np.lexsort((np.arange(len(gap)), -gap, queue))
    _, start, size = np.unique(queue[order], return_index=True, return_counts=True)
    place = np.empty(len(scores))
    place[order] = (np.arange(len(order)) - np.repeat(start, size) + 0.5) / np.repeat(size, size)
    return best, place


def transition(scores: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k, k): about P(given label j | true class i), from the clearest rows predicted i; and (k,) how many they were.
    NaN for a class that is predicted too seldom. Understates noise, as clear rows are labelled better."""
    k = scores.shape[1]
    best, place = easiness(scores)
    matrix, used = np.full((k, k), np.nan), np.zeros(k, np.int64)
    for i in range(k):
        rows = np.flatnonzero(best == i)
        rows = rows[np.argsort(place[rows], kind="stable")][: max(QUEUE, int(ANCHORS * len(rows)))]
        used[i] = len(rows)
        if len(rows) >= QUEUE:
            matrix[i] = np.bincount(y[rows], minlength=k) / len(rows)
    return matrix, used


def rate(scores: np.ndarray, y: np.ndarray, overlap: bool = False) -> Rate:
    """Of leave-one-out scores (m, k) and labels (m,). With `overlap` inputs need not determine the label, as in most
    tables: there a level of chance cannot be told from a level of noise, and the low end is 0."""
    k = scores.shape[1]
    best, place = easiness(scores)
    contradicted = float((best != y).mean())
    advantage = 1 - contradicted - float(np.bincount(y, minlength=k).max()) / len(y)
    error = float(np.sqrt(contradicted * (1 - contradicted) / len(y)))
    if not advantage > 2 * error:
        share = 1 - contradicted
        why = f"the probe is right in {share:.3f} of the rows, the best constant in {share - advantage:.3f}"
        return Rate(0.0, contradicted, (0.0, 0.0, 1.0), 0.0, contradicted, f"{why}: not clearly above it")
    clearest = _floor(*_binned(scores, y, best, place))
    surest = _floor(*_binned(scores, y, *easiness(scores, together=True)))[1]
    odds = clearest[2] / max(1 - clearest[2], 1e-9) * ODDS
    high = min(odds / (1 + odds), max(wilson(contradicted * len(y), len(y))[1], clearest[2]))
    why = ""
    if clearest[0] >= 0.5 * (1 - 1 / k) or high - clearest[1] >= WIDEST:
        why = (
            f"among the clearest examples {clearest[1]:.0%} to {clearest[2]:.0%} of the labels are contradicted, which "
            "is too wide or too much to tell wrong labels from a weak probe"
        )
        return Rate(0.0, contradicted, clearest, surest, contradicted, why)
    return Rate(0.0 if overlap else clearest[1], high, clearest, surest, contradicted)


def _binned(
    scores: np.ndarray, y: np.ndarray, best: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, contradicted rows and log of the mean place in each bin of the easier half, rows weighed so that predicted
    classes have the shares of the true ones, which are solved from given = transition' true."""
    k = scores.shape[1]
    matrix, _ = transition(scores, y)
    matrix = np.where(np.isnan(matrix), np.eye(k), matrix)
    given, predicted = np.bincount(y, minlength=k) / len(y), np.bincount(best, minlength=k) / len(y)
    true = np.maximum(np.linalg.lstsq(matrix.T, given, rcond=None)[0], 0)
    easy = place < EASY
    weight = np.clip(true / np.maximum(predicted, 1e-9), *WEIGHTS)[best[easy]]
    weight *= weight.sum() / np.square(weight).sum()  # so that the counts are the effective ones
    bins = np.digitize(place[easy], EASY * np.linspace(0, 1, BINS + 1)[1:-1] ** 2)
    wrong = (best != y)[easy]
    rows, hits, places = (np.bincount(bins, v, BINS) for v in (weight, weight * wrong, weight * place[easy]))
    some = rows > 0
    return rows[some], hits[some], np.log(places[some] / rows[some])


def _floor(rows: np.ndarray, hits: np.ndarray, log_place: np.ndarray) -> tuple[float, float, float]:
    """r of P(contradicted | place) = r + (1 - r) A place^b by maximum likelihood, with its 95 % profile interval."""
    from scipy.optimize import minimize

    def loss(power: np.ndarray, r: float) -> float:
        p = np.clip(r + (1 - r) * np.exp(np.minimum(power[0] + power[1] * log_place, 0)), 1e-7, 1 - 1e-7)
        return float(-(hits * np.log(p) + (rows - hits) * np.log(1 - p)).sum())

    levels = np.r_[0, 0.001, 0.002, 0.003, 0.005, 0.0075, np.arange(0.01, 0.95, 0.005)]
    start = np.array([-1.0, 1.0])
    last, lost = start, []
    for r in levels:
        found = [
            minimize(loss, at, args=(r,), bounds=[(-12, 3), (FLATTEST, STEEPEST)], method="L-BFGS-B")
            for at in (last, start)
        ]
        best = min(found, key=lambda f: f.fun)
        last = best.x
        lost.append(best.fun)
        if lost[-1] > min(lost) + 4 * LIKELY:
            break
    inside = np.flatnonzero(np.array(lost) - min(lost) < LIKELY)
    return float(levels[int(np.argmin(lost))]), float(levels[inside[0]]), float(levels[inside[-1]])
