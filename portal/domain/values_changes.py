"""The values that a change adds, removes or replaces, one by one, without secrets. Pure.

The time grows with the values: call it in a thread, not on the event loop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

from msgspec import Struct

from portal.domain.scrubber import Scrubber
from portal.domain.secrets import redacted, scrubbed_by, secret_texts

CHANGED = "(hidden, changed)"
"""The placeholder of a secret after a change that replaces it."""

MOST_CHANGES = 100
"""Changes that are listed; the rest is counted."""
MOST_TEXT = 300
"""Characters of a value."""


class ValueChange(Struct, frozen=True):
    """A value at a ``path`` before and after; None where there is none."""

    path: str
    before: object = None
    after: object = None


class ValuesChanges(Struct, frozen=True):
    """The changes of values, by path; ``more`` of them are not listed."""

    listed: tuple[ValueChange, ...] = ()
    more: int = 0


def values_changes(before: Mapping[str, object], after: Mapping[str, object]) -> ValuesChanges:
    """Return the difference of two sets of values, secrets hidden by name, form and text."""
    scrubber = Scrubber({*secret_texts(before), *secret_texts(after)})
    shown_before, shown_after = (scrubbed_by(scrubber, redacted(tree)) for tree in (before, after))
    found: list[ValueChange] = []
    more = 0
    for path, old, new, shown_old, shown_new in _leaves(
        before, after, shown_before, shown_after, ""
    ):
        if old == new:
            continue
        if len(found) == MOST_CHANGES:
            more += 1
            continue
        if shown_old == shown_new:
            shown_new = CHANGED
        name = scrubber.text(path)[:MOST_TEXT]
        found.append(ValueChange(name, _short(shown_old), _short(shown_new)))
    return ValuesChanges(tuple(found), more)


def _leaves(
    old: object, new: object, shown_old: object, shown_new: object, path: str
) -> Iterator[tuple[str, object, object, object, object]]:
    """Yield each leaf of two trees: its path, both values, and both as they may be shown."""
    olds, news = _children(old), _children(new)
    if olds is None or news is None or not (olds or news):
        yield path, old, new, shown_old, shown_new
        return
    shown_olds, shown_news = _children(shown_old) or {}, _children(shown_new) or {}
    for name in sorted({*olds, *news}):
        yield from _leaves(
            olds.get(name),
            news.get(name),
            shown_olds.get(name),
            shown_news.get(name),
            f"{path}{name}" if path else name.removeprefix("."),
        )


def _children(tree: object) -> dict[str, object] | None:
    """Return the parts of a tree by their place in it, none of what is absent; None for a leaf.

    Items of a list that have names of their own, as environment variables do, are found by these.
    """
    if tree is None:
        return {}
    if isinstance(tree, Mapping):
        return {f".{name}": item for name, item in cast("Mapping[str, object]", tree).items()}
    if isinstance(tree, list | tuple):
        items = cast("list[object]", tree)
        named: dict[str, object] = {}
        for item in items:
            if isinstance(item, Mapping):
                mapping = cast("Mapping[str, object]", item)
                if "name" in mapping:
                    named[f"[{mapping['name']}]"] = mapping
        return named if len(named) == len(items) else None
    return None


def _short(value: object) -> object:
    """Return a value as it is kept: numbers and flags as they are, all else as a short text."""
    if value is None or isinstance(value, bool | int):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} … {len(text) - MOST_TEXT} more"
