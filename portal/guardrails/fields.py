"""Mapping of violations to the values that cause them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from portal.domain.images import split_reference
from portal.guardrails.rules import Rule, Violation


def value_paths(found: tuple[Violation, ...], values: Mapping[str, object]) -> dict[str, str]:
    """The messages of violations that a single value explains, by its dotted path.

    The value is found by its text, an image by its repository, since charts compose the rest.
    """
    by_text: dict[str, list[tuple[str, ...]]] = {}
    named: list[tuple[tuple[str, ...], str]] = []
    for path, text in _leaves(values):
        by_text.setdefault(text, []).append(path)
        if path[-1] in {"repository", "image"} and text:
            named.append((path, text))
    paths: dict[str, str] = {}
    for each in found:
        places = by_text.get(each.value, [])
        if not places and each.rule in {Rule.IMAGES, Rule.PROJECT}:
            repository = split_reference(each.value)[0]
            places = [path for path, text in named if repository.endswith(text)]
        if each.value and len(places) == 1:
            paths.setdefault(".".join(places[0]), f"{each.message} [{each.rule}].")
    return paths


def _leaves(values: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    waiting: list[tuple[tuple[str, ...], object]] = [((), dict(values))]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, list):
            listed = cast("list[object]", value)
            waiting.extend(((*path, str(index)), each) for index, each in enumerate(listed))
        elif isinstance(value, Mapping):
            pairs = cast("Mapping[str, object]", value).items()
            waiting.extend(((*path, name), each) for name, each in pairs)
        elif isinstance(value, str) and path:
            yield path, value
