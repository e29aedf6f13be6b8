"""The script's own options, as its parser reads them: argparse and all that builds on it, click and typer, Hydra."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from trainloud.core.records import Flag, Flags
from trainloud.stage.hub import Hub
from trainloud.stage.imported import when_imported
from trainloud.stage.patches import Patches

KINDS = (bool, int, float, str)
MOST = 500  # options


class Probe:
    COUNTERFACTUAL = True

    def __init__(self, hub: Hub):
        self._hub = hub
        self._depth = 0

    def install(self, patches: Patches) -> None:
        patches.around(argparse.ArgumentParser, "parse_known_args", self._argparse)
        when_imported("click.core", lambda module: patches.after(module.Command, "parse_args", self._click))
        when_imported(
            "hydra.core.hydra_config", lambda module: patches.after(module.HydraConfig, "set_config", self._hydra)
        )

    def _argparse(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def parse_known_args(parser: Any, *args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            try:
                result = original(parser, *args, **kwargs)
            finally:
                self._depth -= 1
            if not self._depth:
                self._hub.safely("flags", self._from_argparse, parser, result[0])
            return result

        return parse_known_args

    def _from_argparse(self, parser: argparse.ArgumentParser, found: Any) -> None:
        options = [
            (max(action.option_strings, key=len), getattr(found, action.dest, None))
            for action in parser._actions
            if action.option_strings and action.dest != "help"
        ]
        self._write("argparse", options)

    def _click(self, _result: Any, command: Any, context: Any, *_args: Any) -> None:
        named = [(p.opts, context.params.get(p.name)) for p in command.params if p.opts and p.opts[0].startswith("-")]
        self._write("click", [(max(names, key=len), value) for names, value in named])

    def _hydra(self, _result: Any, _holder: Any, config: Any, *_args: Any) -> None:
        """The whole configuration, Hydra's own part left out."""
        from omegaconf import OmegaConf

        whole: Any = OmegaConf.to_container(config, resolve=False)
        self._write("hydra", list(_leaves({k: v for k, v in whole.items() if k != "hydra"})))

    def _write(self, parser: str, options: list[tuple[str, Any]]) -> None:
        plain = [Flag(n, str(v), type(v).__name__) for n, v in options if isinstance(v, KINDS) or v is None]
        if plain:
            found = Flags(parser, tuple(plain[:MOST]))
            self._hub.write(found)
            self._hub.tell("flags", found)


def _leaves(config: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every value in nested dictionaries."""
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
