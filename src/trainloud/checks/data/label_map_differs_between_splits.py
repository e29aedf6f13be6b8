"""Does class n mean one thing in training and another in validation?

Why it matters: where each split numbers its classes by itself (in order of appearance, by listing a folder),
the same network is right about the picture and wrong about the number: validation stands below chance while
training looks excellent.

Remedy: make one mapping from names to numbers (sorted names, saved with the model) and give it to every
split; assert that both data sets have the same `class_to_idx`.

Known limits: judged where class targets meet the outputs in a loss function without gradients, for 3 to 64
classes; passes over training and validation data between the same two optimiser steps are seen as one. A
network that is merely bad is not blamed: a renumbering of the classes must make it good.

Source: torchvision ImageFolder users whose splits lack a class; silent-bug reports on per-split vocabularies.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Pass

LEAST_TARGETS = 60
GOOD = 0.5  # accuracy after the best renumbering; and three times the chance level of the classes
WRONG = 0.5  # accuracy as it stands over accuracy after renumbering
LEAST_CLASSES = 3  # with two classes a renumbering repairs every network that is below chance
SURE = 0.7  # share of a class that is predicted as the class it is exchanged with

Matrix = tuple[tuple[int, ...], ...]


def renumbering(matrix: Matrix) -> list[int]:
    """For each target class the predicted class that it matches best, one to one: greedy, then exchanges."""
    n = len(matrix)
    pairs = sorted(((matrix[i][j], i, j) for i in range(n) for j in range(n)), key=lambda p: (-p[0], p[1] != p[2]))
    chosen, used = [-1] * n, set()
    for _, i, j in pairs:
        if chosen[i] < 0 and j not in used:
            chosen[i] = j
            used.add(j)
    better = True
    while better:
        better = False
        for a in range(n):
            for b in range(a + 1, n):
                now = matrix[a][chosen[a]] + matrix[b][chosen[b]]
                if matrix[a][chosen[b]] + matrix[b][chosen[a]] > now:
                    chosen[a], chosen[b] = chosen[b], chosen[a]
                    better = True
    return chosen


def verdict(one: Pass) -> tuple[float, float, list[int], bool]:
    """(accuracy, accuracy after renumbering, renumbering, whether the classes are exchanged)."""
    matrix = one.confusion
    total = sum(map(sum, matrix))
    present = [i for i, row in enumerate(matrix) if sum(row)]
    chosen = renumbering(matrix)
    plain = sum(matrix[i][i] for i in present) / total
    mended = sum(matrix[i][chosen[i]] for i in present) / total
    moved = [i for i in present if chosen[i] != i]
    surely = [i for i in moved if matrix[i][chosen[i]] >= SURE * sum(matrix[i]) and sum(matrix[i]) >= 10]
    whole = mended >= max(GOOD, 3 / len(present)) and plain <= WRONG * mended
    partly = len(surely) >= 2 and len(surely) == len(moved)
    return plain, mended, chosen, len(present) >= LEAST_CLASSES and (whole or partly)


def judge(runs: Runs) -> Finding:
    passes = [p for p in runs.watched.passes if sum(map(sum, p.confusion)) >= LEAST_TARGETS]
    passes = [p for p in passes if len([row for row in p.confusion if sum(row)]) >= LEAST_CLASSES]
    if not passes:
        return unknown(f"no evaluation pass with {LEAST_CLASSES} classes or more met a loss function")
    last = passes[-1]
    plain, mended, chosen, exchanged = verdict(last)
    if not exchanged:
        return passed(f"accuracy of the last pass {plain:.1%}; the best renumbering of classes gives {mended:.1%}")
    moved = {str(i): j for i, j in enumerate(chosen) if i != j and any(last.confusion[i])}
    shown = ", ".join(f"{i} is predicted as {j}" for i, j in list(moved.items())[:5])
    return fired(
        f"accuracy of the last pass is {plain:.1%} over {sum(map(sum, last.confusion))} targets, but {mended:.1%} "
        f"after a renumbering of the classes ({shown})",
        "no renumbering of the classes that raises the accuracy",
        last.where,
        first_step=next(p.step for p in passes if verdict(p)[3]),
        accuracy=plain,
        mended=mended,
        renumbering=moved,
    )


CHECK = Check(
    fault="label-map-differs-between-splits",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("overfitting", "metric-wrong-axis"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    names = ["cat", "dog", "fox", "owl"]

    def split(order, n):
        numbers = {name: k for k, name in enumerate(order)}
        kinds = torch.randint(0, 4, (n,))
        x = torch.randn(n, 4) + 4 * nn.functional.one_hot(kinds, 4)
        return x, torch.tensor([numbers[names[k]] for k in kinds])

    x, y = split(["dog", "cat", "owl", "fox"], 400)
    val_x, val_y = split(["owl", "fox", "dog", "cat"], 200)
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    for _ in range(6):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(val_x), val_y).item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    names = ["cat", "dog", "fox", "owl"]

    def split(order, n):
        numbers = {name: k for k, name in enumerate(order)}
        kinds = torch.randint(0, 4, (n,))
        x = torch.randn(n, 4) + 4 * nn.functional.one_hot(kinds, 4)
        return x, torch.tensor([numbers[names[k]] for k in kinds])

    x, y = split(names, 400)
    val_x, val_y = split(names, 200)
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    for _ in range(6):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(val_x), val_y).item())
