"""Dash's HTML elements, without what their constructors cost.

Dash checks each property of each element by name, and gives each a list of all names there could
be: 25 µs and 1 KiB, of which a live view has hundreds. Here Pyright checks the names instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dash import html
from dash.development.base_component import Component

if TYPE_CHECKING:
    from dash.html import (
        H1,
        H2,
        H3,
        A,
        Button,
        Dd,
        Details,
        Div,
        Dl,
        Dt,
        I,
        Label,
        Li,
        Ol,
        P,
        Pre,
        Section,
        Span,
        Strong,
        Summary,
        Table,
        Tbody,
        Td,
        Th,
        Thead,
        Time,
        Tr,
        Ul,
    )

__all__ = [
    "H1",
    "H2",
    "H3",
    "A",
    "Button",
    "Dd",
    "Details",
    "Div",
    "Dl",
    "Dt",
    "I",
    "Label",
    "Li",
    "Ol",
    "P",
    "Pre",
    "Section",
    "Span",
    "Strong",
    "Summary",
    "Table",
    "Tbody",
    "Td",
    "Th",
    "Thead",
    "Time",
    "Tr",
    "Ul",
]


def _light(element: type[Component]) -> Callable[..., Component]:
    """A function that makes what ``element`` would."""
    common = vars(element())  # the lists of names: one for all

    def make(*children: Any, **properties: Any) -> Component:
        made = element.__new__(element)
        held = vars(made)
        held.update(common)
        if children:
            (held["children"],) = children
        held.update(properties)
        return made

    return make


for _name in __all__:
    globals()[_name] = _light(getattr(html, _name))
