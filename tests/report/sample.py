"""A plausible run made by hand: a small image classifier with a softmax before its loss."""

import base64
import math
import random
from array import array
from dataclasses import replace

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import Door, End, LossSample, Network, Pass, Prediction, Start, Step, Tensor
from trainloud.core.trace import Trace
from trainloud.report.result import Result

DIRECTORY = "/home/someone/project"
TRAIN = f"{DIRECTORY}/train.py"


def floats(values) -> str:
    return base64.b64encode(array("f", values).tobytes()).decode()


def named(answer: Finding, fault: str, **declared) -> Finding:
    return replace(answer, fault=fault, **declared)


SOFTMAX = named(
    fired(
        "every row of the loss's input (64, 10) sums to 1.000 and none is below 0: probabilities, at train.py:15",
        "logits: rows whose exp, not whose values, sum to 1 after the loss's own log_softmax",
        Place(TRAIN, 15, "forward"),
        first_step=0,
        row_sums=[0.9999998, 1.0000002],
        floor=1.4612,
    ),
    "softmax-before-cross-entropy",
    severity="error",
    basis="proof",
    remedy="Return the logits: delete the softmax in train.py:15; F.cross_entropy applies log_softmax itself.",
)
BIAS = named(
    fired("loss 2.41 at step 0", "2.303 of the best constant", Place(TRAIN, 22, "main"), first_step=0),
    "final-bias-not-initialised",
    severity="warning",
    basis="heuristic",
    remedy="Set the last bias to the log of the class frequencies.",
)
NOTE = named(
    fired("conv1.bias enters bn1, which removes it", "a convolution with bias=False", Place(TRAIN, 9, "__init__")),
    "bias-before-batchnorm",
    severity="note",
    basis="proof",
    remedy="Pass bias=False.",
)
PASSED = tuple(
    named(passed(text), fault, severity="error", basis="proof")
    for fault, text in (
        ("input-not-scaled", "mean 0.13, std 0.98 of (64, 1, 16, 16) at the door"),
        ("non-finite-values-in-data", "0 of 16,384 values in 20 batches are NaN or infinite"),
        ("zero-grad-missing", "gradients were zero before each of 400 backwards"),
        ("dead-relu", "0.4 % of 64 units never active over 1,280 examples"),
    )
)
UNKNOWN = tuple(
    named(unknown(text), fault, severity="error", basis="experiment")
    for fault, text in (
        ("checkpoint-not-loaded", "no state dict was loaded"),
        ("best-checkpoint-aliased", "no state dict was saved"),
        ("scheduler-misused", "no schedule was made"),
        ("learning-rate-decays-too-early", "no schedule was made"),
    )
)


def images(examples: int = 6, side: int = 16) -> list[float]:
    return [
        2 * math.exp(-(((x - 4 - e) / 3) ** 2) - ((y - 8) / 4) ** 2) - 0.4 + 0.05 * math.sin(e * 7 + x * 3 + y)
        for e in range(examples)
        for y in range(side)
        for x in range(side)
    ]


def records(steps: int = 400):
    draw = random.Random(0)
    yield Start(("train.py", "--lr", "0.1"), DIRECTORY, "3.11.9", "2.13.0", "cpu", 4242)
    where = Place(TRAIN, 31, "main")
    tensor = Tensor("0", (64, 1, 16, 16), "float32", -0.45, 1.65, 0.13, 0.98)
    yield Network(0, 0, "SmallNet", where, Place(TRAIN, 5), (), (), (), ())
    shape = (6, 1, 16, 16)
    yield Door(0, 0, "train", (tensor,), ((0.13, 0.98, -0.45, 1.65),), (), 0.2, 0.9, True, floats(images()), shape)
    yield Door(0, 100, "eval", (tensor,), (), (), 0.2, 0.9, True, floats(images()), shape)
    probabilities = Tensor("input", (64, 10), "float32", 0.0, 1.0, 0.1, 0.2)
    targets = Tensor("target", (64,), "int64", 0, 9, 4.5, 2.8)
    for step in range(steps):
        loss = 1.46 + 0.9 * math.exp(-step / 90) + draw.gauss(0, 0.04)
        if step < 4:
            yield LossSample(
                step, "train", "cross_entropy", where, probabilities, targets, (), (1.0, 1.0), (10.0, 12.0),
                0.0, 0.0, 0, 64, 10, (6,) * 10, (), loss, 2.3, {},
            )  # fmt: skip
        if step % 20 == 0:
            rows = [
                [(math.tanh(step / 100) if i == e else 0.1) + draw.gauss(0, 0.03) for i in range(10)] for e in range(8)
            ]
            yield Prediction(0, step, tuple(tuple(r) for r in rows), (8, 10))
        yield Step(step, step * 0.02, 0, loss, 1, 0, (0.1,), epoch=step // 100)
        if step % 100 == 99:
            value = 1.5 + 0.8 * math.exp(-step / 90)
            yield Pass(
                step // 100, 0, step + 1, Place(TRAIN, 40, "evaluate"), 2, 100, False, False, True, 1,
                ((value, 64), (value + 0.2, 36)), ((50, 64), (20, 36)), ("0.70",), None,
            )  # fmt: skip
    yield End(steps * 0.02, steps)


def result(**changes) -> Result:
    answers = (SOFTMAX, BIAS, NOTE, *PASSED, *UNKNOWN)
    base = Result(
        ("trainloud", "check", "train.py", "--lr", "0.1"),
        (replace(SOFTMAX, symptoms=(BIAS,)), NOTE),
        answers,
        1,
        "3 findings, the worst an error",
        Trace.of(records()),
    )
    return replace(base, **changes)
