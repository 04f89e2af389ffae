"""Access to the API's JSON, where anything optional may be missing or null."""

from __future__ import annotations

from typing import Any, cast

JsonObject = dict[str, Any]
"""A Kubernetes object as the API sent it."""


def _value(raw: JsonObject, *path: str) -> Any:
    """The value at ``path``, or None."""
    found: Any = raw
    for name in path:
        if not found:
            return None
        found = found.get(name)
    return found


def part(raw: JsonObject, *path: str) -> JsonObject:
    """The object at ``path``; {} where there is none."""
    return cast(JsonObject, _value(raw, *path) or {})


def items(raw: JsonObject, *path: str) -> list[JsonObject]:
    """The list at ``path``; [] where there is none."""
    return cast(list[JsonObject], _value(raw, *path) or [])


def text(raw: JsonObject, *path: str) -> str:
    """The text at ``path``; "" where there is none."""
    found = _value(raw, *path)
    return "" if found is None else str(found)
