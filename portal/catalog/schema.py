"""Parts of a JSON Schema resolved for a value: references, conditions and ``allOf`` applied."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from portal.catalog.validate import Checker
from portal.catalog.values import as_list, as_mapping

MAX_STEPS = 5_000
MAX_NESTED = 30

_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
_HIDDEN = "$hidden"
"""Internal keyword: properties of the branch of a condition that does not apply."""
_STRUCTURE = ("properties", "items", "allOf", "if", "oneOf", "anyOf", "$ref", "prefixItems")


class TooComplex(Exception):
    """The schema needs more steps, or deeper nesting, than allowed."""


class Shape(Struct, frozen=True):
    """One part of a schema, resolved for one value.

    ``keywords`` are merged from all that apply. ``types`` are the allowed types (empty: any),
    without ``null``, which is ``nullable``. ``forms`` are the alternatives to choose from.
    """

    keywords: Mapping[str, object]
    types: frozenset[str]
    nullable: bool
    forms: tuple[Mapping[str, object], ...] = ()

    def text(self, word: str, limit: int) -> str:
        """The text of a keyword, cut to ``limit`` characters; "" if it has none."""
        value = self.keywords.get(word)
        return value[:limit] if isinstance(value, str) else ""

    def number(self, word: str) -> float | int | None:
        """The number of a keyword; None if it has none."""
        value = self.keywords.get(word)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def properties(self) -> Mapping[str, object]:
        """The schemas of declared properties by name, in the schema's order."""
        return as_mapping(self.keywords.get("properties"))

    @property
    def required(self) -> frozenset[str]:
        """The names of required properties."""
        return frozenset(
            each for each in as_list(self.keywords.get("required")) if isinstance(each, str)
        )

    @property
    def hidden(self) -> frozenset[str]:
        """The names of properties under a condition that does not hold."""
        return frozenset(str(each) for each in as_list(self.keywords.get(_HIDDEN)))

    @property
    def closed(self) -> bool:
        """True if additional properties are refused."""
        return self.keywords.get("additionalProperties") is False


class SchemaReader:
    """Resolves parts of one schema; raises ``TooComplex`` beyond ``MAX_STEPS`` in all."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._left = MAX_STEPS

    def shape(self, schema: object, value: object) -> Shape:
        """The part ``schema``, resolved for ``value``."""
        words = self._flat(schema, value, 0)
        types = set(_types(words))
        nullable = "null" in types
        forms: tuple[Mapping[str, object], ...] = ()
        for word in ("oneOf", "anyOf"):
            listed = [self._flat(each, value, 1) for each in as_list(words.get(word))]
            real = [each for each in listed if _types(each) != ["null"]]
            if len(real) < len(listed):
                nullable = True
            real = [each for each in real if set(each) - {"required", "not", "title"}]
            if not real:
                continue
            choices = [_only(each) for each in real]
            if all(each is not None for each in choices):
                words["enum"] = [each[0] for each in choices if each is not None]
                words["enumNames"] = [each.get("title") for each in real]
            elif len(real) == 1:
                words = _merged(words, real[0])
                types |= set(_types(real[0]))
            elif all(_is_scalar(each) for each in real):
                types |= {kind for each in real for kind in _types(each)}
            else:
                forms = tuple(real)
        if isinstance(words.get("items"), dict):
            words["items"] = self._flat(words["items"], None, 1)
        return Shape(words, frozenset(types - {"null"}), nullable or "null" in types, forms)

    def holds(self, schema: object, value: object) -> bool:
        """Return True if ``value`` is valid for ``schema``."""
        self._step()
        return self._checker.holds(schema, value)

    def _flat(self, schema: object, value: object, level: int) -> dict[str, object]:
        """The keywords of a schema, with those of its references and applicable subschemas."""
        self._step()
        if level > MAX_NESTED:
            raise TooComplex
        words = dict(as_mapping(schema))
        reference = words.pop("$ref", None)
        if isinstance(reference, str):
            words = _merged(self._flat(self._target(reference), value, level + 1), words)
        for part in as_list(words.pop("allOf", None)):
            words = _merged(words, self._flat(part, value, level + 1))
        if "if" in words:
            holds = self.holds(words.pop("if"), value)
            then, otherwise = words.pop("then", None), words.pop("else", None)
            chosen, other = (then, otherwise) if holds else (otherwise, then)
            hidden = as_mapping(as_mapping(other).get("properties"))
            words[_HIDDEN] = [*as_list(words.get(_HIDDEN)), *hidden]
            words = _merged(words, self._flat(chosen, value, level + 1))
        return words

    def _target(self, reference: str) -> object:
        """The target of a local reference (``#/definitions/x``); {} if there is none."""
        if not reference.startswith("#"):
            return {}
        at: object = self._checker.root
        for part in reference[1:].strip("/").split("/"):
            if not part:
                continue
            name = part.replace("~1", "/").replace("~0", "~").replace("%25", "%")
            rows = as_list(at)
            if name.isdecimal() and int(name[:9]) < len(rows):
                at = rows[int(name[:9])]
            else:
                at = as_mapping(at).get(name, {})
        return at

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooComplex


def _types(words: Mapping[str, object]) -> list[str]:
    kind = words.get("type")
    return [str(each) for each in (as_list(kind) or ([kind] if isinstance(kind, str) else []))]


def _only(words: Mapping[str, object]) -> list[object] | None:
    """The only value that a schema allows, in a list; None if it allows several."""
    if "const" in words:
        return [words["const"]]
    choices = as_list(words.get("enum"))
    return choices if len(choices) == 1 else None


def _is_scalar(words: Mapping[str, object]) -> bool:
    types = _types(words)
    return bool(types) and set(types) <= _SCALARS and not any(each in words for each in _STRUCTURE)


def _merged(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """Both schemas combined, as far as a form needs; ``other`` takes precedence."""
    result = dict(one) | dict(other)
    if "properties" in one and "properties" in other:
        first, second = as_mapping(one["properties"]), as_mapping(other["properties"])
        result["properties"] = {
            **first,
            **{
                name: {"allOf": [first[name], schema]} if name in first else schema
                for name, schema in second.items()
            },
        }
    if "required" in one and "required" in other:
        result["required"] = [*as_list(one["required"]), *as_list(other["required"])]
    if _HIDDEN in one and _HIDDEN in other:
        result[_HIDDEN] = [*as_list(one[_HIDDEN]), *as_list(other[_HIDDEN])]
    for word, choose in (("minimum", max), ("maximum", min)):
        bounds = [
            each for each in (one.get(word), other.get(word)) if isinstance(each, int | float)
        ]
        if bounds:
            result[word] = choose(bounds)
    return result
