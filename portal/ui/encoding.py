"""Encoding of views as JSON; parts whose inputs have not changed are reused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar, cast

from dash import html
from dash.development.base_component import Component
from msgspec import Struct
from msgspec.structs import fields

Props = dict[str, dict[str, Any]]
"""Component id → property → value."""

V = TypeVar("V")

Part: TypeAlias = Callable[[V], dict[str, Any]]
"""The properties of one component, from a view."""

LARGEST = 2 * 2**20
"""The most characters of a view as JSON, in all parts together."""

_INTERNAL = frozenset(vars(html.Div())) - {"children"}
"""The attributes of a Dash component that are not properties."""


def _properties(component: Component) -> dict[str, Any]:
    return {name: value for name, value in vars(component).items() if name not in _INTERNAL}


def _plain(component: object) -> dict[str, Any]:
    """A component as ``markup.js`` draws it: type, children, and properties if there are any.

    It has a third of the bytes of Dash's form, which is sent once with each page; this is sent at
    each change to each viewer. Dash also looks for every property that there could be.
    """
    if not isinstance(component, Component):
        raise TypeError(f"not JSON: {type(component)}")
    props = _properties(component)
    short = {
        "t": component._type,  # pyright: ignore[reportPrivateUsage]
        "c": props.pop("children", None),
    }
    return {**short, "p": props} if props else short


# ASCII, since a string from the cluster may hold a lone surrogate, which UTF-8 refuses.
_JSON = json.JSONEncoder(
    default=_plain, separators=(",", ":"), allow_nan=False, check_circular=False
)


def flat(view: Struct) -> dict[str, Any]:
    """A flat view as a dictionary; unlike ``asdict`` it copies no columns."""
    return {field.name: getattr(view, field.name) for field in fields(view)}


def encode(properties: object) -> str:
    """JSON; components in the short form that only ``portal.ui.components.markup`` takes."""
    try:
        return _JSON.encode(properties)
    except ValueError:  # a number that JSON does not have
        return _JSON.encode(_finite(properties))


def _finite(value: object) -> object:
    """``value`` with null for each number that JSON does not have."""
    if isinstance(value, Component):
        return _finite(_plain(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        held = cast("dict[str, object]", value)
        return {name: _finite(each) for name, each in held.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in cast("list[object]", value)]
    return value


def plain(node: object) -> Any:
    """Components as the JSON data that Dash makes of them, for use off the event loop.

    Dash would convert every component on the loop; of plain data it only writes the text.
    """
    if isinstance(node, Component):
        return {
            "type": node._type,  # pyright: ignore[reportPrivateUsage]
            "namespace": node._namespace,  # pyright: ignore[reportPrivateUsage]
            "props": {name: plain(each) for name, each in _properties(node).items()},
        }
    if isinstance(node, list | tuple):
        return [plain(each) for each in cast("list[object]", node)]
    if isinstance(node, dict):
        return {name: plain(each) for name, each in cast("dict[str, object]", node).items()}
    return node


_CUT = encode(
    {
        "content": html.P(
            "This is too large to show here.",
            className="quiet-text",
        )
    }
)


class _Reading:
    """A proxy of a view that records the attributes that are read."""

    def __init__(self, view: object) -> None:
        self._view = view
        self._read: dict[str, object] = {}

    def __getattr__(self, name: str) -> object:
        value = self._read[name] = getattr(self._view, name)
        return value

    @staticmethod
    def read(reading: _Reading) -> Mapping[str, object]:
        return reading._read


class Encoder(Generic[V]):
    """Encodes the parts of a view, and caches them.

    A part is encoded again only when an attribute of the view that it read the last time has
    changed; views are frozen data, so nothing else can change it.
    """

    def __init__(self, parts: Mapping[str, Part[V]]) -> None:
        self._parts = parts
        self._made: dict[str, tuple[Mapping[str, object], str]] = {}

    def __call__(self, view: V) -> dict[str, str]:
        """Component id → its properties as JSON.

        The largest parts are replaced by a message while the view is larger than ``LARGEST``.
        """
        bodies = {id: self._encoded(id, part, view) for id, part in self._parts.items()}
        over = sum(map(len, bodies.values())) - LARGEST
        while over > 0:
            id = max(bodies, key=lambda each: len(bodies[each]))
            over -= len(bodies[id])
            # Only markup can show the message.
            bodies[id] = _CUT if bodies[id].startswith('{"content":') else "{}"
        return bodies

    def _encoded(self, id: str, part: Part[V], view: V) -> str:
        made = self._made.get(id)
        if made is not None and all(getattr(view, name) == was for name, was in made[0].items()):
            return made[1]
        reading = _Reading(view)
        body = encode(part(cast(V, reading)))
        self._made[id] = (_Reading.read(reading), body)
        return body
