"""The one error a step may end with: it says what failed, where to look, what to do."""

from __future__ import annotations

from pathlib import Path


class ClusterError(Exception):
    """A step failed.

    ``what`` is one sentence; ``log`` the file with the details; ``hint`` what to do next.
    """

    def __init__(self, what: str, *, log: Path | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.log = log
        self.hint = hint

    def lines(self) -> list[str]:
        """The message for a person, a line each."""
        out = [self.what]
        if self.log is not None:
            out.append(f"log: {self.log}")
        if self.hint is not None:
            out.append(f"what to do: {self.hint}")
        return out
