"""The hub's counters for the metrics."""

from __future__ import annotations

from msgspec import Struct


class Counts(Struct):
    """Totals since the start."""

    renderings: int = 0
    frames: int = 0
    bytes: int = 0
    skipped: int = 0
    """States that were not sent to a browser, since a newer one came before it was ready."""

    def sent(self, text: str, versions: int) -> None:
        """Count a frame that brings a browser forward by ``versions``."""
        self.frames += 1
        self.bytes += len(text)  # JSON as we write it is ASCII
        self.skipped += max(0, versions - 1)
