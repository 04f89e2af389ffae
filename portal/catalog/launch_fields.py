"""Names, labels, values and links of the launch fields, derived from their table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portal.catalog.launch_field import FieldError, LaunchField, Link, Section
from portal.catalog.launch_table import DEFAULT_MOUNT_PATH, DEFAULT_PORT, LAUNCH_FIELDS
from portal.catalog.values import Values, without

__all__ = ["DEFAULT_MOUNT_PATH", "DEFAULT_PORT", "LAUNCH_FIELDS"]

BY_NAME = {each.name: each for each in LAUNCH_FIELDS}

LABELS = {each.name: each.label for each in LAUNCH_FIELDS}

FIELDS = tuple(LABELS)
"""The field ids of the launch form."""

PRESET_FIELDS = tuple(each.name for each in LAUNCH_FIELDS if each.preset)
"""The fields that a preset may fill in."""

SWITCHED = tuple(each.name for each in LAUNCH_FIELDS if each.switched)
"""The fields with a switch beside them."""

SIMPLE_FIELDS = tuple(each for each in LAUNCH_FIELDS if each.parse)
"""The fields whose entry in the table says all about them."""

_BY_PATH = {path: each.name for each in LAUNCH_FIELDS for path in each.owned}


def fields_linked_as(*kinds: Link) -> tuple[str, ...]:
    """The fields that links carry in one of these ways."""
    return tuple(each.name for each in LAUNCH_FIELDS if each.link in kinds)


def fields_in(section: Section) -> tuple[str, ...]:
    """The fields of a section, in their order."""
    return tuple(each.name for each in LAUNCH_FIELDS if each.section is section)


def field_of(path: str) -> str:
    """The name of the field that sets the values path, or a path above it; "" if none does."""
    while path:
        if path in _BY_PATH:
            return _BY_PATH[path]
        path = path.rpartition(".")[0]
    return ""


def read_fields(raw: Mapping[str, object]) -> tuple[dict[str, object], dict[str, str]]:
    """The values of all simple fields of a form, and the errors, both by the field's name.

    A field that leaves the chart's default has no value.
    """
    found: dict[str, object] = {}
    errors: dict[str, str] = {}
    for each in SIMPLE_FIELDS:
        try:
            value = each.read(raw.get(each.name))
        except FieldError as error:
            errors[each.name] = str(error)
        else:
            if value is not None:
                found[each.name] = value
    return found, errors


def write_fields(values: Values, fields: Mapping[str, object]) -> None:
    """Set the values of simple fields, by the field's name, in those of the chart."""
    for each in SIMPLE_FIELDS:
        each.write(values, fields.get(each.name))


def show_fields(values: Mapping[str, object]) -> dict[str, object]:
    """The contents of all simple fields for the chart's values, by the field's name."""
    return {each.name: each.shown(values) for each in SIMPLE_FIELDS}


def split_changes(
    existing: Mapping[str, object], new: Mapping[str, object]
) -> tuple[Values, Values]:
    """Return copies of ``existing`` and ``new`` with each simple field in one of them.

    A field whose content stays is in the first, with its values as they were written, even where
    the form could not show them.
    """
    kept = [each for each in SIMPLE_FIELDS if each.says(existing, new)]
    changed = [each for each in SIMPLE_FIELDS if each not in kept]
    return without(existing, _owned(changed)), without(new, _owned(kept))


def _owned(fields: Iterable[LaunchField]) -> list[str]:
    return [path for each in fields for path in each.owned]


def hidden_paths(values: Mapping[str, object]) -> list[str]:
    """The paths of simple fields with values that the form does not show as they are."""
    return [path for each in SIMPLE_FIELDS for path in each.paths if each.hides(values)]
