"""Read on while what was read is being written: the file and the database wait for each other less."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

DEPTH = 1
"""Items that may wait to be used. Each is a batch of some thousand rows, and takes 20 MB or so."""

T = TypeVar("T")


def read_ahead(items: Iterator[T], depth: int = DEPTH) -> Generator[T, None, None]:
    """The items in their order, made in a thread of their own, at most `depth` of them before they are asked for.

    What making one raises is raised here. Close it when it is not read to its end.
    """
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
    try:
        coming = deque(thread.submit(_next, items) for _ in range(depth))
        while one := coming.popleft().result():
            coming.append(thread.submit(_next, items))
            yield from one
    finally:
        thread.shutdown(cancel_futures=True)


def _next(items: Iterator[T]) -> tuple[T, ...]:
    """The next one; nothing at the end. A StopIteration would not come through."""
    for item in items:
        return (item,)
    return ()
