"""Values about programs in containers: their end, and the use of containers."""

from __future__ import annotations

import re

from msgspec import Struct

_NOT_STARTED = re.compile(
    r"not found in \$PATH|no such file or directory|executable file|permission denied", re.I
)


class Ended(Struct, frozen=True):
    """The end of a program. ``exit_code`` is None if it was not started, or is not known."""

    exit_code: int | None = None
    message: str = ""

    @property
    def missing(self) -> bool:
        """True if the container has no such program."""
        if self.exit_code in {126, 127}:
            return True
        return self.exit_code is None and bool(_NOT_STARTED.search(self.message))


class ContainerUsage(Struct, frozen=True):
    """The use of a container, as the metrics API measured it: cores and bytes."""

    name: str
    cpu: float
    memory: float
