"""Operations on Helm values: nested dictionaries as parsed from YAML or JSON."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

from portal.domain import yaml_text

Values = dict[str, object]


def as_mapping(value: object) -> Values:
    """``value`` if it is a mapping, else an empty one."""
    return cast("Values", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """``value`` if it is a list, else an empty one."""
    return cast("list[object]", value) if isinstance(value, list) else []


def is_exact(number: int) -> bool:
    """Return True if Helm, which uses floating point, keeps this number exactly."""
    return abs(number) <= 2**53 or (
        abs(number) < 2**1000 and Decimal(repr(float(number))) == number
    )


def get(values: Mapping[str, object], path: str, default: object = None) -> object:
    """The value at a dotted path; ``default`` where it is absent or null."""
    found = at_path(dict(values), path.split("."))
    return default if found is None else found


def at_path(values: object, path: Iterable[str]) -> object:
    """Return what is at a path of names in values; None if there is nothing."""
    for part in path:
        values = as_mapping(values).get(part)
    return values


def has(values: Mapping[str, object], path: str) -> bool:
    """Return True if a dotted path is present, even if null."""
    head, _, last = path.rpartition(".")
    parent: object = get(values, head) if head else dict(values)
    return isinstance(parent, dict) and last in parent


def put(values: Values, path: str, value: object) -> None:
    """Set the value at a dotted path, creating the mappings on the way."""
    *parents, last = path.split(".")
    at = values
    for part in parents:
        below = as_mapping(at.get(part))
        at[part] = below
        at = below
    at[last] = value


def without(values: Mapping[str, object], paths: Iterable[str]) -> Values:
    """A copy without the dotted ``paths``, and without mappings that become empty by that."""
    result = copy.deepcopy(dict(values))
    for path in paths:
        _remove(result, path.split("."))
    return result


def _remove(values: Values, path: list[str]) -> None:
    first, *rest = path
    if not rest:
        values.pop(first, None)
        return
    below = values.get(first)
    if isinstance(below, dict):
        _remove(cast("Values", below), rest)
        if not below:
            del values[first]


def overlay(base: Mapping[str, object], top: Mapping[str, object]) -> Values:
    """``top`` over ``base`` as Helm does: mappings are merged, everything else is replaced."""
    result = copy.deepcopy(dict(base))
    for name, value in top.items():
        old = result.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            result[name] = overlay(cast("Values", old), cast("Values", value))
        else:
            result[name] = copy.deepcopy(cast("object", value))
    return result


def to_yaml(values: Mapping[str, object]) -> str:
    """``values`` as YAML, in their order."""
    return yaml_text.exact(dict(values))
