"""Compressed mappings and texts, for data that is kept in large numbers and seldom read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import cast


class CompressedValues(Mapping[str, object]):
    """A mapping of JSON values kept compressed, a tenth of its size as dictionaries.

    The last 32 that were read stay unpacked in a cache.

    Args:
        values: the mapping to compress; it is not referenced afterwards.
        uncompressed: top-level names that are read often, kept uncompressed.
    """

    __slots__ = ("_names", "_packed", "_uncompressed")

    def __init__(self, values: Mapping[str, object], uncompressed: tuple[str, ...] = ()) -> None:
        self._packed = zlib.compress(json.dumps(dict(values), separators=(",", ":")).encode())
        self._names = uncompressed
        self._uncompressed = {name: values[name] for name in uncompressed if name in values}

    def __getitem__(self, name: str) -> object:
        if name in self._names:
            return self._uncompressed[name]
        return _unpacked(self._packed)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_unpacked(self._packed))

    def __len__(self) -> int:
        return len(_unpacked(self._packed))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CompressedValues):
            return self._packed == other._packed
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self._packed)

    def __repr__(self) -> str:
        return f"CompressedValues({dict(self)!r})"


@lru_cache(maxsize=32)
def _unpacked(packed: bytes) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(zlib.decompress(packed)))


class CompressedText:
    """A text kept compressed."""

    __slots__ = ("_packed",)

    def __init__(self, text: str = "") -> None:
        self._packed = zlib.compress(text.encode(errors="replace")) if text else b""

    def __str__(self) -> str:
        return zlib.decompress(self._packed).decode() if self._packed else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompressedText) and self._packed == other._packed

    def __hash__(self) -> int:
        return hash(self._packed)

    def __repr__(self) -> str:
        return f"CompressedText({str(self)!r})"
