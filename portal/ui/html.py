"""The HTML elements that all pages are made of: ``html.Div(children, className="…")``.

They are Dash's components without the cost of Dash's constructors, 9 µs and 860 bytes instead of
1 µs and 260 for each of the hundreds on a page: those check each property by name and store a list
of all possible names (bar: a list in 20 ms, ``benchmarks/RESULTS.md``). Here Pyright checks the
names instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dash import html
from dash.development.base_component import Component

if TYPE_CHECKING:
    from dash.html import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]


def __getattr__(name: str) -> Callable[..., Component]:
    """Create the constructor of an element at its first use."""
    element: type[Component] | None = getattr(html, name, None)
    if element is None or name.startswith("_"):
        raise AttributeError(name)
    made = globals()[name] = _light(element)
    return made


def _light(element: type[Component]) -> Callable[..., Component]:
    """A fast constructor of ``element``."""
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
