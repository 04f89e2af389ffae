"""Checking values against a chart's schema, within limits; messages quote no value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextvars import ContextVar
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import (
    extend,  # pyright: ignore[reportUnknownVariableType]
    validator_for,  # pyright: ignore[reportUnknownVariableType]
)
from msgspec import Struct
from referencing.jsonschema import EMPTY_REGISTRY

from portal.catalog import patterns
from portal.catalog.values import as_list

Path = tuple[str | int, ...]
"""The place of a value: names in mappings, indexes in lists."""

Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]

MAX_STEPS = 100_000
"""Limit of a check's cost: a step a keyword, plus sizes of collections and costs of patterns."""
MAX_PROBLEMS = 50
MAX_UNIQUE = 500

_left: ContextVar[list[int]] = ContextVar("left")


class Problem(Struct, frozen=True):
    """A problem of the value at ``path``; the message says what to do."""

    path: Path
    message: str


class Verdict(Struct, frozen=True):
    """The result of a check.

    ``complete`` is False if the schema was too large or unusual to check everything.
    """

    problems: tuple[Problem, ...] = ()
    complete: bool = True


class _BudgetSpent(Exception):
    """The check has reached ``MAX_STEPS``."""


class Checker:
    """Checks values against one schema and its parts; external references are not followed."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        dialect = validator_for(_dialect(schema), default=Draft202012Validator)
        self.root = cast("dict[str, object]", _bare(schema))
        # Without an empty registry, external references would be fetched.
        self._validator: Any = _bounded(dialect)(self.root, registry=EMPTY_REGISTRY)

    def check(self, value: object) -> Verdict:
        """The problems of ``value``, at most ``MAX_PROBLEMS``."""
        found: dict[Problem, None] = {}
        complete = True
        _left.set([MAX_STEPS])
        try:
            for error in self._validator.iter_errors(value):
                found |= dict.fromkeys(_problems(error))
                if len(found) >= MAX_PROBLEMS:
                    break
        except Exception:  # an odd schema can raise anything; Helm checks it again
            complete = False
        ordered = sorted(found, key=lambda each: [str(part) for part in each.path])
        return Verdict(tuple(ordered[:MAX_PROBLEMS]), complete)

    def holds(self, schema: object, value: object) -> bool:
        """Return True if ``value`` is valid for a part of the schema; False where undecided."""
        _left.set([MAX_STEPS // 10])
        try:
            return bool(self._validator.evolve(schema=schema).is_valid(value))
        except Exception:
            return False


def _dialect(schema: Mapping[str, object]) -> Mapping[str, object]:
    named = schema.get("$schema")
    return {"$schema": named} if isinstance(named, str) else {}


def _bare(schema: object) -> object:
    """A schema without the keywords that would change the dialect or base URI of a part."""
    if isinstance(schema, dict):
        return {
            name: _bare(value)
            for name, value in cast("dict[str, object]", schema).items()
            if not (name in {"$schema", "$id", "id"} and isinstance(value, str))
        }
    if isinstance(schema, list):
        return [_bare(each) for each in cast("list[object]", schema)]
    return schema


@cache
def _bounded(dialect: Any) -> Any:
    """A dialect with every keyword counted, and patterns matched as Helm does."""
    own: dict[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "unevaluatedProperties": _left_to_helm,
        "unevaluatedItems": _left_to_helm,
        "uniqueItems": _unique(dialect.VALIDATORS.get("uniqueItems", _left_to_helm)),
        "format": _left_to_helm,
    }
    keywords: dict[str, Keyword] = dict(dialect.VALIDATORS) | {
        name: keyword for name, keyword in own.items() if name in dialect.VALIDATORS
    }
    counted = {name: _counted(keyword) for name, keyword in keywords.items()}
    return cast("Any", extend(dialect, counted))


def _counted(keyword: Keyword) -> Keyword:
    def counted(
        validator: Any, value: Any, instance: Any, schema: Any
    ) -> Iterable[ValidationError] | None:
        left = _left.get()
        left[0] -= 1 + _length(value) + _length(instance)
        if left[0] < 0:
            raise _BudgetSpent
        return keyword(validator, value, instance, schema)

    return counted


def _length(value: object) -> int:
    return len(cast("Sized", value)) if isinstance(value, list | dict) else 0


def _matches(pattern: str, text: str) -> bool | None:
    """As ``patterns.matches``, with its cost counted."""
    left = _left.get()
    left[0] -= 1 + patterns.cost(pattern, text)
    if left[0] < 0:
        raise _BudgetSpent
    return patterns.matches(pattern, text)


def _left_to_helm(validator: Any, value: Any, instance: Any, schema: Any) -> None:
    """Accept anything: Helm checks the same schema again."""


def _unique(keyword: Keyword) -> Keyword:
    def unique(
        validator: Any, value: Any, instance: Any, schema: Any
    ) -> Iterable[ValidationError] | None:
        return (
            None if _length(instance) > MAX_UNIQUE else keyword(validator, value, instance, schema)
        )

    return unique


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and _matches(pattern, instance) is False:
        yield ValidationError("")


def _pattern_properties(
    validator: Any, properties: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, below in properties.items():
            for name, value in cast("dict[str, object]", instance).items():
                if _matches(pattern, name):
                    yield from validator.descend(value, below, path=name)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict) or allowed is True:
        return
    known = schema.get("properties", {})
    by_pattern = schema.get("patternProperties", {})
    for name, value in cast("dict[str, object]", instance).items():
        # A name that an undecided pattern might match is not refused.
        if name in known or any(_matches(each, name) is not False for each in by_pattern):
            continue
        if allowed is False:
            yield ValidationError("", path=(name,))
        else:
            yield from validator.descend(value, allowed, path=name)


def _problems(error: ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    limit: Any = error.validator_value
    match error.validator:
        case "required":
            present = cast("dict[str, object]", error.instance)
            for name in limit:
                if name not in present:
                    yield Problem((*path, name), "The chart needs this: give it a value.")
        case "additionalProperties":
            yield Problem(
                path, "The chart does not know this name: check the spelling, or remove it."
            )
        case "type":
            kinds = [limit] if isinstance(limit, str) else limit
            words = " or ".join(_KINDS.get(str(kind), str(kind)) for kind in kinds)
            yield Problem(path, f"This has to be {words}.")
        case "enum":
            yield Problem(path, f"Choose one of: {_list(limit)}.")
        case "const":
            yield Problem(path, f"This has to be {_list([limit])}.")
        case "minimum":
            yield Problem(path, f"Choose {limit} or more.")
        case "maximum":
            yield Problem(path, f"Choose {limit} or less.")
        case "exclusiveMinimum":
            yield Problem(path, f"Choose more than {limit}.")
        case "exclusiveMaximum":
            yield Problem(path, f"Choose less than {limit}.")
        case "multipleOf":
            yield Problem(path, f"Choose a multiple of {limit}.")
        case "minLength" if limit == 1:
            yield Problem(path, "Write something here: it must not be empty.")
        case "minLength":
            yield Problem(path, f"Write at least {limit} characters.")
        case "maxLength":
            yield Problem(path, f"Write at most {limit} characters.")
        case "pattern":
            yield Problem(path, _written(str(limit), cast("Mapping[str, object]", error.schema)))
        case "minItems":
            yield Problem(path, f"Give at least {limit}.")
        case "maxItems":
            yield Problem(path, f"Give at most {limit}.")
        case "uniqueItems":
            yield Problem(path, "One of these is there twice: remove it.")
        case "minProperties":
            yield Problem(path, f"Give at least {limit} names.")
        case "maxProperties":
            yield Problem(path, f"Give at most {limit} names.")
        case "oneOf" | "anyOf" if nearer := _nearest(error):
            yield from nearer
        case "oneOf" if not error.context:
            yield Problem(path, "This fits several of the forms the chart knows: keep to one.")
        case "oneOf" | "anyOf":
            yield Problem(path, "This fits none of the forms that the chart takes here.")
        case "not":
            yield Problem(path, "The chart does not allow this together with the rest.")
        case "propertyNames":
            yield Problem(path, "A name in here is not one that the chart allows.")
        case _:
            yield Problem(path, f"The chart's schema refuses this ({error.validator}).")


def _written(pattern: str, schema: Mapping[str, object]) -> str:
    """The message for a pattern that does not match, with an example from the chart if any."""
    examples = [*as_list(schema.get("examples")), schema.get("default")]
    fitting = (each for each in examples if isinstance(each, str) and _matches(pattern, each))
    example = next((each for each in fitting if each), "")
    like = f", for example {example[:80]}" if example else ""
    return f"Write it as the chart asks for it{like}. Its pattern is {pattern[:120]}"


def _nearest(error: ValidationError) -> list[Problem]:
    """The problems in the only alternative of the right type; [] if there is not just one."""
    if not error.context or len(error.context) > 50:
        return []
    wrong_kind = {
        each.schema_path[0]
        for each in error.context
        if each.validator in {"type", "const", "enum"} and len(each.path) <= 1
    }
    rest = [each for each in error.context if each.schema_path[0] not in wrong_kind]
    if len({each.schema_path[0] for each in rest}) != 1:
        return []
    return [problem for each in rest for problem in _problems(each)]


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "names with values",
    "array": "a list",
    "null": "nothing",
}


def _list(choices: object) -> str:
    """The allowed values as text, shortened."""
    listed = cast("list[object]", choices) if isinstance(choices, list) else [choices]
    words = [
        str(each).lower() if isinstance(each, bool) else "nothing" if each is None else str(each)
        for each in listed
    ]
    return ", ".join(each[:60] for each in words[:12]) + (" …" if len(words) > 12 else "")
