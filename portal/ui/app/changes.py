"""Callbacks that change a release. They only start the change; its progress is pushed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from dash import ClientsideFunction, Input, Output, State, no_update

from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.owners import Role
from portal.ui import ids
from portal.ui.accepts import AppKey, FieldValue
from portal.ui.app import advice, hand_over, history, load_test, people, plain, ranges, version
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import REQUESTED, Node, failure, notice
from portal.ui.components.sliders import message
from portal.ui.context import UiContext
from portal.ui.links import panel as links
from portal.ui.refusals import refusal
from portal.viewmodels.cost import daily_words, usual_pods
from portal.viewmodels.model import Notice, Severity

_CONTROLS = {
    "autoscaling": (ids.SCALE_AUTO, "value"),
    "replicas": (ids.SCALE_REPLICAS, "value"),
    "bounds": (ids.SCALE_BOUNDS, "value"),
    "cpu_on": (ids.scale_target_on("cpu"), "value"),
    "cpu": (ids.scale_target("cpu"), "value"),
    "memory_on": (ids.scale_target_on("memory"), "value"),
    "memory": (ids.scale_target("memory"), "value"),
}


MOST_REPLICAS = 10_000
"""The largest number of replicas whose cost is told."""


def scale_raw(controls: dict[str, FieldValue]) -> dict[str, object]:
    """The scale form in the form that ``ReleaseForms.check_scale`` takes."""
    return {
        "autoscaling": bool(controls["autoscaling"]),
        "replicas": controls["replicas"],
        "bounds": controls["bounds"],
        "target_cpu": controls["cpu"] if controls["cpu_on"] else None,
        "target_memory": controls["memory"] if controls["memory_on"] else None,
    }


def register(app: Callbacks, context: UiContext) -> None:
    """Add this page's callbacks."""
    _register_scale(app, context)
    _register_uninstall(app, context)
    _register_dismiss(app, context)
    _register_share(app, context)
    history.register(app, context)
    advice.register(app, context)
    ranges.register(app, context)
    version.register(app, context)
    plain.register(app, context)
    load_test.register(app, context)
    links.register(app, context)
    people.register(app, context)
    hand_over.register(app, context)
    _register_plain(app, context, ids.APP_CANCEL, context.actions.cancel)
    _register_plain(app, context, ids.APP_UNLOCK, context.actions.unlock)
    app.clientside_callback(
        ClientsideFunction("portal", "chart"),
        Output(ids.APP_CHART, "drawn"),
        Input(ids.APP_SERIES, "data"),
        Input(ids.APP_SERIES_TAIL, "data"),
        Input(ids.THEME, "data"),
        Input(ids.APP_LONG_SERIES, "data"),
        Input(ids.APP_MARKS, "data"),
    )


def _register_scale(app: Callbacks, context: UiContext) -> None:
    app.clientside_callback(
        ClientsideFunction("portal", "scaleFollow"),
        Output(ids.SCALE_BASE, "data"),
        *[Output(*control) for control in _CONTROLS.values()],
        Output(ids.SCALE_CONTROLS, "className"),
        Output(ids.SCALE_READ_ONLY, "className"),
        Output(ids.SCALE_READ_ONLY, "children"),
        Output(ids.SCALE_MESSAGE, "children", allow_duplicate=True),
        Input(ids.SCALE_LIVE, "data"),
        Input(ids.SCALE_RESET, "n_clicks"),
        State(ids.SCALE_BASE, "data"),
        *[State(*control) for control in _CONTROLS.values()],
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("portal", "scaleShow"),
        Output(ids.SCALE_FIXED_PART, "className"),
        Output(ids.SCALE_AUTO_PART, "className"),
        Output(ids.scale_target("cpu"), "disabled"),
        Output(ids.scale_target("memory"), "disabled"),
        Output(ids.SCALE_NOW, "children"),
        Output(ids.SCALE_APPLY, "disabled"),
        Output(ids.SCALE_RESET, "className"),
        Input(ids.SCALE_LIVE, "data"),
        *[Input(*control) for control in _CONTROLS.values()],
    )

    @app.callback(
        Output(ids.SCALE_COST, "children"),
        Input(ids.SCALE_AUTO, "value"),
        Input(ids.SCALE_REPLICAS, "value"),
        Input(ids.SCALE_BOUNDS, "value"),
        Input(ids.APP_REVISION, "data"),
        State(ids.APP_KEY, "data"),
    )
    async def cost(
        auto: FieldValue,
        replicas: FieldValue,
        bounds: FieldValue,
        revision: str | None,
        key: AppKey,
    ) -> str:
        given = cast("list[object]", bounds) if isinstance(bounds, list) and auto else [replicas]
        counts = [each for each in given if isinstance(each, int) and 0 <= each <= MOST_REPLICAS]
        view = context.app(context.identity(), Key(*key))
        if not counts or not view.exists:
            return ""
        usual = usual_pods((*view.settled, *view.unsettled))
        scale = view.scale
        return daily_words(counts, scale.cpu_request, scale.memory_request, context.prices, usual)

    @app.callback(
        Output(ids.SCALE_MESSAGE, "children"),
        Input(ids.SCALE_APPLY, "n_clicks"),
        State(ids.APP_KEY, "data"),
        {name: State(*control) for name, control in _CONTROLS.items()},
        prevent_initial_call=True,
    )
    async def apply(clicks: int | None, key: AppKey, controls: dict[str, FieldValue]) -> Node:
        if not clicks:
            return no_update
        try:
            return await scale(context, Key(*key), scale_raw(controls))
        except Exception as error:
            return refusal(error)


async def scale(context: UiContext, key: Key, raw: dict[str, object]) -> Node:
    """Check the scale form and start the change. Return the message to show."""
    identity = context.identity()
    values = await context.actions.values(identity, key)
    # The card has no control for the stabilization window: keep the present one.
    window = context.forms.prefill(key, values or {}).get("scale_down_window")
    checked = context.forms.check_scale({**raw, "scale_down_window": window}, values)
    if checked.request is None:
        return [failure(text) for text in checked.errors.values()]
    await context.actions.scale(identity, key, checked.request)
    warned = [notice(Notice(Severity.WARN, text)) for text in checked.warnings.values()]
    return [
        *warned,
        notice(REQUESTED),
    ]


def _register_uninstall(app: Callbacks, context: UiContext) -> None:
    app.clientside_callback(
        ClientsideFunction("portal", "modal"),
        Output(ids.UNINSTALL_MODAL, "is_open", allow_duplicate=True),
        Input(ids.APP_UNINSTALL, "n_clicks"),
        Input(ids.APP_UNINSTALL_AGAIN, "n_clicks"),
        Input(ids.UNINSTALL_CANCEL, "n_clicks"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.UNINSTALL_MODAL, "is_open"),
        Output(ids.UNINSTALL_FAILURE, "children"),
        Input(ids.UNINSTALL_CONFIRM, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def uninstall(clicks: int | None, key: AppKey) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            await context.actions.uninstall(context.identity(), Key(*key))
        except InvalidInput as error:
            return True, failure(str(error))
        except Exception as error:
            return True, refusal(error)
        return False, None


def _register_dismiss(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.LOCATION, "href", allow_duplicate=True),
        Output(ids.APP_ACTION_FAILURE, "children"),
        Input(ids.APP_DISMISS, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def dismiss(clicks: int | None, key: AppKey) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            await context.actions.dismiss(context.identity(), Key(*key))
        except Exception as error:
            return no_update, refusal(error)
        return "/", None


def _register_share(app: Callbacks, context: UiContext) -> None:
    @app.callback(
        Output(ids.SHARE_MESSAGE, "children"),
        *[Output(ids.share_note(role), "children") for role in Role],
        Input(ids.SHARE_SAVE, "n_clicks"),
        *[State(ids.share_with(role), "value") for role in Role],
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def share(
        clicks: int | None, own: str | None, operate: str | None, view: str | None, key: AppKey
    ) -> tuple[Node, ...]:
        if not clicks:
            return (no_update,) * 4
        asked = dict(zip(Role, (own or "", operate or "", view or ""), strict=True))
        try:
            await context.actions.share(context.identity(), Key(*key), asked)
        except InvalidInput as error:
            return None, *(message(error.fields, {}, role) for role in Role)
        except Exception as error:
            return refusal(error), None, None, None
        doubts = context.actions.share_doubts(asked)
        return notice(REQUESTED), *(message({}, doubts, role) for role in Role)


def _register_plain(
    app: Callbacks,
    context: UiContext,
    button: str,
    act: Callable[[Identity, Key], Awaitable[object]],
) -> None:
    """Add the callback of a button that starts ``act`` without a dialog."""

    @app.callback(
        Output(ids.APP_ACTION_FAILURE, "children", allow_duplicate=True),
        Input(button, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def press(clicks: int | None, key: AppKey) -> Node:
        if not clicks:
            return no_update
        try:
            await act(context.identity(), Key(*key))
        except Exception as error:
            return refusal(error)
        return None
