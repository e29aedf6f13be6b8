"""An option of the script's own: `--hidden-size=256`, or for Hydra `hydra:model.width=256`.

The probe `flags` sees what the script's parser made of it.
"""

from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for anything but an option and its value."""
        self._option = value.removeprefix("hydra:")
        self._name, equals, self._value = self._option.partition("=")
        if not equals:
            raise ValueError(f"an option is changed as --name=value, not {value!r}")
        self._seen = ""

    def before(self, argv: list[str]) -> list[str]:
        """The option stands last, where it wins."""
        return [*argv, self._option]

    def install(self, treated: Treated) -> None:
        treated.hub.add(self)

    def flags(self, found: Any) -> None:
        """A probe's event: what the parser read."""
        self._seen = next((o.value for o in found.options if o.name == self._name), self._seen)

    def report(self) -> tuple[bool, str]:
        took = self._seen == self._value or _number(self._seen) == _number(self._value) is not None
        return took, f"the script read {self._name} as {self._seen or 'nothing'}"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
