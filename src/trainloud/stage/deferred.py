"""Values from a device without waiting for it."""

from collections import deque
from collections.abc import Callable, Sequence

import torch

Receiver = Callable[[list[torch.Tensor]], None]


class Deferred:
    """Hands tensors to a receiver on the CPU, in order: at once if they are there, else when their copy has arrived.

    A copy from CUDA goes to pinned memory without blocking and is polled with an event: no synchronisation.
    Other devices have no such event, and are waited for.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[torch.cuda.Event | None, list[torch.Tensor], Receiver]] = deque()

    def put(self, tensors: Sequence[torch.Tensor], receive: Receiver) -> None:
        on_cpu = all(t.device.type == "cpu" for t in tensors)
        if on_cpu and not self._queue:
            receive(list(tensors))
            return
        copies = [
            t.detach().to("cpu", non_blocking=t.device.type == "cuda", copy=t.device.type == "cpu") for t in tensors
        ]
        event = None
        cuda = next((t.device for t in tensors if t.device.type == "cuda"), None)
        if cuda is not None:
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(cuda))
        self._queue.append((event, copies, receive))
        self.poll()

    def poll(self) -> None:
        while self._queue and (self._queue[0][0] is None or self._queue[0][0].query()):
            _, copies, receive = self._queue.popleft()
            receive(copies)

    def drain(self) -> None:
        """Wait for all that is under way; for the end of a run."""
        while self._queue:
            event, copies, receive = self._queue.popleft()
            if event is not None:
                event.synchronize()
            receive(copies)
