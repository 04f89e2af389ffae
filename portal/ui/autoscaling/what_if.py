"""The replay card: controls whose settings are replayed as they move, and their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import ClientsideFunction, Input, Output, State, dcc, no_update

from portal.autoscalers.manifest import manifest_of, values_of
from portal.autoscalers.variants import (
    MOST,
    VariantsView,
    WhatIf,
    beyond_the_form,
    encoded,
    form_parameters,
    variants_view,
)
from portal.autoscalers.what_if import Settings
from portal.autoscaling.simulation import MOST_PODS
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.live.topics import autoscaling_topic
from portal.threads import in_thread
from portal.ui import html, ids
from portal.ui.accepts import AppKey, OwnText
from portal.ui.autoscaling import shapes
from portal.ui.autoscaling.figures import figures_table
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import (
    Node,
    button,
    code_block,
    icon,
    internal_link,
    wildcards,
)
from portal.ui.components.markup import markup
from portal.ui.components.preview import disclosure
from portal.ui.components.sliders import amount_slider, bounds_slider, target
from portal.ui.context import UiContext
from portal.ui.encoding import flat, plain
from portal.ui.routes import edit_path
from portal.viewmodels.words import joined

_CONTROLS = (
    "bounds",
    "cpu_on",
    "cpu",
    "memory_on",
    "memory",
    "cpu_request",
    "memory_request",
    "up_window",
    "down_window",
    "up_pods",
    "down_pods",
)
"""The controls, in the order in which whatif.js takes them."""

KEPT = ("a", "b", "c")
"""The names of the settings that are kept, in the address."""


def what_if_card(settings: Settings, asked: Mapping[str, str], top: int) -> list[Node]:
    """The controls, which begin with the present settings, or with those of the address."""
    top = min(MOST_PODS, max(top, settings.maximum))
    kept = [asked[name] for name in KEPT if asked.get(name)]
    return [
        dcc.Store(id=ids.WHAT_IF_BASE, data={"text": encoded(settings), **flat(settings)}),
        dcc.Store(id=ids.WHAT_IF_ASKED),
        dcc.Store(id=ids.WHAT_IF_KEPT, data=kept),
        dcc.Store(id=ids.WHAT_IF_CURVES),
        html.P(
            "Move a slider: the recorded load is replayed with these settings, and the chart shows "
            "how many pods there would have been. Nothing is changed.",
            className="words",
        ),
        html.Div(
            [
                _group(
                    "Minimum and maximum replicas",
                    bounds_slider(
                        ids.what_if("bounds"),
                        [max(1, settings.minimum), settings.maximum],
                        top,
                        eager=True,
                    ),
                ),
                target(
                    "CPU target, % of the request",
                    ids.what_if("cpu_on"),
                    ids.what_if("cpu"),
                    settings.cpu,
                    70,
                    eager=True,
                ),
                target(
                    "Memory target, % of the request",
                    ids.what_if("memory_on"),
                    ids.what_if("memory"),
                    settings.memory,
                    80,
                    eager=True,
                ),
                _group(
                    "Wait before removing pods, s (stabilization window)",
                    amount_slider(ids.what_if("down_window"), settings.down_window, 0, 900, 15),
                ),
            ],
            className="what-if-controls",
        ),
        html.P(
            id=ids.WHAT_IF_NOW, className="what-if-now", **wildcards({"data-testid": "what-if-now"})
        ),
        disclosure("More settings: requests, waiting, rates", _more(settings)),
        html.Div(
            [
                button(
                    "Keep to compare", ids.WHAT_IF_KEEP, color="secondary", outline=True, size="sm"
                ),
                button("Clear what was kept", ids.WHAT_IF_FORGET, color="link", size="sm"),
                button("Back to the present settings", ids.WHAT_IF_RESET, color="link", size="sm"),
            ],
            className="button-row",
        ),
        markup(ids.WHAT_IF_FIGURES, None, **{"aria-live": "polite"}),
        disclosure(
            "Try a load other than the recorded one",
            html.Div(shapes.panel(shapes.PAGE, asked.get("load", ""))),
            open=bool(asked.get("load")),
        ),
    ]


def _more(settings: Settings) -> html.Div:
    request, memory = settings.cpu_request, settings.memory_request
    return html.Div(
        [
            _group(
                "CPU request of a pod, thousandths of a core",
                amount_slider(ids.what_if("cpu_request"), request, 10, max(1000, 4 * request), 10),
            ),
            _group(
                "Memory request of a pod, MiB",
                amount_slider(ids.what_if("memory_request"), memory, 16, max(1024, 4 * memory), 16),
            ),
            _group(
                "Wait before adding pods, s (stabilization window)",
                amount_slider(ids.what_if("up_window"), settings.up_window, 0, 600, 15),
            ),
            _group(
                "Most pods added a minute, 0 for no such limit (scaling policy)",
                amount_slider(ids.what_if("up_pods"), settings.up_pods, 0, 20, 1),
            ),
            _group(
                "Most pods removed a minute, 0 for no such limit (scaling policy)",
                amount_slider(ids.what_if("down_pods"), settings.down_pods, 0, 20, 1),
            ),
        ],
        className="what-if-controls",
    )


def _group(label: str, control: Node) -> html.Div:
    return html.Div(
        [html.Div(label, className="form-label"), control],
        role="group",
        **wildcards({"aria-label": label}),
    )


def figures(view: VariantsView, given: WhatIf, key: Key, *, changes: bool) -> Node:
    """The figures of each replay side by side, and the way to use the settings."""
    if view.problem:
        return html.P([icon("info"), html.Span(view.problem)], className="words quiet-text")
    return [
        figures_table("Replays side by side", view.columns, view.rows),
        _use(view, given, key) if changes and view.changes and view.chosen else None,
        _away(given, view.chosen or given.base, key),
        disclosure("How far this can be trusted", html.Ul([html.Li(each) for each in view.notes])),
    ]


def _use(view: VariantsView, given: WhatIf, key: Key) -> Node:
    chosen = view.chosen or given.base
    beyond = beyond_the_form(given.base, chosen)
    words = (
        f"The form has no field for: {joined(beyond)} (`behavior` in the chart's values)."
        if beyond
        else ""
    )
    return html.Div(
        [
            internal_link(
                [icon("edit"), "Use these"],
                edit_path(key, form_parameters(given.base, chosen)),
                "btn btn-primary",
                **wildcards({"data-testid": "use-these"}),
            ),
            html.Span(
                "opens the app's form with them filled in; a preview follows before anything "
                f"changes. {words}",
                className="quiet-text",
            ),
        ],
        className="button-row use-these",
    )


def _away(given: WhatIf, settings: Settings, key: Key) -> Node:
    """The settings as manifest and values, to copy and to save."""
    if given.hpa is None:
        return None
    blocks = [
        code_block(
            ids.WHAT_IF_MANIFEST,
            manifest_of(given.hpa, given.base, settings),
            "the manifest",
            title="HorizontalPodAutoscaler (manifest)",
            file=f"{key.name}-autoscaler",
        )
    ]
    if given.built_in:
        blocks.append(
            code_block(
                ids.WHAT_IF_VALUES,
                values_of(given.hpa, given.base, settings),
                "the values",
                title="Helm values of these settings",
                file=f"{key.name}-values",
            )
        )
    return disclosure("Use these settings elsewhere: manifest, Helm values", html.Div(blocks))


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callbacks of the replay."""
    app.clientside_callback(
        ClientsideFunction("portal", "whatIfAsk"),
        Output(ids.WHAT_IF_NOW, "children"),
        Output(ids.WHAT_IF_FIGURES, "aria-busy"),
        *[Input(ids.what_if(name), "value") for name in _CONTROLS],
        Input(ids.WHAT_IF_KEPT, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("portal", "whatIfAnswered"),
        Output(ids.WHAT_IF_FIGURES, "aria-busy", allow_duplicate=True),
        Input(ids.WHAT_IF_CURVES, "data"),
        State(ids.WHAT_IF_BASE, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("portal", "whatIfKeep"),
        Output(ids.WHAT_IF_KEPT, "data"),
        Input(ids.WHAT_IF_KEEP, "n_clicks"),
        Input(ids.WHAT_IF_FORGET, "n_clicks"),
        State(ids.WHAT_IF_ASKED, "data"),
        State(ids.WHAT_IF_KEPT, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("portal", "whatIfSet"),
        *[Output(ids.what_if(name), "value") for name in _CONTROLS],
        Input(ids.WHAT_IF_RESET, "n_clicks"),
        Input(ids.WHAT_IF_BASE, "data"),
    )

    @app.callback(
        Output(ids.WHAT_IF_CURVES, "data"),
        Output(ids.WHAT_IF_FIGURES, "content"),
        Input(ids.WHAT_IF_ASKED, "data"),
        State(ids.APP_KEY, "data"),
        State(ids.AUTOSCALING_NAME, "data"),
        prevent_initial_call=True,
    )
    async def replay(asked: list[str] | None, key: AppKey, name: OwnText) -> tuple[Any, Any]:
        if not asked:
            return no_update, no_update
        return await replays(context, Key(*key), name or "", asked[:MOST])


async def replays(context: UiContext, key: Key, name: str, texts: Sequence[str]) -> tuple[Any, Any]:
    """Return the curves, with the settings that they are of, and the figures."""
    scope = context.scope(autoscaling_topic(key, name), context.identity())
    given = context.what_if(scope, key, name)
    if given is None:
        nothing = html.P("There is nothing to replay.", className="words quiet-text")
        return {"asked": list(texts), "curves": []}, nothing
    changes = scope.may(Permission.UPGRADE)

    def made() -> tuple[Any, Any]:
        view = variants_view(given, texts, context.prices)
        curves = {"asked": list(texts), "curves": [flat(each) for each in view.curves]}
        return curves, plain(figures(view, given, key, changes=changes))

    return await in_thread(made)
