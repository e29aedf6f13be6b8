"""Tensors in numbers, and how they were made."""

from dataclasses import dataclass

from trainloud.core.place import Place


@dataclass(frozen=True)
class Tensor:
    """A description of one tensor; the numbers are over its finite elements."""

    name: str
    """The argument's position or keyword, or what it is."""
    shape: tuple[int, ...]
    dtype: str
    """Without the leading "torch."."""
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    nan: int = 0
    inf: int = 0
    """Elements that are +inf or -inf."""
    negative_inf: int = 0


@dataclass(frozen=True)
class Origin:
    """One operation through which a tensor was made, nearest first in a provenance; shape changes are left out."""

    op: str
    """Autograd's name in lower case without "Backward0": softmax, relu, sigmoid, addmm, convolution ..."""
    where: Place | None = None
