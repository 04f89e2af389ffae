"""The values that a callback accepts from a browser, by the types of its parameters.

The type of a callback's parameter declares what is accepted: ``int | None``, ``str | None``, lists
of these, or one of the types below. A type without a check is an error when the portal starts.
"""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, TypeAlias, Union, cast, get_args, get_origin

from msgspec import Struct

from portal.catalog.values import as_list, as_mapping
from portal.domain.keys import Key
from portal.domain.names import survives_helm
from portal.live.topics import app_key, app_topic

Check: TypeAlias = Callable[[object], bool]
"""Returns True for a value that the handler accepts."""


class Accepts(Struct, frozen=True):
    """The check of a type, as metadata of ``Annotated``."""

    check: Check


def is_key(value: object) -> bool:
    """Return True for a namespace and a name that Kubernetes and Helm accept."""
    match as_list(value):
        case [str(namespace), str(name)]:
            return app_key(app_topic(Key(namespace, name))) is not None
        case _:
            return False


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _own_text(value: object) -> bool:
    return isinstance(value, str) and survives_helm(value)


def is_place(value: object) -> bool:
    """Return True for a chart, its version, and the release to change, if any."""
    place = as_mapping(value)
    return (
        all(_own_text(place.get(name)) for name in ("source", "chart", "version"))
        and _is_count(place.get("revision"))
        and (place.get("release") is None or is_key(place.get("release")))
    )


def is_plan(value: object) -> bool:
    """Return True for a version and the revision that was previewed with it."""
    plan = as_mapping(value)
    seen = plan.get("since")
    return value is None or (
        _own_text(plan.get("version")) and seen is not None and _is_count(seen)
    )


def is_made_up_load(value: object) -> bool:
    """Return True for the fields of a made-up load, with those of a form or texts of settings."""
    made = as_mapping(value)
    return value is None or ("load" in made and made.keys() <= {"load", "form", "texts"})


AppKey = Annotated[list[str], Accepts(is_key)]
"""Namespace and name of a release."""

Place = Annotated[dict[str, Any], Accepts(is_place)]
"""The chart, version and release of a chart's page."""

Plan = Annotated[dict[str, Any] | None, Accepts(is_plan)]
"""The change that a dialog has previewed, for its button to make."""

OwnText = Annotated[str | None, Accepts(lambda value: value is None or _own_text(value))]
"""A text that the portal put into the page, as opposed to one that a user has typed."""

MadeUpLoad = Annotated[dict[str, Any] | None, Accepts(is_made_up_load)]
"""The fields of a made-up load and what is replayed on it; their own checks report errors."""

FieldValue = Annotated[Any, Accepts(lambda _: True)]
"""The value of a form field: anything within the limits of size; the form's own checks report
errors beside the field."""

PartId: TypeAlias = dict[str, str]
"""The id of a component that matches a pattern; it is checked against the pattern."""

_PLAIN: set[object] = {str, int, bool, float, type(None)}


def check_of(hint: object) -> Check:
    """The check of a parameter's type.

    Raises:
        TypeError: the type does not declare what is accepted.
    """
    if get_origin(hint) is Annotated:
        found = [each for each in get_args(hint)[1:] if isinstance(each, Accepts)]
        if found:
            return found[0].check
    of = [check_of(each) for each in get_args(hint)]
    if get_origin(hint) in {Union, UnionType}:
        return lambda value: any(check(value) for check in of)
    if get_origin(hint) is list and of:
        (each_fits,) = of
        return lambda value: (
            isinstance(value, list) and all(map(each_fits, cast("list[object]", value)))
        )
    if hint is str or hint is bool or hint is type(None):
        plain = cast("type[object]", hint)
        return lambda value: isinstance(value, plain)
    if hint is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    raise TypeError(f"{hint} does not say what is accepted: see portal/ui/accepts.py")
