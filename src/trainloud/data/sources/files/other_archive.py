"""An archive that no other source took: asked last, to say what is wrong with it or what it holds instead of data."""

import os
from collections import Counter

from trainloud.core.words import plural
from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import Source
from trainloud.data.sources.files.archives import TAR_NAMES, archive_form
from trainloud.data.sources.files.tree import tree_of
from trainloud.data.sources.place import Place


def recognises(place: Place) -> str:
    named = place.is_file and place.path is not None and place.path.name.lower().endswith((".zip", *TAR_NAMES))
    return "an archive by its name" if named and place.head(1) else ""


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """Raises SourceError."""
    if not archive_form(place):
        raise SourceError(f"{place}: no zip or tar archive, as its name says, but something else or broken")
    tree = tree_of(place, limits)
    suffixes = Counter(os.path.splitext(e.name)[1] or "without a suffix" for e in tree.entries)
    held = ", ".join(f"{n:,} {suffix}" for suffix, n in suffixes.most_common(4))
    met = f" ({tree.troubles[0].name}: {tree.troubles[0].what})" if tree.troubles else ""
    what = f"{plural(len(tree.entries), 'file')} ({held})" if tree.entries else "no file that can be read"
    raise SourceError(f"{place}: the archive holds {what}, no data that trainloud knows{met}")


SOURCE = Source("archive of anything else", recognises, read, order=90)
