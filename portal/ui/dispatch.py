"""Dispatch of requests to callbacks, with large requests prepared off the event loop.

Dash goes through all components of a request several times before it calls the callback: for a
form of some hundred fields that would block the loop at every key press.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from inspect import isawaitable
from typing import Any

from dash import Dash
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from portal.threads import in_thread
from portal.ui.requests import IS_LARGE, PATH


def route(app: Dash) -> Route:
    """The route that answers callbacks, in place of the one that Dash adds."""

    def prepared(body: Any) -> tuple[Callable[[], Any], Any]:
        context: Any = app._initialize_context(body)  # pyright: ignore
        function = app._prepare_callback(context, body)  # pyright: ignore
        given = app._inputs_to_vals(context.inputs_list + context.states_list)  # pyright: ignore
        call: Any = app._execute_callback(function, given, context.outputs_list, context)  # pyright: ignore
        return call, context

    async def dispatch(request: Request) -> Response:
        body = request.state.json_body  # as Dash's middleware has read it
        large = bool(request.scope.get(IS_LARGE))
        call, context = await in_thread(prepared, body) if large else prepared(body)
        answer: Awaitable[Any] | Any = copy_context().run(call)
        text = await answer if isawaitable(answer) else answer
        return context.dash_response.set_response(data=text)

    return Route(PATH, dispatch, methods=["POST"])
