"""From a violation in an object back to the value that caused it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from portal.catalog.values import as_mapping
from portal.domain.images import split_reference
from portal.guardrails.rules import Rule, Violation


def value_paths(found: tuple[Violation, ...], values: Mapping[str, object]) -> dict[str, str]:
    """The violations that a single value explains, by that value's dotted path.

    A value is found by its text: an image's by its repository, however the chart puts it together.
    """
    known = list(_leaves(values, ()))
    paths: dict[str, str] = {}
    for each in found:
        places = [path for path, text in known if text == each.value]
        if not places and each.rule is Rule.IMAGES:
            repository = split_reference(each.value)[0]
            places = [
                path
                for path, text in known
                if path[-1] in {"repository", "image"} and text and repository.endswith(text)
            ]
        if each.value and len(places) == 1:
            paths.setdefault(".".join(places[0]), f"{each.message} [{each.rule}].")
    return paths


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, list):
        for index, each in enumerate(cast("list[object]", value)):
            yield from _leaves(each, (*path, str(index)))
    elif isinstance(value, Mapping):
        for name, each in as_mapping(dict(cast("Mapping[str, object]", value))).items():
            yield from _leaves(each, (*path, name))
    elif isinstance(value, str) and path:
        yield path, value
