"""Batches made on the GPU by a thread of its own, on a stream of its own, while the network trains on the ones before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor]
DEPTH = 4


def made_ahead(make: Callable[[int], Batch], numbers: Iterable[int]) -> Iterator[Batch]:
    """make(number) for each number, in order, at most DEPTH batches ahead. An error in `make` is raised here."""
    waiting: queue.Queue[Batch | BaseException | None] = queue.Queue(DEPTH)
    stopped = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return waiting.put(item, timeout=0.5)
            except queue.Full:
                continue

    def work() -> None:
        try:
            with torch.cuda.stream(torch.cuda.Stream()):
                for number in numbers:
                    batch = make(number)
                    torch.cuda.current_stream().synchronize()
                    put(batch)
                    if stopped.is_set():
                        return
            put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the training
            put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            for tensor in item:
                # The allocator must not give this memory to the other stream while this one reads it.
                tensor.record_stream(torch.cuda.current_stream())
            yield item
    finally:
        stopped.set()
