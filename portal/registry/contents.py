"""Content by its digest, which never changes: asked for once."""

from __future__ import annotations

KEPT = 256
"""Contents that are kept."""
LARGEST = 64 * 1024
"""Bytes of one that is."""


class Contents:
    """Manifests and configurations of images, by where they are and their digest.

    Registries count what is fetched of them, Docker Hub as a pull: it is not asked for twice.
    Whoever reads here has to have asked the registry first whether that may be.
    """

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def get(self, address: str) -> bytes | None:
        """Return what was put at an address; None if it is not kept (any more)."""
        found = self._kept.pop(address, None)
        if found is not None:
            self._kept[address] = found  # the last in order is the last used
        return found

    def put(self, address: str, body: bytes) -> None:
        """Keep content, unless it is large."""
        if len(body) <= LARGEST:
            self._kept[address] = body
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
