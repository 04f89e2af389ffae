"""Mappings of which there are many, and which are seldom looked into."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import cast


class CompressedValues(Mapping[str, object]):
    """A mapping of JSON values that is kept compressed, a tenth of its size as dictionaries.

    The last few that were looked into stay unpacked.

    Args:
        values: what to keep; None of it is held on to.
        at_hand: names at its top whose values are asked for all the time, kept as they are.
    """

    __slots__ = ("_at_hand", "_names", "_packed")

    def __init__(self, values: Mapping[str, object], at_hand: tuple[str, ...] = ()) -> None:
        self._packed = zlib.compress(json.dumps(dict(values), separators=(",", ":")).encode())
        self._names = at_hand
        self._at_hand = {name: values[name] for name in at_hand if name in values}

    def __getitem__(self, name: str) -> object:
        if name in self._names:
            return self._at_hand[name]
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
    """A text that is kept compressed."""

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
