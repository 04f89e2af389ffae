"""A form for a chart's values, built from its schema and defaults. Pure, and bounded in size.

A form depends on the chart and the current values only: conditions are evaluated, and lists have a
row for each element. A part that no control fits becomes a YAML field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from msgspec import Struct

from portal.catalog.schema import SchemaReader, Shape, TooComplex
from portal.catalog.validate import Checker, Path
from portal.catalog.values import Values, as_list, as_mapping
from portal.domain.secrets import is_secret

MAX_FIELDS = 400
MAX_DEPTH = 8
MAX_ROWS = 50
MAX_CHOICES = 200
SLIDER_STEPS = 1000
"""A number with more steps than this between its bounds gets a box, not a slider."""


_OBJECT, _ARRAY = frozenset({"object"}), frozenset({"array"})
_BOOLEAN, _STRING = frozenset({"boolean"}), frozenset({"string"})


class Control(StrEnum):
    """The kinds of controls for a field."""

    TEXT = "text"
    NUMBER = "number"
    SLIDER = "slider"
    SWITCH = "switch"
    CHOICE = "choice"
    LINES = "lines"
    YAML = "yaml"


class Choice(Struct, frozen=True):
    """One option of a field with fixed values."""

    label: str
    value: object


_ON_OFF = (Choice("On", value=True), Choice("Off", value=False))


class Field(Struct, frozen=True):
    """One value with its control. ``value`` is the current one, ``default`` the chart's.

    ``types`` are the JSON Schema types that are accepted (for ``LINES``, of each line);
    ``non_empty`` means that an empty text is not.
    """

    path: Path
    control: Control
    title: str
    description: str = ""
    required: bool = False
    value: object = None
    default: object = None
    types: frozenset[str] = frozenset()
    nullable: bool = False
    choices: tuple[Choice, ...] = ()
    minimum: float | int | None = None
    maximum: float | int | None = None
    step: float | int | None = None
    non_empty: bool = False
    secret: bool = False


class Group(Struct, frozen=True):
    """A mapping: fields and groups under a common path."""

    path: Path
    title: str
    description: str
    items: tuple[Item, ...]


class Rows(Struct, frozen=True):
    """A list of mappings, a row each; ``blank`` is the value of a new row."""

    path: Path
    title: str
    description: str
    rows: tuple[Item, ...]
    blank: object


class Alternatives(Struct, frozen=True):
    """A value with several alternatives (``oneOf``, ``anyOf``).

    ``starts`` holds the initial value of each; ``chosen`` is the index of the one that fits the
    current value, None if none does.
    """

    path: Path
    title: str
    description: str
    titles: tuple[str, ...]
    starts: tuple[object, ...]
    chosen: int | None
    items: tuple[Item, ...]


Item = Field | Group | Rows | Alternatives


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a chart."""

    items: tuple[Item, ...]
    structure: tuple[object, ...] = field(init=False, compare=False)
    """A key that is equal for forms that differ in values only."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "structure", tuple(map(_structure, self.items)))

    def fields(self) -> Iterator[Field]:
        """Every field, in order."""
        waiting: list[Item] = list(reversed(self.items))
        while waiting:
            item = waiting.pop()
            if isinstance(item, Field):
                yield item
            else:
                inner = item.rows if isinstance(item, Rows) else item.items
                waiting.extend(reversed(inner))

    def find(self, path: Path) -> Item | None:
        """The item at a path, groups aside; None if there is none."""
        waiting: list[Item] = list(self.items)
        while waiting:
            item = waiting.pop()
            if item.path == path and not isinstance(item, Group):
                return item
            if not isinstance(item, Field):
                waiting.extend(item.rows if isinstance(item, Rows) else item.items)
        return None


def _structure(item: Item) -> object:
    match item:
        case Field():
            return item.path, item.control, item.required, item.minimum, item.maximum
        case Rows():
            return item.path, "rows", tuple(map(_structure, item.rows))
        case Alternatives():
            return item.path, item.chosen, tuple(map(_structure, item.items))
        case Group():
            return item.path, item.title, tuple(map(_structure, item.items))


def build(
    checker: Checker,
    defaults: Mapping[str, object],
    values: Mapping[str, object],
    described: Mapping[tuple[str, ...], str] | None = None,
    switches: Mapping[tuple[str, ...], str] | None = None,
) -> Form:
    """The form of a chart whose templates see ``values``.

    ``defaults`` are what they see where nothing is given. ``described`` are the comments of its
    values file, for what the schema does not describe. ``switches`` are the values that enable
    subcharts, with the subchart's name; each comes first in its group, even if it is not set.
    """
    return _Builder(checker, dict(defaults), described or {}, switches or {}).form(dict(values))


class _Builder:
    """Walks through schema, defaults and values together, within the limits of this module."""

    def __init__(
        self,
        checker: Checker,
        defaults: Values,
        described: Mapping[tuple[str, ...], str],
        switches: Mapping[tuple[str, ...], str],
    ) -> None:
        self._root = checker.root
        self._reader = SchemaReader(checker)
        self._defaults = defaults
        self._described = described
        self._switches = switches
        self._left = MAX_FIELDS

    def form(self, value: Values) -> Form:
        top = self._item(self._root, (), "", value, self._defaults, required=False, level=0)
        if isinstance(top, Group):
            return Form(top.items)
        return Form((top,) if isinstance(top, Alternatives) else ())

    def _item(
        self,
        schema: object,
        path: Path,
        name: str,
        value: object,
        default: object,
        *,
        required: bool,
        level: int,
    ) -> Item | None:
        """The item for one value; None if there is nothing to show."""
        if schema is False:
            return None
        try:
            shape = self._reader.shape(schema, value)
        except TooComplex:
            shape = Shape({}, frozenset({"unclear"}), nullable=False)
        title = (shape.text("title", 120) or humanised(name)).strip()
        names = tuple(part for part in path if isinstance(part, str))
        words = shape.text("description", 600) or self._described.get(names, "")
        if not words and path == names and names in self._switches:
            words = f"Switches the subchart {self._switches[names]} on or off."
        if "const" in shape.keywords and "enum" not in shape.keywords:
            return None  # a constant: nothing to choose
        types = shape.types or _inferred(shape, default if default is not None else value)
        if level < MAX_DEPTH and self._left > 0:
            if shape.forms:
                return self._forms(shape, path, title, words, value, default, level)
            if types == _OBJECT and _holds(value, dict) and not _is_free(shape, name, value):
                items = self._below(shape, path, value, default, level)
                if items or shape.properties:
                    return Group(path, title, words, items)
            if types == _ARRAY and _holds(value, list):
                rows = self._rows(shape, path, title, words, value, level)
                if rows is not None:
                    return rows
        self._left -= 1
        if self._left < -MAX_FIELDS:
            return None  # it can still be edited in the YAML beside the form
        return _field(shape, types, path, title, words, value, default, required)

    def _below(
        self, shape: Shape, path: Path, value: object, default: object, level: int
    ) -> tuple[Item, ...]:
        below, standard = as_mapping(value), as_mapping(default)
        known = dict(shape.properties)
        if not shape.closed:
            known |= {
                name: {} for name in standard if name not in known and name not in shape.hidden
            }
            known = self._switches_in(path, known) | known
        items = (
            self._item(
                schema,
                (*path, name),
                name,
                below.get(name),
                standard.get(name),
                required=name in shape.required,
                level=level + 1,
            )
            for name, schema in known.items()
        )
        return tuple(each for each in items if each is not None)

    def _switches_in(self, path: Path, known: Mapping[str, object]) -> dict[str, object]:
        """The schemas of the switches below ``path``, and of the groups where there is but one."""
        found: dict[str, object] = {}
        for switch in self._switches:
            if len(switch) > len(path) and switch[: len(path)] == path:
                name, last = switch[len(path)], len(switch) == len(path) + 1
                if last or name not in known:
                    found[name] = known.get(name) or {"type": "boolean" if last else "object"}
        return found

    def _rows(
        self, shape: Shape, path: Path, title: str, words: str, value: object, level: int
    ) -> Item | None:
        """A row for each element; None unless they are mappings with declared properties."""
        schema = shape.keywords.get("items")
        present = as_list(value)
        if not isinstance(schema, dict) or len(present) > MAX_ROWS:
            return None
        try:
            inner = self._reader.shape(cast("object", schema), {})
        except TooComplex:
            return None
        if not inner.properties or not all(isinstance(each, dict) for each in present):
            return None
        rows = [
            self._item(
                cast("object", schema),
                (*path, number),
                f"{title} {number + 1}",
                each,
                None,
                required=False,
                level=level + 1,
            )
            for number, each in enumerate(present)
        ]
        return Rows(path, title, words, tuple(r for r in rows if r), _start(inner.keywords))

    def _forms(
        self,
        shape: Shape,
        path: Path,
        title: str,
        words: str,
        value: object,
        default: object,
        level: int,
    ) -> Alternatives:
        common = {
            name: each
            for name, each in shape.keywords.items()
            if name not in {"oneOf", "anyOf", "title", "description"}
        }
        chosen = next(
            (
                number
                for number, form in enumerate(shape.forms)
                if self._try_holds({"allOf": [form]}, value)
            ),
            None,
        )
        items: tuple[Item, ...] = ()
        if chosen is not None or "properties" in common:
            whole = {"allOf": [common, *([shape.forms[chosen]] if chosen is not None else [])]}
            inner = self._item(whole, path, "", value, default, required=False, level=level + 1)
            items = inner.items if isinstance(inner, Group) else (inner,) if inner else ()
        starts = tuple(_start({**common, **form}) for form in shape.forms)
        titles = tuple(
            str(form.get("title") or form.get("description") or f"Form {number + 1}")[:80]
            for number, form in enumerate(shape.forms)
        )
        return Alternatives(path, title, words, titles, starts, chosen, items)

    def _try_holds(self, schema: object, value: object) -> bool:
        try:
            return self._reader.holds(schema, value)
        except TooComplex:
            return False


def _field(
    shape: Shape,
    types: frozenset[str],
    path: Path,
    title: str,
    words: str,
    value: object,
    default: object,
    required: bool,
) -> Field:
    """A field with the control that fits; YAML where no other does."""
    made: dict[str, Any] = {
        "path": path,
        "title": title,
        "description": words,
        "required": required,
        "value": value,
        "default": default,
        "types": types,
        "nullable": shape.nullable,
        "non_empty": (shape.number("minLength") or 0) > 0,
        "secret": _is_secret(shape, path),
    }
    choices = as_list(shape.keywords.get("enum"))
    if choices and len(choices) <= MAX_CHOICES:
        return Field(control=Control.CHOICE, choices=_choices(shape, choices), **made)
    if types == _BOOLEAN and _holds(value, bool):
        if isinstance(default, bool) and isinstance(value, bool) and not shape.nullable:
            return Field(control=Control.SWITCH, **made)
        # A switch would show what is not set as what is off.
        return Field(control=Control.CHOICE, choices=_ON_OFF, **made)
    if types and types <= {"integer", "number"} and _holds(value, int, float):
        low, high = shape.number("minimum"), shape.number("maximum")
        step = shape.number("multipleOf") or (1 if "number" not in types else None)
        control = Control.NUMBER
        if low is not None and high is not None and not shape.nullable and low < high:
            fine = step or _step(high - low)
            inside = isinstance(value, int | float) and low <= value <= high
            if inside and fine > 0 and (high - low) / fine <= SLIDER_STEPS:
                control, step = Control.SLIDER, fine
        made |= {"minimum": low, "maximum": high, "step": step}
        return Field(control=control, **made)
    one_line = _holds(value, str, int, float) and "\n" not in str(value)
    if types and types <= {"string", "integer", "number"} and one_line:
        return Field(control=Control.TEXT, **made)
    if types == _ARRAY and _holds(value, list):
        inner = _line_types(shape.keywords.get("items"))
        if inner and all(_fits_line(each, inner) for each in as_list(value)):
            made["types"] = inner
            return Field(control=Control.LINES, **made)
    return Field(control=Control.YAML, **made)


def _holds(value: object, *kinds: type) -> bool:
    """Return True if ``value`` is None or of one of these types; a bool is not an int."""
    if isinstance(value, bool):
        return bool in kinds
    return value is None or isinstance(value, kinds)


_FREE = re.compile(r"(annotations|labels|selector)$", re.IGNORECASE)


def _is_free(shape: Shape, name: str, value: object) -> bool:
    """Return True for a mapping whose names are for its user to choose, such as labels.

    As fields none could be added, and none be taken away.
    """
    if shape.properties or any(
        isinstance(each, dict | list) for each in as_mapping(value).values()
    ):
        return False
    more = shape.keywords.get("additionalProperties")
    return bool(_FREE.search(name) or as_mapping(more))


def _inferred(shape: Shape, value: object) -> frozenset[str]:
    """The type that the schema's keywords imply, or else that of ``value``."""
    if "properties" in shape.keywords:
        return frozenset({"object"})
    if "items" in shape.keywords:
        return frozenset({"array"})
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (dict, "object"),
        (list, "array"),
    ):
        if isinstance(value, kind):
            return frozenset({name})
    return frozenset()


def _choices(shape: Shape, values: list[object]) -> tuple[Choice, ...]:
    names = as_list(shape.keywords.get("enumNames"))
    labels = [
        str(names[number]) if number < len(names) and names[number] else _shown(value)
        for number, value in enumerate(values)
    ]
    return tuple(Choice(*pair) for pair in zip(labels, values, strict=True))


def _shown(value: object) -> str:
    if value is None:
        return "(nothing)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:120] if value != "" else "(empty)"


def _line_types(items: object) -> frozenset[str]:
    """Return the JSON types of a list's rows if all are texts or numbers, else nothing."""
    kind = as_mapping(items).get("type")
    types = frozenset(str(each) for each in (as_list(kind) or [kind]))
    plain = {"string", "integer", "number"}
    return types if types <= plain and "enum" not in as_mapping(items) else frozenset()


def _fits_line(value: object, types: frozenset[str]) -> bool:
    if isinstance(value, str):
        looks_other = "string" not in types or (len(types) > 1 and number_in(value) is not None)
        return bool(value) and value == value.strip() and "\n" not in value and not looks_other
    return isinstance(value, int | float) and not isinstance(value, bool) and types != _STRING


_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")


def number_in(text: str) -> int | float | None:
    """The number in plain decimal notation that ``text`` is; None if it is not one."""
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    return float(text) if match[2] else int(text)


def _step(span: float) -> float:
    """A power of ten that divides a span into at least 50 steps, 1 at most."""
    step = 1.0
    while span / step < 50 and step > 1e-6:
        step /= 10
    return step


def _is_secret(shape: Shape, path: Path) -> bool:
    named = bool(path) and is_secret(str(path[-1]))
    return (
        named
        or shape.keywords.get("format") == "password"
        or shape.keywords.get("writeOnly") is True
    )


def _start(words: Mapping[str, object], level: int = 0) -> object:
    """The smallest value for this schema: its default, its constants, its required properties."""
    for word in ("default", "const"):
        if word in words:
            return words[word]
    if as_list(words.get("enum")):
        return as_list(words["enum"])[0]
    types = as_list(words.get("type")) or [words.get("type")]
    kinds = [each for each in types if isinstance(each, str)]
    properties = as_mapping(words.get("properties"))
    if (properties or "object" in kinds) and level < MAX_DEPTH:
        required = as_list(words.get("required"))
        below = {
            name: _start(as_mapping(schema), level + 1)
            for name, schema in properties.items()
            if name in required or "const" in as_mapping(schema)
        }
        return {name: start for name, start in below.items() if start is not None}
    starts: dict[str, object] = {"string": "", "boolean": False, "array": [], "object": {}}
    kind = kinds[0] if kinds else ""
    if kind in {"integer", "number"}:
        least = words.get("minimum")
        return least if isinstance(least, int | float) else 0
    return starts.get(kind)


def humanised(name: str) -> str:
    """A name as words: ``targetCPU`` becomes "Target CPU"."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_-]+", " ", name).split()
    lower = [each if each.isupper() and len(each) > 1 else each.lower() for each in words]
    text = " ".join(lower)
    return text[:1].upper() + text[1:120]
