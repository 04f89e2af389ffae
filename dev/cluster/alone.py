"""One at a time: what looks half-made may be another one's work under way."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Generator
from contextlib import contextmanager

from dev.cluster.paths import Layout


@contextmanager
def alone(layout: Layout, name: str, say: Callable[[str], object]) -> Generator[None]:
    """The only one called ``name`` on this machine, inside the block; says what it waits for.

    The lock is in the cache, which outlives a cluster that is taken down.
    """
    layout.cache.mkdir(parents=True, exist_ok=True)
    with (layout.cache / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another {name} is at work; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
