"""Groups of equal rows."""

import numpy as np


def equal_groups(content: np.ndarray, least: int = 2) -> list[np.ndarray]:
    """Rows with equal digests.

    `content` is (n, 2) uint64 or (n,) of anything sortable. Gives ascending row numbers of each group of at least
    `least` members, groups in the order of their first row. All-zero digests stand for examples that could not be
    read and are in no group.
    """
    if content.ndim == 2:
        valid = np.flatnonzero(content.any(axis=1))
        order = valid[np.lexsort((content[valid, 1], content[valid, 0]))]
        new = (content[order[1:]] != content[order[:-1]]).any(axis=1)
    else:
        order = np.argsort(content, kind="stable")
        new = content[order[1:]] != content[order[:-1]]
    starts = np.concatenate(([0], np.flatnonzero(new) + 1, [len(order)]))
    sizes = np.diff(starts)
    found = [np.sort(order[starts[i] : starts[i + 1]]) for i in np.flatnonzero(sizes >= least)]
    return sorted(found, key=lambda g: int(g[0]))
