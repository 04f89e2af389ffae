"""Presets: images that the launch form offers, from the portal's settings."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from portal.catalog.launch_field import FieldError
from portal.catalog.launch_fields import BY_NAME, PRESET_FIELDS, SIMPLE_FIELDS
from portal.catalog.values import as_list, as_mapping

_REQUIRED = ("name", "repository", "tag")
_QUANTITIES = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")


class Preset(Struct, frozen=True):
    """An image with settings to start from.

    ``fields`` are contents of fields of the form, by the field's name, among ``PRESET_FIELDS``.
    """

    name: str
    repository: str
    tag: str
    description: str = ""
    fields: Mapping[str, object] = field(default_factory=dict[str, object])


def preset_fields(preset: Preset) -> dict[str, object]:
    """Return the fields that a preset fills in, by ``PRESET_FIELDS``; others are missing.

    Of quantities it fills in those that it names; all others get the form's default unless it
    names them, so that nothing stays from another preset.
    """
    fields: dict[str, object] = {"repository": preset.repository, "tag": preset.tag}
    fields |= {each.name: each.default for each in SIMPLE_FIELDS if each.preset}
    if any(preset.fields.get(name) for name in _QUANTITIES):
        fields["size"] = ""
    for kind in ("cpu", "memory"):
        # Its limit goes with a request: the one in the form may be below it.
        if preset.fields.get(f"{kind}_request"):
            fields[f"{kind}_limit"] = ""
    return fields | {
        name: each for name, each in preset.fields.items() if each or name not in _QUANTITIES
    }


def read_presets(entries: object) -> tuple[Preset, ...]:
    """Read the presets of the settings: a list of mappings.

    Raises:
        ValueError: an entry is wrong; the message names it and the field.
    """
    listed = as_list(entries)
    if entries != listed:
        raise ValueError("a list of presets is needed")
    return tuple(map(_read, listed))


def _read(entry: object) -> Preset:
    given = as_mapping(entry)
    where = f"preset {given.get('name', entry)}"[:80]
    texts: dict[str, str] = {}
    for name in (*_REQUIRED, "description"):
        content = given.get(name, "")
        if not isinstance(content, str) or (name in _REQUIRED and not content):
            raise ValueError(f"{where}: {name} is text, and needed; put it in quotes")
        texts[name] = content
    fields = {name: each for name, each in given.items() if name not in texts}
    for name, content in fields.items():
        if name not in PRESET_FIELDS:
            known = ", ".join((*_REQUIRED, "description", *PRESET_FIELDS[2:]))
            raise ValueError(f"{where}: there is no field {name}; there are {known}")
        if name in _QUANTITIES and not isinstance(content, str):
            raise ValueError(f"{where}: {name} is text; put it in quotes")
        try:
            BY_NAME[name].read(content)
        except FieldError as error:
            raise ValueError(f"{where}: {name}: {error}") from error
    return Preset(**texts, fields=fields)
