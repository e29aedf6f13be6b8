"""Groups of rows that belong together: one patient, one speaker, one recording. From a column or from file names."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from trainloud.data.methods.columns import encoded, looked_at, profile
from trainloud.data.methods.identifiers import identifiers, tokens
from trainloud.data.survey import Survey

LEAST_GROUPS = 20  # different values of a column of groups
LEAST_NAMES = 5  # groups in file names: five videos are enough to cut frames from
LARGEST = 0.2  # share of all rows in one group, beyond which it is a class and no group
MOST_SIZE = 50  # rows of a group on average: larger ones are categories
FOLLOWS = 2  # columns that are the same in all rows of each group: sex and birthday of a patient
VARIED = 0.8  # chance that two rows agree in a column by luck, up to which agreement says something
ALIKE = 0.3  # intraclass correlation of a measured axis from which the files of a group are alike
NAMES = {
    "patient", "subject", "user", "speaker", "session", "group", "participant", "customer", "person", "client",
    "household", "device", "machine", "author", "writer", "driver", "player", "animal", "sample", "specimen", "visit",
    "study", "case", "video", "recording", "scene", "sequence", "family", "id", "uid", "pid", "sid", "mrn", "ssn",
}  # fmt: skip


@dataclass(frozen=True)
class Grouping:
    """Rows that may belong together."""

    name: str
    """The column, or how it is read from the file names."""
    codes: np.ndarray
    """(n,) int32, -1 for none."""
    why: str
    """What speaks for it, in words with numbers."""


def codes_of(survey: Survey, column: str) -> np.ndarray:
    """(n,) int32 of any column's values, -1 for missing."""
    if survey.data.roles[column] in ("number", "time"):
        values = survey.number(column)
        codes = np.unique(values, return_inverse=True)[1].astype(np.int32)
        return np.where(np.isnan(values), -1, codes).astype(np.int32)
    return encoded(survey, column)[0]


def of_columns(survey: Survey) -> list[Grouping]:
    """Columns that look like the name of something met several times: a name that says so, or several other columns
    that follow from it, in groups of a few rows."""
    named = identifiers(survey)
    found = []
    columns = [c for c in looked_at(survey) if c not in named and c != survey.data.recognised.time]
    for column in columns:
        seen = profile(survey, column)
        if survey.data.roles[column] == "time" or (survey.data.roles[column] == "number" and not seen.whole):
            continue
        if seen.distinct < LEAST_GROUPS or not 2 <= seen.present / seen.distinct <= MOST_SIZE:
            continue
        codes = codes_of(survey, column)
        if np.bincount(codes[codes >= 0]).max() > LARGEST * len(codes):
            continue
        says = bool(tokens(column) & NAMES)
        follow = [c for c in columns[:100] if c != column and _follows(survey, codes, c)]
        if len(follow) < (1 if says else FOLLOWS):
            continue
        why = f"{seen.distinct:,} values, in each of which {' and '.join(follow[:3])} never differ"
        found.append(Grouping(column, codes, why))
    return found


def _follows(survey: Survey, group: np.ndarray, column: str) -> bool:
    """Is the column the same in all rows of each group, where rows drawn at random would differ?"""
    values = codes_of(survey, column)
    counts = np.bincount(values + 1)
    if float(((counts / len(values)) ** 2).sum()) > VARIED or int((counts > 0).sum()) > len(values) / 2:
        return False
    known = group >= 0
    groups = len(np.unique(group[known]))
    pairs = np.unique(group[known].astype(np.int64) * len(counts) + values[known] + 1)
    return len(pairs) <= groups * 1.001


def of_names(survey: Survey) -> Grouping | None:
    """Files whose names begin alike ("patient_012_03.png"), where a measured axis says that they are alike too."""
    names = [PurePosixPath(survey.data.name_of(r)).name for r in range(len(survey))]
    if len(names) < 4 * LEAST_NAMES or sum("." in n for n in names) < 0.9 * len(names):
        return None
    parts = [re.split(r"[_\-. ]+", n.rsplit(".", 1)[0]) for n in names]
    for k in range(1, 5):
        keys: dict[str, int] = {}
        codes = np.array([keys.setdefault(" ".join(p[:k]), len(keys)) if len(p) > k else -1 for p in parts], np.int32)
        known = codes >= 0
        if known.mean() < 0.8:
            return None
        sizes = np.bincount(codes[known])
        if len(sizes) < LEAST_NAMES or sizes.max() > max(LARGEST * len(names), 2):
            continue
        if known.sum() < 2 * len(sizes) or _classes(survey, codes, len(sizes)):
            return None
        axis, alike = _most_alike(survey, codes)
        if alike < ALIKE:
            return None
        example = next(n for n, c in zip(names, codes, strict=True) if sizes[c] > 1 and c >= 0)
        beginnings = f"{len(sizes):,} beginnings of names such as {example}"
        why = f"{beginnings}, whose files agree in {axis} (intraclass correlation {alike:.2f})"
        return Grouping("the beginning of the file name", codes, why)
    return None


def _classes(survey: Survey, codes: np.ndarray, groups: int) -> bool:
    """Do the groups merely spell the classes?"""
    return survey.labels is not None and groups <= len(survey.labels[1])


def _most_alike(survey: Survey, codes: np.ndarray) -> tuple[str, float]:
    """The measured axis that varies least inside the groups, and its intraclass correlation ICC(1) (Shrout and Fleiss
    1979), the means of the classes removed."""
    best = ("", 0.0)
    labels = survey.labels[0] if survey.labels is not None else np.zeros(len(codes), np.int32)
    for name, axis in survey.measured.axes.items():
        rows = np.flatnonzero((codes >= 0) & np.isfinite(axis))
        if len(rows) < 4 * LEAST_NAMES:
            continue
        values = axis[rows].astype(np.float64)
        own = labels[rows] + 1
        values -= (np.bincount(own, values) / np.maximum(np.bincount(own), 1))[own]
        group = np.unique(codes[rows], return_inverse=True)[1]
        sizes = np.bincount(group)
        means = np.bincount(group, values) / sizes
        k, n = len(sizes), len(values)
        if k < LEAST_NAMES or n - k < LEAST_NAMES:
            continue
        between = float((sizes * (means - values.mean()) ** 2).sum()) / (k - 1)
        within = float(((values - means[group]) ** 2).sum()) / (n - k)
        size = (n - float((sizes.astype(float) ** 2).sum()) / n) / (k - 1)
        whole = between + (size - 1) * within
        alike = (between - within) / whole if whole > 0 else 0.0
        if alike > best[1]:
            best = (name, alike)
    return best
