"""The dialog that changes the chart version of a release: choice, preview, confirmation."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import Input, Output, State, dcc, no_update
from msgspec import Struct

from portal.domain.charts import BUILT_IN, ChartEntry
from portal.domain.errors import ChartError, Conflict, InvalidInput, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.domain.proposals import Proposal
from portal.ui import html, ids
from portal.ui.accepts import AppKey, OwnText, Plan
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, button, icon, internal_link
from portal.ui.components.markup import markup
from portal.ui.components.preview import CHECKING, change_dialog, waiting
from portal.ui.context import UiContext
from portal.ui.dialogs import close_on_cancel
from portal.ui.encoding import Props
from portal.ui.proposals import preview_content
from portal.ui.refusals import refusal
from portal.ui.routes import chart_path
from portal.viewmodels.versions import choices, is_older, move_words


class ChartOfRelease(Struct, frozen=True):
    """The chart of a release in the catalogue, and the version that the release has.

    ``newer`` is the newest version, if it is newer than ``version``; else "".
    """

    source: str
    entry: ChartEntry
    version: str
    newer: str


def version_line(live: Props) -> html.Div:
    """The chart version of the app, with the button that opens the dialog."""
    return html.Div(
        [
            markup(ids.VERSION_WORDS, **live[ids.VERSION_WORDS]),
            dbc.Button(
                id=ids.VERSION_OPEN,
                color="secondary",
                outline=True,
                size="sm",
                **live[ids.VERSION_OPEN],
            ),
        ],
        id=ids.VERSION_LINE,
        **live[ids.VERSION_LINE],
    )


def version_dialog(key: Key) -> html.Div:
    """The dialog: a choice of versions, and a preview of the chosen one."""
    return html.Div(
        [
            dcc.Store(id=ids.VERSION_PLAN),
            change_dialog(
                ids.VERSION_MODAL,
                f"Change the chart version of {key.name}",
                "version-title",
                [
                    html.Div(
                        [
                            html.Label(
                                "Version", htmlFor=ids.VERSION_CHOICE, className="form-label"
                            ),
                            dbc.Select(id=ids.VERSION_CHOICE, placeholder="Choose one"),
                            html.Div(
                                "A version of the chart, which may bring another version of the "
                                "app. The values stay as they are.",
                                id=f"{ids.VERSION_CHOICE}-hint",
                                className="form-text",
                            ),
                        ],
                        className="field version-field",
                    ),
                    html.Div(waiting(CHECKING), id=ids.VERSION_PREVIEW),
                    html.Div(id=ids.VERSION_FAILURE),
                ],
                ids.VERSION_CANCEL,
                button("Upgrade", ids.VERSION_CONFIRM, icon_name="launch", disabled=True),
            ),
        ]
    )


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of the dialog."""

    @app.callback(
        Output(ids.VERSION_MODAL, "is_open", allow_duplicate=True),
        Output(ids.VERSION_CHOICE, "options"),
        Output(ids.VERSION_CHOICE, "value"),
        Output(ids.VERSION_FAILURE, "children", allow_duplicate=True),
        Input(ids.VERSION_OPEN, "n_clicks"),
        State(ids.APP_KEY, "data"),
        prevent_initial_call=True,
    )
    async def choose(clicks: int | None, key: AppKey) -> tuple[Any, ...]:
        if not clicks:
            return (no_update,) * 4
        try:
            identity, release = context.identity(), Key(*key)
            await context.actions.check(identity, Permission.READ_VERSIONS, release)
            place = place_of(context, identity, release)
        except PortalError as error:
            return True, [], None, refusal(error)
        found = choices(place.entry, place.version)
        options = [{"label": words, "value": version} for version, words in found]
        return True, options, place.newer or None, None

    @app.callback(
        Output(ids.VERSION_PREVIEW, "children"),
        Output(ids.VERSION_CONFIRM, "disabled"),
        Output(ids.VERSION_CONFIRM, "children"),
        Output(ids.VERSION_PLAN, "data"),
        Input(ids.VERSION_MODAL, "is_open"),
        Input(ids.VERSION_CHOICE, "value"),
        State(ids.APP_KEY, "data"),
        running=[(Output(ids.VERSION_PREVIEW, "className"), "sending", "")],
        prevent_initial_call=True,
    )
    async def preview(opened: bool | None, version: OwnText, key: AppKey) -> tuple[Any, ...]:
        if not opened or not version:
            return None if opened else waiting(CHECKING), True, no_update, None
        return await previewed(context, Key(*key), version)

    @app.callback(
        Output(ids.VERSION_MODAL, "is_open"),
        Output(ids.VERSION_FAILURE, "children"),
        Input(ids.VERSION_CONFIRM, "n_clicks"),
        State(ids.VERSION_PLAN, "data"),
        State(ids.APP_KEY, "data"),
        running=[(Output(ids.VERSION_CONFIRM, "className"), "sending", "")],
        prevent_initial_call=True,
    )
    async def change(clicks: int | None, plan: Plan, key: AppKey) -> tuple[Any, Any]:
        if not clicks or not plan:
            return no_update, no_update
        try:
            identity, release = context.identity(), Key(*key)
            place = place_of(context, identity, release)
            chart = await context.catalog.chart(place.source, place.entry.name, plan["version"])
            await context.actions.change_version(
                identity, release, chart, expected_revision=plan["since"]
            )
        except Exception as error:
            return True, refusal(error)
        return False, None

    close_on_cancel(app, ids.VERSION_MODAL, ids.VERSION_CANCEL)


def place_of(context: UiContext, identity: Identity, key: Key) -> ChartOfRelease:
    """Find the chart of a release in the catalogue.

    Raises:
        Conflict: the catalogue does not have it (any more), or no other version of it.
    """
    view = context.app(identity, key).version
    entry = context.catalog.entry(view.source, view.chart) if view else None
    if view is None or entry is None or not view.choices:
        raise Conflict(
            f"The catalogue has no other version of the chart of {key.name}.",
            "Check in the catalogue that its source can be read.",
        )
    return ChartOfRelease(view.source, entry, view.version, view.newer)


async def previewed(context: UiContext, key: Key, version: str) -> tuple[Any, ...]:
    """The preview, whether the button is disabled, its content, and the plan to confirm."""
    identity = context.identity()
    try:
        await context.actions.check(identity, Permission.PREVIEW, key)
        place = place_of(context, identity, key)
    except PortalError as error:
        return refusal(error), True, no_update, None
    refused: list[Exception] = []

    async def proposal() -> Proposal:
        try:
            chart = await context.catalog.chart(place.source, place.entry.name, version)
            return await context.actions.previews.version(identity, key, chart)
        except (InvalidInput, ChartError) as error:
            refused.append(error)
            raise

    words = move_words(place.entry, place.version, version)
    content, disabled, since = await preview_content(proposal(), *words)
    older = is_older(version, place.version)
    if refused:
        content = html.Div([content, _way_out(place, version, key)])
    plan = None if since is None else {"version": version, "since": since}
    label = html.Span(f"{'Downgrade' if older else 'Upgrade'} to {version}")
    return content, disabled or plan is None, [icon("back" if older else "launch"), label], plan


def _way_out(place: ChartOfRelease, version: str, key: Key) -> Node:
    """Advice for a version whose chart refuses the values of the release."""
    refused = f"Chart version {version} does not accept the present values of {key.name}. "
    if place.source == BUILT_IN:
        return html.P(f"{refused}Change them under Edit, then try again.")
    return html.P(
        [
            refused,
            internal_link(
                f"Open them in the form of {version}",
                chart_path(place.source, place.entry.name, version, key=key),
            ),
            " to correct them and upgrade there.",
        ]
    )
