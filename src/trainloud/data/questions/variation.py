"""Does the data vary in far fewer directions than it has numbers, and which are they?

Why it matters: the number of directions, not the number of pixels or columns, says how many examples it takes to fill
the space and how wide a bottleneck may be. Where most of the variation lies within the classes and along light, place
or length, distances between raw examples say little, and what is compared must be learned or normalised first.

Remedy: choose bottlenecks and embeddings no narrower than the intrinsic dimension; normalise the largest named axis
if question 3 finds it spurious; where classes barely stand apart, do not rely on nearest neighbours of raw examples.

Known limits: the intrinsic dimension of few examples is too low (a curved surface looks flat from afar) and that of
noisy ones too high; the one that stays on ever
fewer rows is taken, and all of them are given as evidence. The named axes are taken away one after the
other: what two of them share is counted for the first.

Source: Facco, d'Errico, Rodriguez, Laio 2017, "Estimating the intrinsic dimension of datasets by a minimal
neighborhood information"; Pope, Zhu, Abdelkader, Goldblum, Goldstein 2021, "The Intrinsic Dimension of Images and Its
Impact on Learning"; Gao et al. 2017 for the participation ratio.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from trainloud.core.answer import Answer, Point, Verdict
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import by_kind
from trainloud.data.methods.appearance import decomposed, native_side, pictures
from trainloud.data.methods.dimension import Dimension, between, participation, steady, two_nearest
from trainloud.data.methods.retention import Refused
from trainloud.data.survey import SEED, SIDE, Survey

ORDER = 2
ROWS = 3000  # examples whose distances are taken: their number enters squared
FEW = 0.5  # of the numbers of an example: fewer directions than that are "far fewer"
PARTS = 8  # random parts of the rows on which shares are estimated, for their interval
T95 = 2.365  # of Student's t with 7 degrees of freedom: 95 % two-sided
HELD = (0.9, 0.95)  # shares of the variance whose principal components are counted


def described(
    survey: Survey, rows: np.ndarray, x: np.ndarray, what: str, shares: Mapping[str, tuple[float, float, float]]
) -> Answer:
    """The answer for examples as rows of (m, d). `shares` are named parts of the variance with their intervals."""
    x = x[:, x.std(axis=0) > 0]
    dimensions = two_nearest(x) if x.shape[1] > 1 else []
    if not dimensions:
        raise Refused(f"{len(x)} examples with {x.shape[1]} numbers that vary are too few for an intrinsic dimension")
    value, low, high = steady(dimensions)
    directions, values = participation(x)
    held = {share: int(np.searchsorted(np.cumsum(values) / values.sum(), share)) + 1 for share in HELD}
    bound = FEW * x.shape[1]
    verdict: Verdict = "yes" if high < bound else "no" if low > bound else "undecided"
    apart = _between(survey, rows, x)
    said = (
        f"The intrinsic dimension of {len(x):,} {what} is {value:.1f} ({low:.1f} to {high:.1f}) in a space of "
        f"{x.shape[1]:,}; {directions:.1f} directions of equal variance would spread as much, and "
        f"{held[0.95]:,} principal components hold 95 % of the variance"
    )
    said += f"; {apart:.1%} of it lies between the classes" if apart is not None else ""
    top = sorted(((v[0], k) for k, v in shares.items() if k != "the rest"), reverse=True)[:3]
    said += f"; {', '.join(f'{k} {v:.0%}' for v, k in top)}." if top else "."
    return Answer(
        "", "", verdict, said, _follows(high, apart, top), value, low, high, "dimensions",
        tuple(Point(k, *v) for k, v in shares.items()), "named part of the variance" if shares else "",
        "share of the variance" if shares else "",
        evidence=_evidence(dimensions, directions, held, apart, shares, x),
    )  # fmt: skip


def _follows(high: float, apart: float | None, top: Sequence[tuple[float, str]]) -> str:
    said = f"A bottleneck narrower than about {int(np.ceil(high))} features loses examples that differ."
    if apart is not None and apart < 0.1:
        said += (
            " Nearly all variation lies within the classes: distances between raw examples say little of the class, so "
            "features must be learned."
        )
    if top and top[0][0] >= 0.1:
        said += f" The largest named part is {top[0][1]}: question 3 says whether it may be taken out."
    return said


def _between(survey: Survey, rows: np.ndarray, x: np.ndarray) -> float | None:
    """Share of the variance between classes; None without classes."""
    if survey.labels is None:
        return None
    codes, names = survey.labels
    known = codes[rows] >= 0
    return between(x[known], codes[rows][known], len(names)) if known.any() else None


def _evidence(
    dimensions: Sequence[Dimension], directions: float, held: Mapping[float, int], apart: float | None,
    shares: Mapping[str, tuple[float, float, float]], x: np.ndarray,
) -> dict[str, object]:  # fmt: skip
    return {
        "rows": len(x),
        "numbers": x.shape[1],
        "intrinsic dimension by rows": {
            str(d.rows): [round(v, 2) for v in (d.value, d.low, d.high)] for d in dimensions
        },
        "participation ratio": round(directions, 2),
        "principal components": {f"{k:.0%}": v for k, v in held.items()},
        "between classes": None if apart is None else round(apart, 4),
        "shares": {k: round(v[0], 4) for k, v in shares.items()},
    }


# pictures -----------------------------------------------------------------------------------------------------


def of_images(survey: Survey) -> Answer:
    usable = survey.training.copy()
    usable[list(survey.measured.errors)] = False
    rows = survey.sample(min(ROWS, survey.limits.probe_rows), np.flatnonzero(usable))
    if not len(rows):
        raise Refused("no picture could be decoded")
    images = pictures(survey, rows, min(native_side(survey), SIDE)).astype(np.float32)
    part = np.random.default_rng(SEED).permutation(len(rows)) % PARTS
    found = [decomposed(images[part == p]) for p in range(PARTS)] if len(rows) >= PARTS * 10 else []
    shares = {}
    for name in found[0] if found else ():
        values = np.array([f[name] for f in found])
        half = T95 * float(values.std(ddof=1)) / PARTS**0.5
        shares[name] = (float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)
    return described(survey, rows, images.reshape(len(images), -1), f"pictures of {images.shape[1]} pixels", shares)


ask = by_kind({"images": of_images})
QUESTION = Question("variation", ask, ("images",))
