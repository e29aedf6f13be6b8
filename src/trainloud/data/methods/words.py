"""Texts as probes see them: what each word, pair of words, part of a word and place of a word says of the target.

Every kind of feature is a block of yes-or-no features, many more than examples. A block gives each text one number a
class, the naive Bayes log odds of its features (for a number: the mean of what its features go with), counted on other
folds; a ridge regression weighs the blocks (naive Bayes as feature: Wang and Manning 2012, "Baselines and Bigrams",
section 2.3; stacking: Wolpert 1992). No matrix of words is ever made, so it costs a tenth of a regression on words and
is better on few thousand texts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from trainloud.data.methods.retention import Bench, Trial, bench
from trainloud.data.methods.ridge import standardised
from trainloud.data.methods.spans import mix
from trainloud.data.survey import SEED, Survey

ROWS = 6000  # texts of a probe
LONGEST = 400  # tokens of a text that are looked at: half of all that is told stands in the first hundred
CHARACTERS = 8 * LONGEST  # of a text that are cut into tokens
COLUMNS = 1 << 18  # of a block: features share them by their hash; two of 100,000 meet in one of five
FREQUENT = 64  # words whose order is looked at, whatever lies between
APART = 10  # tokens between two such words at most
PLACES = 4  # parts of a text that a word can stand in
CLASSES = 30  # that take part at most: the cost grows with them
SHRUNK = 5.0  # texts that draw the mean of a feature half-way to the mean of all
SMOOTHING = 0.5  # texts that are added to every count: the best of 0.1 to 1 on news and on short messages
STEPS = 15  # of Newton's method: it settles in five to ten
PENALTY = 1.0  # of the weights of blocks, which are of order 1

_IDEOGRAPHS = "\u2e80-\u9fff\uf900-\ufaff"  # each a word
TOKEN = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+|[^\w\s]")


@dataclass(frozen=True)
class Words:
    """Tokens of texts end to end."""

    texts: int
    text: np.ndarray
    """(t,) int64 number of the text of each token, ascending."""
    form: np.ndarray
    """(t,) int64 number of the spelling of each token; -1: a token that is not told from others like it."""
    forms: tuple[str, ...]
    """The spellings."""

    @cached_property
    def place(self) -> np.ndarray:
        """(t,) int64 place of each token in its text, from 0."""
        first = np.cumsum(self.lengths) - self.lengths
        return np.asarray(np.arange(len(self.text)) - first[self.text])

    @cached_property
    def lengths(self) -> np.ndarray:
        """(texts,) int64 tokens of each text."""
        return np.bincount(self.text, minlength=self.texts)

    def kept(self, keep: np.ndarray) -> "Words":
        """Only these tokens (t,) bool."""
        return Words(self.texts, self.text[keep], self.form[keep], self.forms)

    def spelled(self, forms: Sequence[str | None]) -> "Words":
        """Each spelling replaced by another one; None takes the token away."""
        numbers: dict[str, int] = {}
        to = np.array([-2 if f is None else numbers.setdefault(f, len(numbers)) for f in forms] or [-2], np.int64)
        form = np.where(self.form < 0, -1, to[self.form])
        whole = replace(self, form=form, forms=tuple(numbers))
        return whole.kept(form > -2) if (form == -2).any() else whole

    def known(self, count: int) -> "Words":
        """Only the `count` most frequent spellings are told apart."""
        counts = np.bincount(self.form[self.form >= 0], minlength=len(self.forms))
        rank: np.ndarray = np.empty(len(counts), np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
        return replace(self, form=np.where((self.form >= 0) & (rank[self.form] < count), self.form, -1))

    def mixed(self, length: int) -> "Words":
        """Runs of `length` tokens of each text in random order; with negative length, that many parts a text."""
        if length < 0:
            run = self.place * -length // np.maximum(self.lengths, 1)[self.text]
        else:
            run = self.place // length
        runs = self.text * (int(run.max(initial=0)) + 1) + run
        draw = np.random.default_rng(SEED).random(int(runs.max(initial=0)) + 1)
        order = np.lexsort((self.place, draw[runs], self.text))
        return replace(self, form=self.form[order])

    @cached_property
    def lower(self) -> np.ndarray:
        """(t,) int64 number of each token in lower case."""
        numbers: dict[str, int] = {}
        to = np.array([numbers.setdefault(f.lower(), len(numbers)) for f in self.forms] or [0], np.int64)
        return np.where(self.form < 0, -1, to[self.form])


def words_of(survey: Survey) -> tuple[Bench, Words]:
    """The texts of the probe's rows, made once. Raises Refused."""

    def make() -> tuple[Bench, Words]:
        found = bench(survey, min(ROWS, survey.limits.probe_rows), CLASSES)
        return found, tokens(survey, found.rows)

    return survey.once("words", make)


def tokens(survey: Survey, rows: np.ndarray) -> Words:
    """Words, ideographs and signs of the texts of these rows, the first LONGEST of each."""
    numbers: dict[str, int] = {}
    text, form = [], []
    for said in survey.texts.take(pa.array(rows)).to_pylist():
        found = TOKEN.findall((said or "")[:CHARACTERS])[:LONGEST]
        form += [numbers.setdefault(f, len(numbers)) for f in found]
        text.append(len(found))
    return Words(len(rows), np.repeat(np.arange(len(rows)), text), np.array(form, np.int64), tuple(numbers))


# blocks -------------------------------------------------------------------------------------------------------


def blocks(words: Words) -> list[tuple[np.ndarray, np.ndarray]]:
    """(text, column) of each feature that a text has, each once, for every kind of feature."""
    lower, next_to = words.lower, words.text[1:] == words.text[:-1]
    part = words.place * PLACES // np.maximum(words.lengths, 1)[words.text]
    return [
        _once(words.text, lower),
        _once(words.text, words.form),
        _once(words.text[1:][next_to], lower[:-1][next_to] * (1 << 30) + lower[1:][next_to]),
        _once(words.text, lower * PLACES + part),
        _pairs(words),
        _pieces(words),
    ]


def _once(text: np.ndarray, feature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    column = (mix(feature.astype(np.uint64)) % np.uint64(COLUMNS)).astype(np.int64)
    both = np.unique(text * COLUMNS + column)
    return both // COLUMNS, both % COLUMNS


def _pairs(words: Words) -> tuple[np.ndarray, np.ndarray]:
    """Frequent words in their order, at most APART tokens apart."""
    counts = np.bincount(words.lower[words.lower >= 0], minlength=1)
    frequent: np.ndarray = np.zeros(len(counts), bool)
    frequent[np.argsort(-counts, kind="stable")[:FREQUENT]] = True
    at = np.flatnonzero((words.lower >= 0) & frequent[words.lower])
    texts, features = [], []
    for step in range(1, APART + 1):
        first, second = at[:-step], at[step:]
        near = (words.text[first] == words.text[second]) & (second - first <= APART)
        texts.append(words.text[first][near])
        features.append(words.lower[first][near] * len(counts) + words.lower[second][near])
    return _once(np.concatenate(texts), np.concatenate(features))


def _pieces(words: Words) -> tuple[np.ndarray, np.ndarray]:
    """Three characters in a row of the words in lower case, their ends marked."""
    keys, sizes = [], []
    for form in words.forms:
        marked = f"<{form.lower()[:40]}>"
        points = [ord(c) for c in marked]
        keys += [(a << 42) ^ (b << 21) ^ c for a, b, c in zip(points, points[1:], points[2:], strict=False)]
        sizes.append(len(points) - 2)
    ends = np.cumsum(sizes) if sizes else np.zeros(1, np.int64)
    told = words.form >= 0
    text, form = words.text[told], words.form[told]
    count = np.diff(np.concatenate([[0], ends]))[form] if len(form) else np.zeros(0, np.int64)
    inside = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    at = np.repeat(ends[form] - count, count) + inside if len(form) else np.zeros(0, np.int64)
    return _once(np.repeat(text, count), np.array(keys or [0], np.int64)[at])


# the probe ----------------------------------------------------------------------------------------------------


def read(found: Bench, words: Words, name: str) -> Trial:
    """The whole probe on these words, fitted once for a name."""

    def predict() -> tuple[np.ndarray, int]:
        made = [Block.of(found, *block) for block in blocks(words)]
        length = np.log1p(words.lengths)
        out = np.zeros_like(found.y)
        for f in range(int(found.folds.max()) + 1):
            said = [block.said(found, f) for block in made]
            mine = found.folds == f
            for k in range(found.y.shape[1]):
                x = np.stack([*(s[:, k] for s in said), length], axis=1)
                out[mine, k] = _stacked(found, x, k, f)
        return out, sum(block.size for block in made)

    return found.predicted(name, predict)


def _stacked(found: Bench, x: np.ndarray, k: int, fold: int) -> np.ndarray:
    """What the blocks (m, d) say of class k, or of the number, weighed on the other folds, for the rows of `fold`."""
    others, mine = found.folds != fold, found.folds == fold
    x = np.concatenate([standardised(x), np.ones((len(x), 1), np.float32)], axis=1).astype(np.float64)
    weight = np.ones(int(others.sum())) if found.weight is None else found.weight[others]
    if found.classes:
        return x[mine] @ _logistic(x[others], found.y[others, k], weight)
    gram = x[others].T @ x[others] + PENALTY * np.eye(x.shape[1])
    return x[mine] @ np.linalg.solve(gram, x[others].T @ found.y[others, k])


def _logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights (d,) of a logistic regression with a small penalty, by Newton's method."""
    w = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        curve = weight * np.maximum(p * (1 - p), 1e-6)
        step = np.linalg.solve((x.T * curve) @ x + PENALTY * np.eye(len(w)), x.T @ (weight * (y - p)) - PENALTY * w)
        w += step
        if np.abs(step).max() < 1e-4:
            break
    return w


@dataclass(frozen=True)
class Block:
    """Features of one kind that stand in two texts or more, and how often by fold."""

    text: np.ndarray
    """(p,) int64 text of each feature that a text has."""
    feature: np.ndarray
    """(p,) int64 its number."""
    size: int
    present: np.ndarray
    """(folds, size) texts that have it."""
    hits: np.ndarray
    """(k, folds, size) texts of each class that have it; the sum of the number over the texts that do."""

    @staticmethod
    def of(found: Bench, text: np.ndarray, column: np.ndarray) -> "Block":
        counts = np.bincount(column, minlength=1)
        number = np.cumsum(counts > 1) - 1  # one that a single text has cannot be known from others
        keep = counts[column] > 1
        text, feature = text[keep], number[column[keep]]
        size, folds = int((counts > 1).sum()), int(found.folds.max()) + 1
        at = found.folds[text] * size + feature
        present = np.bincount(at, minlength=folds * size).reshape(folds, size)
        hits = [np.bincount(at, y[text], folds * size).reshape(folds, size) for y in found.y.T]
        return Block(text, feature, size, present, np.array(hits))

    def said(self, found: Bench, fold: int) -> np.ndarray:
        """(m, k) what the features of each text say of each class, or of the number, counted without the text's own
        fold and without `fold`, so that how blocks are weighed there has not seen what it is measured on."""
        out: np.ndarray = np.zeros(found.y.shape)
        own = np.arange(len(self.present)) != fold
        rest = self.present.sum(axis=0) - self.present[fold] - self.present * own[:, None]
        at = found.folds[self.text], self.feature
        for k, hits in enumerate(self.hits):
            mine = hits.sum(axis=0) - hits[fold] - hits * own[:, None]
            worth = _odds(mine, rest - mine) if found.classes else _means(mine, rest)
            out[:, k] = np.bincount(self.text, worth[at], len(out))
        if not found.classes:
            out /= np.sqrt(np.maximum(np.bincount(self.text, minlength=len(out)), 1))[:, None]
        return out


def _odds(own: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Log odds of each feature (folds, size) from the texts of a class and of the others that have it."""
    shares = [(v + SMOOTHING) / (v.sum(axis=1, keepdims=True) + SMOOTHING * v.shape[1]) for v in (own, rest)]
    return np.log(shares[0]) - np.log(shares[1])


def _means(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How far the number lies above its mean where a feature is present, drawn to 0 where it is rare."""
    mean = sums.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return (sums - mean * counts) / (counts + SHRUNK)
