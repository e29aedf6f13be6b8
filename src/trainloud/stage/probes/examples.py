"""The first examples that entered each network, whole, where the person asked for them (`--keep-examples N`).

They are written beside the trace as they come, a file in numpy's format for each batch, so that a kill loses at most
one: PROCESS.examples/NETWORK-PHASE-BATCH.npy, and the labels of a loss, one for each example, in ...labels.npy.
"""

import ctypes
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trainloud.core.trace import unpack_labels
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit, named_arguments

MOST_BYTES = 2 << 30  # of all that one process keeps
ROUNDS = 2  # times N examples that are looked at for N different ones, for a data set that has fewer
CLASS_KINDS = ("cross_entropy", "nll_loss", "multi_margin_loss")
NAMES = {
    torch.float64: "<f8", torch.float32: "<f4", torch.float16: "<f2", torch.int64: "<i8", torch.int32: "<i4",
    torch.int16: "<i2", torch.int8: "|i1", torch.uint8: "|u1", torch.bool: "|b1",
}  # fmt: skip


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        asked = os.environ.get("TRAINLOUD_KEEP_EXAMPLES", "0")
        self._wanted = int(asked) if asked.isdecimal() else 0
        self._room = MOST_BYTES
        self._looked: Counter[tuple[int, bool]] = Counter()
        self._known: dict[tuple[int, str], set[int]] = {}
        self._files: Counter[tuple[int, str]] = Counter()

    def forward_start(self, visit: Visit) -> None:
        """Copies, as the forward may change what it was given."""
        key = visit.network, visit.grad
        if not self._wanted or self._room <= 0 or self._looked[key] >= ROUNDS * self._wanted:
            return
        pairs = named_arguments(visit)
        main = next((t for _, t in pairs if t.is_floating_point()), pairs[0][1] if pairs else None)
        if main is None or (main.requires_grad and main.grad_fn is not None):
            return
        self._looked[key] += main.shape[0]
        visit.facts["examples"] = main.detach()[: self._wanted].clone()

    def forward_end(self, visit: Visit) -> None:
        if not visit.outer or visit.prints is None:
            visit.facts.pop("examples", None)

    def resolved(self, visits: Sequence[Visit]) -> None:
        for visit in visits:
            kept = visit.facts.pop("examples", None)
            if kept is not None and visit.prints is not None:
                phase = "train" if visit.grad and visit.used else "eval"
                self._hub.deferred.put([kept, visit.prints], self._receiver(visit, phase))

    def _receiver(self, visit: Visit, phase: str) -> Any:
        network, losses = visit.network, list(visit.losses)

        def receive(arrived: list[torch.Tensor]) -> None:
            examples, prints = arrived
            known = self._known.setdefault((network, phase), set())
            new = []
            for row, one in enumerate(prints.tolist()[: len(examples)]):
                if one not in known and len(known) < self._wanted:
                    known.add(one)
                    new.append(row)
            if not new or self._room <= 0:
                return
            chosen = examples[new]
            loss = next((c for c in losses if c.labels and c.batch == len(prints)), None)
            labels = unpack_labels(loss.labels) if loss is not None else None
            place = self._place(network, phase)
            if labels is not None and len(labels) == len(prints):
                values = torch.tensor([labels[row] for row in new], dtype=torch.float64)
                whole = loss is not None and loss.kind in CLASS_KINDS
                self._save(place.with_suffix(".labels.npy"), values.to(torch.int64) if whole else values)
            self._save(place.with_suffix(".npy"), chosen)

        return receive

    def _place(self, network: int, phase: str) -> Path:
        folder = self._hub.folder / f"{os.getpid()}.examples"
        folder.mkdir(parents=True, exist_ok=True)
        self._files[network, phase] += 1
        return folder / f"{network}-{phase}-{self._files[network, phase]:06}"

    def _save(self, path: Path, values: torch.Tensor) -> None:
        values = values if values.dtype in NAMES else values.float()
        values = values.contiguous()
        size = values.numel() * values.element_size()
        self._room -= size
        if self._room <= 0:
            self._hub.unseen(f"examples: only the first {MOST_BYTES:,} bytes of them are kept")
            return
        shape = "".join(f"{s}, " for s in values.shape)
        head = f"{{'descr': '{NAMES[values.dtype]}', 'fortran_order': False, 'shape': ({shape}), }}"
        head += " " * (-(10 + len(head) + 1) % 64) + "\n"
        part = path.with_suffix(".part")
        with part.open("wb") as f:
            f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
            f.write(ctypes.string_at(values.data_ptr(), size))
        part.replace(path)
