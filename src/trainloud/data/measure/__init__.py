"""One pass over the examples: content digests, axes, thumbnails. A file for each kind of data.

A file `KIND.py` here holds `measure(data, limits, cache, tell) -> Measured`. What it has
done it keeps in the cache piece by piece, and takes from there.
"""

import importlib
from collections.abc import Callable

from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.survey import Measured

Tell = Callable[[str, int, int], None]
"""What is being done, how many examples are done, of how many."""


def measure(data: Dataset, limits: Limits, cache: Cache, tell: Tell) -> Measured:
    """What one pass over the data gives, by its kind."""
    return importlib.import_module(f"{__name__}.{data.recognised.kind}").measure(data, limits, cache, tell)
