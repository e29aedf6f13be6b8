"""Whether evaluated sequences are made of the same time steps as training sequences (overlapping windows)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from trainloud.core.place import Place
from trainloud.core.records import Frames, Iteration, Pass
from trainloud.core.records.examples import UNFOLDED
from trainloud.core.trace import Trace, unpack_prints

HALF = 0.5  # of a sequence's time steps known from training; and of the sequences that are so
LEAST_SEQUENCES = 20  # evaluated
LEAST_FRAMES = 2  # usable time steps of a sequence

Window = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """The best match over the axes that may be time."""

    per: int
    judged: int
    overlapping: int
    median: float
    where: Place | None

    @property
    def leaking(self) -> bool:
        return self.judged >= LEAST_SEQUENCES and self.overlapping >= HALF * self.judged


def shared_windows(trace: Trace, network: int) -> Windows | None:
    """None if no float sequences were seen in both training and evaluation."""
    cuts = [f for f in trace.all(Frames) if f.network == network]
    iterations = {i.iteration: i for i in trace.all(Iteration)}
    trained_sets = {i.dataset for i in iterations.values() if i.phase == "train"}
    places = {p.passage: p.where for p in trace.all(Pass)}
    found: list[Windows] = []
    for axis in (1, 2):
        mine = [f for f in cuts if f.axis == axis]
        trained = _windows([f for f in mine if f.phase == "train"])
        groups: dict[int, list[Frames]] = {}
        for f in mine:
            drawn = iterations.get(f.iteration)
            loaded = drawn is not None and drawn.phase == "eval"
            if f.phase == "eval" and not (loaded and drawn is not None and drawn.dataset in trained_sets):
                groups.setdefault(drawn.dataset if loaded and drawn is not None else -1, []).append(f)
        for group in groups.values():
            one = _compare(trained, _windows(group) - trained, places.get(group[0].passage))
            if one is not None:
                found.append(one)
    return max(found, key=lambda w: (w.leaking, w.median), default=None)


@dataclass(frozen=True)
class Shifted:
    """Evaluated examples against training windows that hold the same numbers at another place."""

    judged: int
    overlapping: int
    where: Place | None


def shifted_windows(trace: Trace, network: int) -> Shifted | None:
    """Evaluated examples whose runs of numbers stand in training at another place of the example; None for too few."""
    cuts = [f for f in trace.all(Frames) if f.network == network and f.axis == UNFOLDED]
    loaders = {i.iteration: i for i in trace.all(Iteration)}
    trained = {i.dataset for i in loaders.values() if i.phase == "train"}
    scored = [
        f
        for f in cuts
        if f.phase == "eval" and (f.iteration not in loaders or loaders[f.iteration].dataset not in trained)
    ]
    places, counts = _runs([f for f in cuts if f.phase == "train"])
    judged = overlapping = 0
    for window in _windows(scored):
        usable = [(k, r) for k, r in enumerate(window) if r and counts[r] <= len(window)]
        if len(usable) < len(window) / 2:
            continue
        judged += 1
        overlapping += sum(bool(places.get(r, set()) - {k}) for k, r in usable) >= HALF * len(usable)
    if judged < LEAST_SEQUENCES:
        return None
    where = next((p.where for p in trace.all(Pass) if p.passage == scored[0].passage), None)
    return Shifted(judged, overlapping, where)


def of_a_series(trace: Trace, network: int) -> bool:
    """Training examples are windows of a series: most runs of numbers stand at several places of several examples."""
    cuts = [f for f in trace.all(Frames) if f.network == network and f.axis == UNFOLDED and f.phase == "train"]
    places, counts = _runs(cuts)
    usable = [r for r in places if r and counts[r] >= 2]
    return (
        len(usable) >= HALF * max(len(places), 1) and sum(len(places[r]) > 1 for r in usable) >= HALF * len(usable) > 0
    )


def _runs(cuts: Sequence[Frames]) -> tuple[dict[int, set[int]], Counter[int]]:
    """Where in an example each run of numbers stands, and in how many examples."""
    places: dict[int, set[int]] = defaultdict(set)
    counts: Counter[int] = Counter()
    for window in _windows(cuts):
        counts.update(set(window))
        for place, run in enumerate(window):
            places[run].add(place)
    return places, counts


def _windows(cuts: Sequence[Frames]) -> set[Window]:
    """Distinct sequences, each as the fingerprints of its time steps."""
    found: set[Window] = set()
    for f in cuts:
        flat = unpack_prints(f.prints)
        found.update(tuple(flat[k : k + f.per]) for k in range(0, len(flat), f.per))
    return found


def _compare(trained: set[Window], scored: set[Window], where: Place | None) -> Windows | None:
    if not trained or not scored:
        return None
    counts = Counter(p for w in trained for p in set(w))
    shares, per = [], 0
    for w in scored:
        # A time step of an overlapping window stands in at most as many windows as a window is long;
        # what is more frequent (silence, padding, one of few symbols) repeats by nature.
        usable = [p for p in w if p and counts[p] <= len(w)]
        if len(usable) >= max(LEAST_FRAMES, len(w) / 2):
            shares.append(sum(counts[p] > 0 for p in usable) / len(usable))
            per = len(w)
    if not shares:
        return None
    return Windows(per, len(shares), sum(s >= HALF for s in shares), median(shares), where)
