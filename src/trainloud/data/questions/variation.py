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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from trainloud.core.answer import Answer, Point, Verdict
from trainloud.data.inspector import Question
from trainloud.data.methods.answers import by_kind
from trainloud.data.methods.appearance import decomposed, native_side, pictures
from trainloud.data.methods.binned import bin_column
from trainloud.data.methods.columns import looked_at
from trainloud.data.methods.dimension import Dimension, between, participation, steady, two_nearest
from trainloud.data.methods.grams import measured
from trainloud.data.methods.retention import Kept, Refused
from trainloud.data.methods.ridge import standardised
from trainloud.data.methods.rocket import Courses, courses, level_free, resampled, scale_free, trend_free, unlabelled
from trainloud.data.methods.words import tokens
from trainloud.data.survey import SEED, SIDE, Survey

ORDER = 2
ROWS = 3000  # examples whose distances are taken: their number enters squared
FEW = 0.5  # of the numbers of an example: fewer directions than that are "far fewer"
PARTS = 8  # random parts of the rows on which shares are estimated, for their interval
T95 = 2.365  # of Student's t with 7 degrees of freedom: 95 % two-sided
VOCABULARY = 1000  # words that texts are compared by
STEPS = 64  # that series are resampled to
WORDS = 12  # of a column that are told apart
COLUMNS = 200  # of a table that distances are taken in, evenly spread
COMPONENT = "component of"
LARGE = 0.1  # share of the variance above which a named part is pointed out; below, of what lies between classes
LEADING = 3  # principal components that are named
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
    if apart is not None and apart < LARGE:
        said += (
            " Nearly all variation lies within the classes: distances between raw examples say little of the class, so "
            "features must be learned."
        )
    if top and top[0][0] >= LARGE and not top[0][1].startswith(COMPONENT):
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
    images: np.ndarray = pictures(survey, rows, min(native_side(survey), SIDE)).astype(np.float32)
    shares = _by_parts(len(rows), lambda some: decomposed(images[some]))
    return described(survey, rows, images.reshape(len(images), -1), f"pictures of {images.shape[1]} pixels", shares)


def _by_parts(count: int, of: Callable[[np.ndarray], Mapping[str, float]]) -> dict[str, tuple[float, float, float]]:
    """Shares with their interval, from random parts of the rows; none where the rows are few."""
    part = np.random.default_rng(SEED).permutation(count) % PARTS
    found = [of(np.flatnonzero(part == p)) for p in range(PARTS)] if count >= PARTS * 10 else []
    shares = {}
    for name in found[0] if found else ():
        values = np.array([f[name] for f in found])
        half = T95 * float(values.std(ddof=1)) / PARTS**0.5
        shares[name] = (float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)
    return shares


# tables -------------------------------------------------------------------------------------------------------


def of_table(survey: Survey) -> Answer:
    names = [n for n in looked_at(survey) if survey.data.roles[n] != "text"]
    if not names:
        raise Refused("there is no column of numbers, words or times besides the target")
    names = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, COLUMNS).astype(int))]
    rows = survey.sample(min(ROWS, survey.limits.probe_rows), np.flatnonzero(survey.training))
    parts = []
    for name in names:
        if survey.data.roles[name] in ("number", "time"):
            parts.append(standardised(survey.number(name)[rows, None]))
            continue
        column = bin_column(survey, name, rows, WORDS)
        hot = (column.codes[:, None] == np.arange(column.size)).astype(np.float32)
        parts.append((hot - hot.mean(axis=0)) / max(float(hot.var(axis=0).sum()) ** 0.5, 1e-6))
    x = np.concatenate(parts, axis=1)
    owner: np.ndarray = np.repeat(names, [p.shape[1] for p in parts])
    return described(survey, rows, x, f"rows of {len(names)} columns", _components(x, owner))


def _components(x: np.ndarray, owner: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Shares of the leading principal components, named by the columns that weigh most in them. The interval is that
    of an eigenvalue of normal data (Anderson 1963, "Asymptotic Theory for Principal Component Analysis")."""
    values, vectors = np.linalg.eigh(np.cov(x.T).reshape(x.shape[1], -1))
    shares = {}
    for i in np.argsort(-values)[:LEADING]:
        share = float(values[i] / values.sum())
        top = [owner[j] for j in np.argsort(-np.abs(vectors[:, i]))]
        named = list(dict.fromkeys(top))[:2]
        half = 1.96 * share * (2 / len(x)) ** 0.5
        shares[f"{COMPONENT} {' and '.join(named)}"] = (share, share - half, share + half)
    return shares | {"the rest": (rest := 1 - sum(s[0] for s in shares.values()), rest, rest)}


# texts --------------------------------------------------------------------------------------------------------


def of_text(survey: Survey) -> Answer:
    """Texts as rows of frequent words, each text of one length, so that the angle between texts is what differs."""
    rows = survey.sample(min(ROWS, survey.limits.probe_rows), np.flatnonzero(survey.training))
    words = tokens(survey, rows)
    lower = words.lower
    counts = np.bincount(lower[lower >= 0], minlength=1)
    used = np.argsort(-counts, kind="stable")[:VOCABULARY]
    column: np.ndarray = np.full(len(counts) + 1, -1)
    column[used] = np.arange(len(used))
    known = column[lower] >= 0
    at = words.text[known] * len(used) + column[lower[known]]
    x = np.log1p(np.bincount(at, minlength=len(rows) * len(used)).reshape(len(rows), -1)).astype(np.float32)
    x *= np.log(len(rows) / np.maximum((x > 0).sum(axis=0), 1)).astype(np.float32)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)
    return described(survey, rows, x, f"texts by their {len(used):,} most frequent words", {})


# series -------------------------------------------------------------------------------------------------------


def of_series(survey: Survey) -> Answer:
    """Series resampled to one length; of a forecast, the histories."""
    if survey.data.series is None:
        seen = courses(survey)
        rows, what = seen.found.rows, f"histories of {seen.x.shape[2]} steps"
    else:
        rows = np.setdiff1d(np.flatnonzero(survey.training), np.fromiter(survey.measured.errors, int))
        rows = survey.sample(min(ROWS, survey.limits.probe_rows), rows)
        if not len(rows):
            raise Refused("no series could be read")
        seen, what = unlabelled(survey, rows), "series"
    x = resampled(seen, min(STEPS, int(seen.lengths.max())))
    return described(survey, rows, x.reshape(len(x), -1), what, _courses(seen))


def _courses(seen: Courses) -> dict[str, tuple[float, float, float]]:
    """Shares of the variance that go with level, trend and scale of each series, taken away in turn."""

    def of(some: np.ndarray) -> dict[str, float]:
        now = replace(seen, x=seen.x[some], lengths=seen.lengths[some])
        whole, left, shares = _spread(now), _spread(now), {}
        for name, change in (("level", level_free), ("trend", trend_free), ("scale", scale_free)):
            after = change(now)
            gone = max(left - _spread(after), 0.0)
            shares[name] = gone / max(whole, 1e-12)
            if gone > 0:
                now, left = after, _spread(after)
        return shares | {"the rest": 1 - sum(shares.values())}

    return _by_parts(len(seen.x), of)


def _spread(seen: Courses) -> float:
    return float(seen.x.reshape(len(seen.x), -1).var(axis=0, dtype=np.float64).sum())


# characters ---------------------------------------------------------------------------------------------------


def of_characters(survey: Survey) -> Answer:
    """How many symbols are still open when the past is known: two to the power of the bits a character."""
    measure, models = measured(survey)
    best = min(models, key=lambda m: m.bits)
    bits, total = measure.bits(best), len(measure.found.symbols)
    value, low, high = _open(bits)
    verdict: Verdict = "yes" if high < FEW * total else "no" if low > FEW * total else "undecided"
    single = measure.bits(models[0])
    rank = np.cumsum(np.bincount(measure.found.x) / len(measure.found.x))
    most = int(np.searchsorted(rank, 0.99)) + 1
    said = (
        f"Of {total} symbols {value:.1f} ({low:.1f} to {high:.1f}) are open at a time when {best.name} are known, "
        f"{2**single.value:.1f} when nothing is; {most} symbols make 99 % of the characters."
    )
    follows = (
        f"A loss of ln({total}) = {np.log(total):.3f} at the first step and {single.value * np.log(2):.3f} once the "
        f"network knows how frequent each symbol is; below {bits.value * np.log(2):.3f} nats a character it beats "
        "n-grams."
    )
    points = [Point(m.name, *_open(measure.bits(m)), float(k)) for k, m in enumerate(models)]
    found = {"bits a character": [round(m.bits, 4) for m in models], "symbols": total}
    return Answer(
        "", "", verdict, said, follows, value, low, high, "symbols that are open at a time", tuple(points),
        "characters back", "symbols open at a time", float(total), value, evidence=found,
    )  # fmt: skip


def _open(bits: Kept) -> tuple[float, float, float]:
    return float(2**bits.value), float(2**bits.low), float(2**bits.high)


ask = by_kind(
    {"images": of_images, "table": of_table, "text": of_text, "series": of_series, "characters": of_characters}
)
QUESTION = Question("variation", ask, ("images", "table", "text", "series", "characters"))
