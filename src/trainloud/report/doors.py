"""What entered the network, as pictures or tables: the tensor exactly as it stood before `model(x)`."""

import base64
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from trainloud.core.records import Door, Tensor
from trainloud.core.trace import Trace
from trainloud.report.charts import Table, number
from trainloud.report.pictures import Picture, draw

DOORS = 4  # shown, one for each network and phase
PICTURES = 6  # of one door
BUDGET = 1_200_000  # characters of all pictures of a report together
PICTURE_SIDE = 8  # pixels, from which a plane of numbers is shown as a picture and not as a strip
TABLE_COLUMNS = 16  # of a 2-D input shown as numbers; wider ones become strips
TABLE_ROWS = 8
FEATURES = 32  # rows of the table of features or channels


@dataclass(frozen=True)
class Entry:
    """One batch at the door of one network."""

    heading: str
    pictures: tuple[Picture, ...]
    caption: str
    """How to read the pictures or numbers; "" if there are none."""
    numbers: Table | None
    tensors: Table
    columns: Table | None
    left_out: int = 0
    """Pictures that did not fit."""


@dataclass(frozen=True)
class View:
    """How the first examples of a batch are drawn."""

    height: int
    width: int
    channels: int
    caption: str
    channels_last: bool = False
    heat: bool = False
    turned: bool = False
    """Axis 1 runs to the right."""
    offset: int = 0
    """First value of an example that is drawn."""


def entries(trace: Trace) -> tuple[Entry, ...]:
    """The first batch of each network and phase."""
    first: dict[tuple[int, str], Door] = {}
    for door in trace.all(Door):
        first.setdefault((door.network, door.phase), door)
    out: list[Entry] = []
    left = BUDGET
    for door in list(first.values())[:DOORS]:
        known = trace.networks.get(door.network)
        entry = _entry(door, known.kind if known else "", left)
        left -= sum(len(p.uri) for p in entry.pictures)
        out.append(entry)
    return tuple(out)


def _entry(door: Door, kind: str, budget: int) -> Entry:
    values = sample_values(door)
    view = choose_view(door.sample_shape) if values else None
    pictures: list[Picture] = []
    left_out = 0
    if view and values:
        each = len(values) // door.sample_shape[0]
        for i in range(min(door.sample_shape[0], PICTURES)):
            part = values[i * each + view.offset : (i + 1) * each]
            size = (view.height, view.width, view.channels)
            picture = draw(part, *size, channels_last=view.channels_last, heat=view.heat, turned=view.turned)
            budget -= len(picture.uri)
            if budget < 0:
                left_out += 1
            else:
                pictures.append(picture)
    numbers = None if view or not values else _numbers(values, door.sample_shape)
    caption = view.caption if view else ""
    phase = "training" if door.phase == "train" else "evaluation"
    name = f"network {door.network}" + (f" ({kind})" if kind else "")
    return Entry(
        f"{name}, {phase}, before step {door.step}",
        tuple(pictures),
        caption,
        numbers,
        _statistics(door),
        _columns(door),
        left_out,
    )


def sample_values(door: Door) -> Sequence[float] | None:
    """The stored values, little-endian float32; None if there are none or they do not fit their shape."""
    raw = base64.b64decode(door.sample)
    if not door.sample_shape or len(raw) != 4 * math.prod(door.sample_shape) or not raw:
        return None
    values = array("f", raw)
    if array("H", b"\1\0")[0] != 1:
        values.byteswap()
    return values


def choose_view(shape: Sequence[int]) -> View | None:
    """Pictures for planes of numbers, strips for sequences and wide rows, None for what a table shows better."""
    match tuple(shape):
        case (_, 1 | 3 as channels, height, width):
            return View(height, width, channels, f"{height} x {width} pixels, channels first, as the network reads it.")
        case (_, height, width, 1 | 3 as channels) if min(height, width) >= PICTURE_SIDE:
            text = f"Read as height {height}, width {width}, channel; torch's own layers read channel first."
            return View(height, width, channels, text, channels_last=True)
        case (_, channels, height, width):
            return View(height, width, 1, f"Channel 0 of {channels}, {height} x {width}.")
        case (_, channels, depth, height, width):
            middle = depth // 2
            text = f"Channel 0 of {channels}, slice {middle} of {depth}, {height} x {width}."
            return View(height, width, 1, text, offset=middle * height * width)
        case (_, height, width) if min(height, width) >= PICTURE_SIDE and max(height, width) <= 4 * min(height, width):
            return View(height, width, 1, f"Axis 1 ({height}) downwards, axis 2 ({width}) to the right.")
        case (_, height, width):
            turned = height > width
            ways = ("to the right", "downwards") if turned else ("downwards", "to the right")
            text = f"Axis 1 ({height}) {ways[0]}, axis 2 ({width}) {ways[1]}; dark is low, light is high."
            return View(height, width, 1, text, heat=True, turned=turned)
        case (_, width) if width > TABLE_COLUMNS:
            side = math.isqrt(width)
            if side * side == width and side >= PICTURE_SIDE:
                text = f"{width} numbers drawn as {side} x {side}, a guess; the network reads one row."
                return View(side, side, 1, text)
            return View(1, width, 1, f"{width} features from left to right; dark is low, light is high.", heat=True)
    return None


def _numbers(values: Sequence[float], shape: Sequence[int]) -> Table | None:
    if len(shape) > 2:
        return None
    width = shape[1] if len(shape) == 2 else 1
    rows = tuple(
        (str(i), *(number(v) for v in values[i * width : (i + 1) * width])) for i in range(min(shape[0], TABLE_ROWS))
    )
    return Table(("example", *(f"feature {i}" for i in range(width))), rows, shape[0])


def _statistics(door: Door) -> Table:
    header = ("tensor", "shape", "type", "low", "high", "mean", "std", "NaN", "inf")
    rows = [_row(_named(t.name), t) for t in door.tensors]
    rows += [_row(f"at the first layer: {_named(t.name)}", t) for t in door.first_layer]
    return Table(header, tuple(rows), len(rows))


def _named(name: str) -> str:
    return f"argument {name}" if name.isdigit() else name


def _row(name: str, tensor: Tensor) -> tuple[str, ...]:
    shape = "(" + ", ".join(str(n) for n in tensor.shape) + ")"
    figures = (tensor.low, tensor.high, tensor.mean, tensor.std, tensor.nan, tensor.inf)
    return (name, shape, tensor.dtype, *(number(f) for f in figures))


def _columns(door: Door) -> Table | None:
    if not door.columns:
        return None
    rows = tuple((str(i), *(number(v) for v in column)) for i, column in enumerate(door.columns[:FEATURES]))
    return Table(("feature or channel", "mean", "std", "low", "high"), rows, len(door.columns))
