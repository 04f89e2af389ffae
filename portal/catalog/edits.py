"""Conversion between the fields of a chart's form and its values."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from math import isfinite
from typing import cast

from portal.catalog.form import Control, Field, number_in
from portal.catalog.text import TextError, load
from portal.catalog.validate import Path
from portal.catalog.values import Values, as_list, as_mapping, is_exact, overlay, to_yaml
from portal.domain.names import UNSUPPORTED_CHARACTER, survives_helm

MAX_LINES = 1_000


class Unset:
    """Type of ``UNSET``: the value is removed, so that the chart's default applies again."""


UNSET = Unset()


class FieldError(Exception):
    """A field's input cannot be used; the message says what to do, and quotes no input."""


def control_content(field: Field) -> object:
    """The content of a field's control for its value."""
    value = field.value
    match field.control:
        case Control.SWITCH:
            return value is True
        case Control.NUMBER | Control.SLIDER:
            return value
        case Control.CHOICE:
            same = (n for n, each in enumerate(field.choices) if alike(each.value, value))
            return str(next(same, ""))
        case Control.LINES:
            return "\n".join(str(each) for each in as_list(value))
        case Control.TEXT:
            return "" if value is None else str(value)
        case Control.YAML:
            return "" if value is None else _fragment(value)


def parse_input(field: Field, raw: object) -> object:
    """The value for a control's content; ``UNSET`` for none.

    Raises:
        FieldError: the content is invalid.
    """
    text = raw if isinstance(raw, str) else ""
    if not survives_helm(text):
        raise FieldError(UNSUPPORTED_CHARACTER)
    match field.control:
        case Control.SWITCH:
            return bool(raw)
        case Control.NUMBER | Control.SLIDER:
            return _number(field, raw)
        case Control.CHOICE:
            if not text.isascii() or not text.isdigit() or int(text[:9]) >= len(field.choices):
                return UNSET
            return copy.deepcopy(field.choices[int(text[:9])].value)
        case Control.LINES:
            lines = [each.strip() for each in text.splitlines()[:MAX_LINES]]
            return [_scalar(field, each) for each in lines if each]
        case Control.TEXT:
            if text == "":
                return _emptied(field)
            return _scalar(field, text)
        case Control.YAML:
            if not text.strip():
                return UNSET
            try:
                return cast("object", load(text, strict=True))
            except TextError as error:
                raise FieldError(str(error)) from None


def _number(field: Field, raw: object) -> object:
    if raw is None or raw == "":
        return None if field.nullable and field.default is not None else UNSET
    number = number_in(raw.strip()) if isinstance(raw, str) else raw
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise FieldError("Write a number.")
    if isinstance(number, float):
        if not isfinite(number):
            raise FieldError("Write a number.")
        if "number" not in field.types:
            if not number.is_integer():
                raise FieldError("Write a whole number.")
            number = int(number)
    if isinstance(number, int) and not is_exact(number):
        raise FieldError("Write fewer digits: Helm would round this number.")
    return number


def _scalar(field: Field, text: str) -> object:
    """``text``, or a number where the schema accepts numbers and the text is one."""
    number = number_in(text) if field.types & {"integer", "number"} else None
    exact = isinstance(number, float) or (number is not None and is_exact(number))
    if number is not None and exact and ("number" in field.types or isinstance(number, int)):
        return number
    if "string" not in field.types:
        raise FieldError("Write a number.")
    return text


def _emptied(field: Field) -> object:
    if field.default in (None, "") or field.non_empty:
        return UNSET
    return None if field.nullable else ""


def changed(
    values: Mapping[str, object], defaults: Mapping[str, object], path: Path, value: object
) -> Values:
    """A copy of ``values`` with ``value`` at ``path``; ``UNSET`` removes it.

    What equals the chart's default is not written. Helm replaces lists whole, so a change
    within a list writes all of it; mappings it merges, so a name that the default has and
    ``value`` has not is written as null, which takes it away.
    """
    names = path[: next((n for n, each in enumerate(path) if isinstance(each, int)), len(path))]
    if len(names) < len(path):
        whole = copy.deepcopy(at(overlay(defaults, values), names))
        value = _within(whole, path[len(names) :], value)
    result = copy.deepcopy(dict(values))
    standard = at(defaults, names, UNSET)
    if isinstance(value, Unset) or alike(value, standard):
        _drop(result, names)
    else:
        _put(result, names, _instead_of(standard, value))
    return result


def _instead_of(standard: object, value: object) -> object:
    """A copy of ``value``, with null for each name that Helm would fill in again."""
    given, base = as_mapping(value), as_mapping(standard)
    if not isinstance(value, dict) or not base:
        return copy.deepcopy(cast("object", value))
    made = {name: _instead_of(base.get(name), each) for name, each in given.items()}
    return made | {name: None for name in base if name not in given and base[name] is not None}


def at(values: object, path: Path, default: object = None) -> object:
    """The value at ``path``; ``default`` if there is none."""
    for part in path:
        rows = as_list(values)
        names = as_mapping(values)
        if part in names:
            values = names[str(part)]
        elif isinstance(part, int) and part < len(rows):
            values = rows[part]
        else:
            return default
    return values


def added(
    values: Mapping[str, object], defaults: Mapping[str, object], path: Path, row: object
) -> Values:
    """A copy of ``values`` with ``row`` appended to the list at ``path``."""
    rows = as_list(at(overlay(defaults, values), path))
    return changed(values, defaults, path, [*rows, row])


def removed(values: Mapping[str, object], defaults: Mapping[str, object], path: Path) -> Values:
    """A copy of ``values`` without the row at ``path``, whose last part is its index."""
    *names, number = path
    rows = as_list(at(overlay(defaults, values), tuple(names)))
    return changed(values, defaults, tuple(names), [r for n, r in enumerate(rows) if n != number])


def minimal(values: Mapping[str, object], defaults: Mapping[str, object]) -> Values:
    """The values that differ from the chart's defaults; null, which removes one, differs."""
    result: Values = {}
    for name, value in values.items():
        different = _difference(value, defaults[name]) if name in defaults else value
        if not isinstance(different, Unset):
            result[name] = copy.deepcopy(different)
    return result


def _difference(value: object, default: object) -> object:
    """The part of a value that differs from its default; ``UNSET`` if none does."""
    if all(isinstance(each, dict) for each in (value, default)):
        return minimal(as_mapping(value), as_mapping(default)) or UNSET
    return UNSET if alike(value, default) else value


def alike(one: object, other: object) -> bool:
    """Return True if two values are equal for Helm: 1 equals 1.0, but neither equals true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = as_mapping(cast("object", one)), as_mapping(cast("object", other))
        return left.keys() == right.keys() and all(alike(left[n], right[n]) for n in left)
    if isinstance(one, list) and isinstance(other, list):
        first, second = as_list(cast("object", one)), as_list(cast("object", other))
        return len(first) == len(second) and all(map(alike, first, second))
    return one == other


def _within(whole: object, path: Path, value: object) -> object:
    """``whole``, a list or an element of it, with ``value`` at ``path``."""
    if not path:
        return value
    first, *rest = path
    if isinstance(first, int):
        rows = as_list(whole)
        if first >= len(rows):
            return rows
        rows[first] = _within(rows[first], tuple(rest), value)
        return rows
    below = as_mapping(whole)
    if not rest and isinstance(value, Unset):
        below.pop(first, None)
    else:
        below[first] = _within(below.get(first), tuple(rest), value)
    return below


def _put(values: Values, path: Path, value: object) -> None:
    at_ = values
    for part in path[:-1]:
        below = as_mapping(at_.get(str(part)))
        at_[str(part)] = below
        at_ = below
    if path:
        at_[str(path[-1])] = value
    elif isinstance(value, dict):
        values.clear()
        values.update(as_mapping(cast("object", value)))


def _drop(values: Values, path: Path) -> None:
    if not path:
        return
    first, *rest = path
    if not rest:
        values.pop(str(first), None)
        return
    below = values.get(str(first))
    if isinstance(below, dict):
        _drop(as_mapping(cast("object", below)), tuple(rest))
        if not below:
            del values[str(first)]


def _fragment(value: object) -> str:
    if isinstance(value, dict):
        return to_yaml(as_mapping(cast("object", value))) if value else "{}\n"
    if isinstance(value, list):
        rows = as_list(cast("object", value))
        return to_yaml({"x": rows}).removeprefix("x:").lstrip("\n ") if rows else "[]\n"
    return to_yaml({"x": value}).removeprefix("x:").strip()
