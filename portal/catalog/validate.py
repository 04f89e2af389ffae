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
from portal.catalog.values import as_list, as_mapping

Path = tuple[str | int, ...]
"""The place of a value: names in mappings, indexes in lists."""

Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]

MAX_STEPS = 100_000
"""Most steps of one check: keywords, the lengths of what they look through, and patterns."""
MAX_SCHEMA_STEPS = 2_000_000
"""The same for a schema that is checked itself, once when a chart is read."""
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
    """Checks against one schema and its parts, which is ``references.self_contained``."""

    def __init__(self, schema: Mapping[str, object] | bool) -> None:
        self.root = {} if isinstance(schema, bool) else dict(schema)
        dialect: Any = validator_for(_dialect(self.root), default=Draft202012Validator)
        # Without a registry of its own, references would be fetched from anywhere.
        self._validator: Any = _bounded(dialect)(
            schema if isinstance(schema, bool) else self.root, registry=EMPTY_REGISTRY
        )

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


def dialect_problem(schema: object) -> str:
    """Return the rule of its own dialect that a schema breaks, for which Helm refuses it.

    "" if there is none, or the schema is too large to tell.
    """
    named = as_mapping(schema)
    dialect: Any = validator_for(_dialect(named), default=Draft202012Validator)
    checker = _bounded(dialect)(dialect.META_SCHEMA)
    _left.set([MAX_SCHEMA_STEPS])
    try:
        error = next(iter(checker.iter_errors(schema)), None)
    except Exception:  # Helm has the last word
        return ""
    if error is None:
        return ""
    where = "/".join(map(str, error.absolute_path))[:120] or "its root"
    return (
        f"Its schema is no valid one (at {where}): Helm refuses the chart. Its author has to "
        "correct that."
    )


def _dialect(schema: Mapping[str, object]) -> Mapping[str, object]:
    named = schema.get("$schema")
    return {"$schema": named} if isinstance(named, str) else {}


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
    made = cast("Any", extend(dialect, counted))
    made.evolve = _evolve
    return made


def _evolve(validator: Any, **changes: Any) -> Any:
    """The validator of a part of the schema: of the same dialect, whatever the part names."""
    kind: Any = cast("Any", type(validator))
    for each in cast("tuple[Any, ...]", kind.__attrs_attrs__):
        if each.init and each.alias not in changes:
            changes[each.alias] = getattr(validator, each.name)
    return kind(**changes)


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
        case "minimum" if _exclusive(error, "exclusiveMinimum"):
            yield Problem(path, f"Choose more than {limit}.")
        case "maximum" if _exclusive(error, "exclusiveMaximum"):
            yield Problem(path, f"Choose less than {limit}.")
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


def _exclusive(error: ValidationError, word: str) -> bool:
    """Return True if a bound is exclusive, by the boolean of Draft 4."""
    return as_mapping(error.schema).get(word) is True


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
