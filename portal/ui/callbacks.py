"""Registration of callbacks with Dash, and the checks of their inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast, get_args, get_origin, get_type_hints, is_typeddict

from dash import Dash, Input, Output, State, ctx
from dash.dependencies import DashDependency

from portal.ui.accepts import Check, check_of

Handler: TypeAlias = Callable[..., Any]
Accepted: TypeAlias = dict[str, dict[tuple[str, str], Check]]
"""The checks of a callback's inputs, by its output, then by component id and property."""


def pressed(part: str, clicks: Sequence[int | None]) -> str | None:
    """Return a ``part`` of the id of the button that called, of many with such an id.

    None if none was pressed: new buttons call as well.
    """
    button = cast("object", ctx.triggered_id)
    if not any(clicks) or not isinstance(button, dict):
        return None
    return str(cast("dict[str, object]", button).get(part, ""))


class Callbacks:
    """Dash's ``callback`` and ``clientside_callback``, for the pages.

    ``accepted`` is derived from the handlers' types. Requests to other callbacks are refused.
    """

    def __init__(self, app: Dash) -> None:
        self._app = app
        self.accepted: Accepted = {}

    def callback(self, *arguments: Any, **named: Any) -> Callable[[Handler], Handler]:
        """Register a handler; see ``Dash.callback``.

        Raises:
            TypeError: the type of a parameter does not declare what it accepts.
        """

        def register(handler: Handler) -> Handler:
            accepted = {
                (_id(given), str(given.component_property)): _check(handler, given, hint)
                for given, hint in _inputs(handler, arguments, named.get("inputs"))
            }
            known = cast("dict[str, object]", self._app.callback_map)
            before = set(known)
            self._app.callback(*arguments, **named)(handler)  # pyright: ignore
            self.accepted |= dict.fromkeys(known.keys() - before, accepted)
            return handler

        return register

    def clientside_callback(self, *arguments: Any, **named: Any) -> None:
        """Register a callback that runs in the browser; see ``Dash.clientside_callback``."""
        self._app.clientside_callback(*arguments, **named)  # pyright: ignore


def _id(given: DashDependency) -> str:
    return str(given.component_id_str())  # pyright: ignore


def _check(handler: Handler, given: DashDependency, hint: object) -> Check:
    if given.component_property == "id":
        return lambda _: True  # compared with the component it is of
    several = isinstance(given.component_id, dict)
    if several and get_origin(hint) is not list:
        raise TypeError(f"{handler.__qualname__}: a list of {_id(given)} comes, not {hint}")
    try:
        return check_of(get_args(hint)[0] if several else hint)
    except TypeError as error:
        raise TypeError(f"{handler.__qualname__}, {_id(given)}: {error}") from None


def _inputs(
    handler: Handler, arguments: tuple[Any, ...], inputs: Mapping[str, Any] | None
) -> Iterator[tuple[DashDependency, object]]:
    """Each input and state of a callback, with the type of its handler's parameter."""
    hints = get_type_hints(handler, include_extras=True)
    named = inputs
    if named is None:
        given = [each for each in arguments if not _is_output(each)]
        named = dict(zip(inspect.signature(handler).parameters, given, strict=True))
    for name, each in named.items():
        yield from _flat(each, hints.get(name))


def _flat(given: Any, hint: Any) -> Iterator[tuple[DashDependency, object]]:
    if isinstance(given, Input | State):
        yield given, hint
        return
    for name, each in cast("Mapping[str, Any]", given).items():
        part = get_type_hints(hint, include_extras=True)[name] if is_typeddict(hint) else None
        if part is None and get_origin(hint) is dict:
            part = get_args(hint)[1]
        yield from _flat(each, part)


def _is_output(given: object) -> bool:
    several = isinstance(given, list | tuple)
    return isinstance(given, Output) or (
        several and all(map(_is_output, cast("list[object]", given)))
    )
