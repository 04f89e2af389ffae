"""The layout of the page of an autoscaler; live parts have ids and are pushed."""

from __future__ import annotations

from collections.abc import Mapping

from dash import dcc

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.live.topics import autoscaling_topic, valid
from portal.ui import html, ids
from portal.ui.autoscaling.live import autoscaling_patches
from portal.ui.autoscaling.what_if import what_if_card
from portal.ui.components.basics import Node, app_crumbs, card, page
from portal.ui.components.markup import live_chart, markup
from portal.ui.context import UiContext


def layout(context: UiContext, identity: Identity, key: Key, asked: Mapping[str, str]) -> html.Div:
    """The page of the autoscaler that the address names, by default of the first one."""
    chosen = asked.get("autoscaler", "")
    if not valid(autoscaling_topic(key, chosen)):
        chosen = ""
    view = context.autoscalers(identity, key, chosen)
    live = autoscaling_patches(view)
    return page(
        [
            dcc.Store(id=ids.APP_KEY, data=list(key)),
            dcc.Store(id=ids.AUTOSCALING_NAME, data=chosen),
            dcc.Store(id=ids.AUTOSCALING_SERIES, **live[ids.AUTOSCALING_SERIES]),
            dcc.Store(id=ids.AUTOSCALING_SERIES_TAIL, **live[ids.AUTOSCALING_SERIES_TAIL]),
            dcc.Store(id=ids.AUTOSCALING_MARKS, **live[ids.AUTOSCALING_MARKS]),
            app_crumbs(key, html.Span("Autoscaling")),
            html.Div(
                [
                    html.H1(f"Autoscaling of {key.name}", tabIndex=-1),
                    markup(ids.AUTOSCALING_HEAD, **live[ids.AUTOSCALING_HEAD]),
                ],
                className="objects-head",
            ),
            markup(ids.AUTOSCALING_STALE, **live[ids.AUTOSCALING_STALE]),
            markup(ids.AUTOSCALING_SCALERS, **live[ids.AUTOSCALING_SCALERS]),
            markup(ids.AUTOSCALING_NONE, **live[ids.AUTOSCALING_NONE]),
            html.Div(
                html.Div(
                    [
                        html.Div(
                            [
                                card(
                                    "Why it has this many pods",
                                    markup(ids.AUTOSCALING_WHY, **live[ids.AUTOSCALING_WHY]),
                                    icon_name="auto",
                                    class_name="first",
                                ),
                                card(
                                    "Load and pods over time",
                                    live_chart(ids.AUTOSCALING_CHART, linked=True),
                                    icon_name="chart",
                                ),
                                card(
                                    "From the load to a ready pod",
                                    markup(
                                        ids.AUTOSCALING_REACTION,
                                        **live[ids.AUTOSCALING_REACTION],
                                    ),
                                    icon_name="clock",
                                ),
                                card(
                                    "What if",
                                    what_if_card(view.settings, asked, context.forms.max_replicas)
                                    if view.settings
                                    else _no_replay(),
                                    icon_name="sliders",
                                ),
                                card(
                                    "The pods, as they were counted",
                                    markup(ids.AUTOSCALING_PODS, **live[ids.AUTOSCALING_PODS]),
                                    icon_name="pods",
                                ),
                            ],
                            className="column wide-column",
                        ),
                        html.Div(
                            card(
                                "What is next",
                                markup(ids.AUTOSCALING_NEXT, **live[ids.AUTOSCALING_NEXT]),
                                icon_name="events",
                                class_name="second",
                            ),
                            className="column",
                        ),
                    ],
                    className="columns app-columns",
                ),
                id=ids.AUTOSCALING_BODY,
                **live[ids.AUTOSCALING_BODY],
            ),
        ],
        topic=autoscaling_topic(key, chosen),
        title=f"Autoscaling of {key.name}",
        testid="autoscaling-page",
    )


def _no_replay() -> list[Node]:
    """Words in the place of the controls, and the store that the chart looks at."""
    return [
        dcc.Store(id=ids.WHAT_IF_CURVES),
        html.P(
            "Nothing can be replayed while the autoscaler cannot be followed.",
            className="words quiet-text",
        ),
    ]
